"""Files that are there whole or not at all, also after kill -9 or a power cut."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def replace_file(file: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `file`, make it durable, and put it in `file`'s place.

    The neighbour keeps `file`'s ending, by which writers choose their format.
    """
    fresh = file.with_name(f".{file.stem}.fresh{file.suffix}")
    write(fresh)
    with fresh.open("rb") as stream:
        os.fsync(stream.fileno())
    fresh.replace(file)
    sync_folder(file.parent)


def replace_json(file: Path, value: Any) -> None:
    """Write a value as JSON in `file`'s place."""
    text = json.dumps(value, indent=1)
    replace_file(file, lambda fresh: fresh.write_text(text, encoding="utf-8"))


def read_json(file: Path) -> Any:
    """What `replace_json` wrote."""
    return json.loads(file.read_text(encoding="utf-8"))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
