"""A hold on the files of the data folder: while a backup copies them, retention deletes none."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.folders import Folders

_LOCK: Final = "files.lock"


@contextmanager
def hold_files(folders: Folders) -> Iterator[None]:
    """Keep every file that has a row until the block ends; waits for a deletion that is going on. Many may hold."""
    with (folders.slots / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def files_free(folders: Folders) -> Iterator[bool]:
    """Say whether files may be deleted in the block: nobody holds them, and nobody can until the block ends."""
    with (folders.slots / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
