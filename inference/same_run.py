"""A folder holds one run: going on with another data set, other settings or another recipe is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inference.files import read_json, replace_json


class RunDiffers(Exception):
    """The folder holds a run with other settings or other data."""


def hold_to(file: Path, asked: Mapping[str, Any]) -> None:
    """Keep in `file` what tells this run from another, or go on with the one that is there.

    Raises RunDiffers when it is another.
    """
    if not file.exists():
        replace_json(file, dict(asked))
        return
    there = read_json(file)
    differing = [name for name in asked if there.get(name) != asked[name]]
    if differing:
        shown = ", ".join(f"{name} {there.get(name)} instead of {asked[name]}" for name in differing)
        raise RunDiffers(f"{file.parent} holds a run with {shown}; name another folder, or the same options to go on.")
