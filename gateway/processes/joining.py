"""Taking a place among the processes of all machines: a name that nobody else has, and signs of life under it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.heartbeat import Heart, alive
from gateway.parts import Parts
from gateway.processes.stopping import StartRefused
from gateway.slots import Slot, SlotName, SlotTaken, without_lock_file


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
        _refuse_another_folder(parts)
        heart = Heart(parts.database, slot.name)
        heart.beat()  # before anything is done under the name
        stop = threading.Event()
        threading.Thread(target=heart.run, args=(stop,), name="heart", daemon=True).start()
        try:
            yield slot.name
        finally:
            stop.set()


def _refuse_another_folder(parts: Parts) -> None:
    if parts.database.is_sqlite:
        return
    with parts.database.read() as session:
        living = alive(session)
    others = [name for name in living if not name.endswith(f"@{parts.settings.resolved_node}")]
    elsewhere = without_lock_file(parts.folders.slots, others)
    if elsewhere:
        raise StartRefused(
            f"{elsewhere[0]} works over the same database, but not in the data folder {parts.folders.root}: mount one "
            "folder on all machines and set DATA_DIR to it"
        )
