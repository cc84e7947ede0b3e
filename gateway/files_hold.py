"""A hold on the files of the data folder: while a backup copies them, retention deletes none."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from gateway.folders import Folders
from gateway.held_alone import held_alone

_LOCK: Final = "files.lock"


@contextmanager
def hold_files(folders: Folders) -> Iterator[None]:
    """Keep every file that has a row until the block ends; waits for a deletion that is going on. Many may hold."""
    with (folders.slots / _LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def files_free(folders: Folders) -> AbstractContextManager[bool]:
    """Say whether files may be deleted in the block: nobody holds them, and nobody can until the block ends."""
    return held_alone(folders.slots / _LOCK)
