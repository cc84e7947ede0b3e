"""`mammogate model pictures`: what the reference's preprocessing does to real films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.console import out
from gateway.cli.failures import CommandFailed

STEPS_FILE: Final = "reference-steps.png"
PATCHES_FILE: Final = "reference-patches.png"
# Masses marked by CBIS-DDSM, found in these films by matching its lesion crops (correlation .997 and .994): the case
# of the package, the file, the film's name, and left, top, width, height in pixels.
_BENIGN: Final = ("sfm-benign-0", "1-130.dcm", "P_00173 left CC", (913, 2287, 345, 302))
_MALIGNANT: Final = ("sfm-malign-0", "1-280.dcm", "P_00820 left CC", (0, 2909, 145, 189))


def pictures(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the two pictures go.")],
) -> None:
    """Draw the reference's preprocessing, step by step, and its patches, from the demonstration films."""
    import numpy as np
    from pydicom import dcmread

    from gateway.demo.study import DemoImagesMissing, case_images
    from preprocessing.reference.patches import Box
    from preprocessing.reference.pictures import draw_patches, draw_steps

    films = []
    for case, file, name, lesion in (_BENIGN, _MALIGNANT):
        try:
            paths = {path.name: path for path in case_images(case)}
        except DemoImagesMissing as error:
            raise CommandFailed(str(error)) from error
        films.append((name, dcmread(paths[file]), Box(*lesion)))
    draw_steps(films, directory / STEPS_FILE)
    name, dataset, box = films[0]
    roi = np.zeros((dataset.Rows, dataset.Columns), dtype=np.uint8)
    roi[box.y : box.y + box.height, box.x : box.x + box.width] = 1
    draw_patches(name, dataset, roi, directory / PATCHES_FILE)
    for file in (STEPS_FILE, PATCHES_FILE):
        out.print(str(directory / file))
