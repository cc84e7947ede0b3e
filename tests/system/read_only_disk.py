"""A data folder that a test makes read-only while a gateway works in it, and writable again."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class ReadOnlyDisk:
    """Uses a bind mount over the folder; who may not mount takes the right to write from the folders.

    The kernel makes no file system read-only on request in which a file is open for writing, and SQLite's always is.
    So whatever is opened from now on is read-only here, and what was open before stays writable.
    """

    folder: Path
    _mounted: bool = False
    _modes: dict[Path, int] = field(default_factory=dict)

    def make_read_only(self) -> None:
        folder = str(self.folder)
        if shutil.which("mount") and _succeeds("mount", "--bind", "-o", "ro", folder, folder):
            self._mounted = True
            return
        if os.geteuid() == 0:
            pytest.skip("root that may not mount can't be kept from writing")
        for path in (self.folder, *self.folder.rglob("*")):
            self._modes[path] = path.stat().st_mode
            path.chmod(self._modes[path] & 0o555)

    def make_writable(self) -> None:
        if self._mounted:
            assert _succeeds("mount", "-o", "remount,bind,rw", str(self.folder))
        for path, mode in self._modes.items():
            path.chmod(mode)
        self._modes.clear()

    def leave(self) -> None:
        """Take the mount away, also from under who still works there because a test failed."""
        if self._mounted:
            assert _succeeds("umount", "-l", str(self.folder))


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def read_only_disk(folder: Path) -> Iterator[ReadOnlyDisk]:
    """Handle of a folder that can be made read-only; enter it before the gateway that works there."""
    disk = ReadOnlyDisk(folder)
    try:
        yield disk
    finally:
        disk.make_writable()
        disk.leave()
