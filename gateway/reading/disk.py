"""One file that is lost, or the whole disk: the first is the image's trouble, the second says nothing about it."""

from __future__ import annotations

import os
from pathlib import Path


class DiskAway(Exception):
    """The folder that should hold a file can't be listed: the disk, or its mount, is not there."""


def require_disk(folder: Path) -> None:
    """Raise DiskAway unless the folder is there and can be listed, so that what it lacks is lost."""
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except OSError as error:
        raise DiskAway(
            f"The disk with the images can't be read ({error.strerror}): see that the data folder is mounted."
        ) from None
