"""Taking a place among the processes of all machines: a name that nobody else has, and signs of life under it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from gateway.heartbeat import Heart, alive_in
from gateway.parts import Parts
from gateway.processes.stopping import StartRefused
from gateway.slots import Slot, SlotName, SlotTaken, without_lock_file

_FOLDER_ID: Final = "folder.id"


@contextmanager
def joined(parts: Parts, part: str, number: int = 1) -> Iterator[str]:
    """Hold the name of the `number`th process of a part on this machine, and return it.

    Raises:
        StartRefused: another process has the name, or others work over this database with another data folder.

    """
    name = SlotName(part, number, parts.settings.resolved_node)
    try:
        slot = Slot(parts.folders.slots, name, shared=not parts.database.is_sqlite)
    except SlotTaken as error:
        raise StartRefused(str(error)) from None
    with slot:
        folder_id = _folder_id(parts.folders.slots)
        _refuse_another_folder(parts, folder_id)
        heart = Heart(parts.database, slot.name, folder_id)
        heart.beat()  # before anything is done under the name
        stop = threading.Event()
        threading.Thread(target=heart.run, args=(stop,), name="heart", daemon=True).start()
        try:
            yield slot.name
        finally:
            stop.set()


def _refuse_another_folder(parts: Parts, folder_id: str) -> None:
    if parts.database.is_sqlite:
        return
    with parts.database.read() as session:
        living = alive_in(session)
    untold = [name for name, other in living.items() if other is None]
    others = [name for name in untold if not name.endswith(f"@{parts.settings.resolved_node}")]
    elsewhere = [name for name, other in living.items() if other not in (None, folder_id)]
    elsewhere += without_lock_file(parts.folders.slots, others)
    if elsewhere:
        raise StartRefused(
            f"{min(elsewhere)} works over the same database, but not in the data folder {parts.folders.root}: mount "
            "one folder on all machines, set DATA_DIR to it, and give each machine a NODE of its own"
        )


def _folder_id(slots: Path) -> str:
    """Return the id of the data folder; the first process makes it, and of two at once one wins."""
    file = slots / _FOLDER_ID
    if not file.exists():
        mine = slots / f"{_FOLDER_ID}.{uuid4()}"
        mine.write_text(str(uuid4()), "ascii")
        with suppress(FileExistsError):
            file.hardlink_to(mine)  # whole or not at all, and never over another one
        mine.unlink()
    return file.read_text("ascii").strip()
