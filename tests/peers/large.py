"""A tomosynthesis object of any size, written without holding it in memory."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from pydicom.uid import BreastTomosynthesisImageStorage, ExplicitVRLittleEndian

from tests.peers.synthetic import Exam, mammogram, write

_CHUNK = 1 << 20


def write_large_tomosynthesis(path: Path, megabytes: int, exam: Exam | None = None) -> Path:
    """Write a Breast Tomosynthesis file whose pixel data has that many MiB (at most 4095)."""
    frames = megabytes  # 1024 x 512 pixels of 2 bytes = 1 MiB a frame
    tags = {"SOPClassUID": BreastTomosynthesisImageStorage, "NumberOfFrames": frames, "Rows": 1024, "Columns": 512}
    ds = mammogram(exam=exam, rows=16, columns=16, tags=tags, transfer_syntax=ExplicitVRLittleEndian)
    del ds.PixelData
    write(ds, path)
    block = os.urandom(_CHUNK)  # no file system or network layer can compress it
    with path.open("ab") as file:
        file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, frames * _CHUNK))
        for _ in range(frames):
            file.write(block)
    return path
