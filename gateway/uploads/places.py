"""Where the files of an upload lie until they are stored as instances."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from gateway.folders import Folders
from gateway.held_alone import held_alone


def folder_of(folders: Folders, upload_id: str) -> Path:
    """Return the folder of an upload; it need not exist."""
    return folders.uploads / upload_id


def part_of(folders: Folders, upload_id: str, number: int) -> Path:
    """Return where the `number`th file of an upload grows."""
    return folder_of(folders, upload_id) / f"{number}.part"


def storing_alone(folders: Folders, upload_id: str) -> AbstractContextManager[bool]:
    """Say whether this process is the one that stores the upload; it is for as long as the block lasts, or it lives."""
    folder = folder_of(folders, upload_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return held_alone(folder / "storing.lock")
