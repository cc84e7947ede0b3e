"""A stable name for each process: a lock file that only one process can hold at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


class SlotTaken(Exception):
    """Another process already has this name."""


@dataclass(frozen=True)
class SlotName:
    """The `number`th process of a part (from 1) on a machine: "receive@gate1", "receive-2@gate1"."""

    part: str
    number: int
    node: str

    def __str__(self) -> str:
        return f"{self.local}@{self.node}"

    @property
    def local(self) -> str:
        """The name within the machine."""
        return self.part if self.number == 1 else f"{self.part}-{self.number}"


class Slot:
    """Holds a name while the process lives; the kernel lets go of it when the process dies, however it dies.

    With `shared`, several machines work in the folder, each under its own names. Without it (SQLite), the folder
    belongs to one machine: a second one finds the names taken.

    Raises:
        SlotTaken: another process holds it.

    """

    def __init__(self, folder: Path, name: SlotName, *, shared: bool) -> None:
        self.name = str(name)
        self._file = lock_file(folder, self.name if shared else name.local).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise SlotTaken(_taken(folder, name, shared)) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let go of the name."""
        self._file.close()

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_file(folder: Path, name: str) -> Path:
    """Return the file that whoever has the name holds locked."""
    return folder / f"{name}.lock"


def without_lock_file(folder: Path, names: Iterable[str]) -> list[str]:
    """Return those of the names that were never held in this folder: whoever has them works in another one."""
    return sorted(name for name in names if not lock_file(folder, name).exists())


def _taken(folder: Path, name: SlotName, shared: bool) -> str:
    if shared:
        return (
            f"another mammogate process already works as {name} in {folder.parent}: stop it first or, if it is on "
            "another machine, give each machine a NODE of its own"
        )
    return (
        f"another mammogate process already works as {name.local} in {folder.parent}: stop it first, or give this one "
        "a data folder of its own (several machines on one folder need PostgreSQL)"
    )
