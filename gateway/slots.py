"""A stable name for each process: a lock file that only one process can hold at a time."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType


class SlotTaken(Exception):
    """Another process already has this name."""


class Slot:
    """Holds `name` while the process lives; the kernel lets go of it when the process dies, however it dies.

    The full name carries the host, so that several machines over one database never share one.

    Raises:
        SlotTaken: another process holds it.

    """

    def __init__(self, folder: Path, name: str) -> None:
        self.name = f"{name}@{socket.gethostname()}"
        self._file = (folder / f"{name}.lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise SlotTaken(
                f"another mammogate process already works as {name} in {folder.parent}: stop it first, "
                "or give this one a data folder of its own"
            ) from None
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
