"""The images that are sent: synthetic, of the sizes that mammography has.

S = 0.5 MB, 512 x 512, 16 bits allocated; M = 27 MB, 3328 x 4096, a full-field digital mammogram; J = M in JPEG 2000
lossless; D = 340 MB, a tomosynthesis of 50 frames; L = 1 GB, a large one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from pydicom.uid import BreastTomosynthesisImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

from benchmarks.image_file import ImageFile
from tests.peers.synthetic import STANDARD_VIEWS, Exam, breast_pixels, mammogram, write

_FULL_FIELD = (4096, 3328)
_FRAME = (2048, 1664)


def _mammograms(folder: Path, rows: int, columns: int, transfer_syntax: str) -> list[Path]:
    """The four views of a study."""
    exam = Exam()
    return [
        write(
            mammogram(
                side, view, exam=exam, rows=rows, columns=columns, transfer_syntax=transfer_syntax, instance_number=n
            ),
            folder / f"{side}_{view}.dcm",
        )
        for n, (side, view) in enumerate(STANDARD_VIEWS, start=1)
    ]


def _tomosynthesis(folder: Path, frames: int) -> list[Path]:
    """One object, its frames written one by one: it need not fit into memory."""
    rows, columns = _FRAME
    tags = {"SOPClassUID": BreastTomosynthesisImageStorage, "NumberOfFrames": frames, "Rows": rows, "Columns": columns}
    description = mammogram(rows=16, columns=16, tags=tags, transfer_syntax=ExplicitVRLittleEndian)
    del description.PixelData
    path = write(description, folder / "tomosynthesis.dcm")
    frame = breast_pixels("L", "MLO", rows, columns)
    with path.open("ab") as file:
        file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, frames * frame.nbytes))
        for number in range(frames):
            file.write(np.roll(frame, 3 * number, axis=0).tobytes())
    return [path]


_WRITERS: Mapping[str, Callable[[Path], list[Path]]] = {
    "S": lambda folder: _mammograms(folder, 512, 512, ExplicitVRLittleEndian),
    "M": lambda folder: _mammograms(folder, *_FULL_FIELD, ExplicitVRLittleEndian),
    "J": lambda folder: _mammograms(folder, *_FULL_FIELD, JPEG2000Lossless),
    "D": lambda folder: _tomosynthesis(folder, 50),
    "L": lambda folder: _tomosynthesis(folder, 158),
}


class DataSets:
    """Writes each set below a folder when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, list[ImageFile]] = {}

    def __getitem__(self, name: str) -> list[ImageFile]:
        if name not in self._made:
            folder = self._folder / name
            folder.mkdir(parents=True)
            self._made[name] = [ImageFile.open(path) for path in _WRITERS[name](folder)]
        return self._made[name]
