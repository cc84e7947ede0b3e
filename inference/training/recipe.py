"""Which recipe this is, and what tells one run of it from another."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from inference.same_run import hold_to
from inference.training.labels import Row

VERSION: Final = "0.5.0"
"""Of the recipe and of the model that it makes: whatever changes what is learnt, or how, gets a new one."""


def hold_to_this_run(work: Path, rows: Sequence[Row], steps: int) -> None:
    """Hold the files in `work` to this recipe, these images and labels, and this length; folds and seeds may be added.

    Raises RunDiffers when they are of others.
    """
    asked: dict[str, Any] = {"version": VERSION, "steps": steps, "data": _digest_of(rows)}
    hold_to(work / "run.json", asked)


def _digest_of(rows: Sequence[Row]) -> str:
    """Of every picture's bytes with what is said of it, in the order of the rows; where it lies doesn't count."""
    digest = hashlib.sha256()
    for row in rows:
        with row.path.open("rb") as picture:
            of_picture = hashlib.file_digest(picture, "sha256").hexdigest()
        digest.update("\0".join((row.path.name, row.patient_id, row.label, row.kind, of_picture, "")).encode())
    return digest.hexdigest()[:16]
