"""`mammogate model pictures`: what the reference's preprocessing does to real films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer
from pydicom import dcmread

from gateway.cli.console import out
from gateway.cli.failures import CommandFailed
from gateway.demo.study import DemoImagesMissing, case_images
from preprocessing.reference.film import FILM_MILLIMETRES
from preprocessing.reference.patches import Box
from preprocessing.reference.pictures import draw_patches, draw_steps

STEPS_FILE: Final = "reference-steps.png"
PATCHES_FILE: Final = "reference-patches.png"
# Masses marked by CBIS-DDSM, found in these films by matching its lesion crops (correlation .997 and .994).
_BENIGN: Final = ("sfm-benign-0", "1-130.dcm", "P_00173 left CC", Box(913, 2287, 345, 302))
_MALIGNANT: Final = ("sfm-malign-0", "1-280.dcm", "P_00820 left CC", Box(0, 2909, 145, 189))


def pictures(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the two pictures go.")],
) -> None:
    """Draw the reference's preprocessing, step by step, and its patches, from the demonstration films."""
    try:
        films = [(name, dcmread(_film(case, file)), lesion) for case, file, name, lesion in (_BENIGN, _MALIGNANT)]
    except DemoImagesMissing as error:
        raise CommandFailed(str(error)) from error
    draw_steps(films, directory / STEPS_FILE)
    name, dataset, lesion = films[0]
    roi = np.zeros((dataset.Rows, dataset.Columns), dtype=np.uint8)
    roi[lesion.y : lesion.y + lesion.height, lesion.x : lesion.x + lesion.width] = 1
    draw_patches(name, dataset, roi, directory / PATCHES_FILE)
    out.print(f"{directory / STEPS_FILE}\n{directory / PATCHES_FILE}\nfilms at {FILM_MILLIMETRES} mm a pixel")


def _film(case: str, file: str) -> Path:
    return next(path for path in case_images(case) if path.name == file)
