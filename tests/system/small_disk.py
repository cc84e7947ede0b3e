"""A data folder on a disk that a test can fill up and empty again."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_MIB = 2**20
_PAGE = 4096
_SIZE = 96 * _MIB


@dataclass
class SmallDisk:
    """`settings`: what a gateway on it is started with."""

    folder: Path
    settings: dict[str, str]
    room: int
    """Bytes above the reserve that are left when the test starts."""

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, leaving: int = 0) -> None:
        """Leave so many bytes; by default no room at all."""
        wanted = min(shutil.disk_usage(self.folder).free, self.room) - leaving
        taken, step = 0, wanted
        with self._filler.open("wb") as file:
            # Halved again and again: others write too, and the file system needs some room for itself.
            while (step := min(step, wanted - taken)) >= _PAGE:
                try:
                    os.posix_fallocate(file.fileno(), taken, step)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2
                else:
                    taken += step

    def make_room(self) -> None:
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Use a tmpfs, whose end is a real one; who may not mount one gets a reserve that is nearly reached.

    The reserve takes the same way through the intake, only a little earlier: nothing is written any more.
    """
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    mounted = shutil.which("mount") is not None and subprocess.run(mount, capture_output=True).returncode == 0
    if mounted:
        try:
            yield SmallDisk(folder, {"MAMMOGATE_RESERVE_MIB": "0"}, _SIZE)
        finally:
            subprocess.run(["umount", str(folder)], check=True)
        return
    room = 1024 * _MIB  # others write on this disk too
    reserve = shutil.disk_usage(folder).free - room
    disk = SmallDisk(folder, {"MAMMOGATE_RESERVE_MIB": str(reserve // _MIB)}, 2 * room)
    yield disk
