"""Lossless pixels as one HTJ2K codestream whose first bytes are a whole picture, coarser (ISO/IEC 15444-15).

RPCL progression with one tile-part a resolution: everything of the coarser resolutions lies before anything of the
finer ones, and the lengths of the tile-parts say where each begins.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

DECOMPOSITIONS: Final = 5
"""Halvings from the whole picture to the coarsest; six resolutions, the coarsest of a full mammogram about 90 x 150."""
_START_OF_TILE_PART: Final = 0xFF90
_END_OF_CODESTREAM: Final = 0xFFD9


@dataclass(frozen=True)
class Level:
    """A resolution: `rows` x `columns` pixels, decoded from the first `length` bytes of the codestream."""

    rows: int
    columns: int
    length: int


@dataclass(frozen=True)
class Codestream:
    """The bytes, and what their beginnings hold: the coarsest level first, the last one is the whole, lossless."""

    content: bytes
    levels: tuple[Level, ...]

    @property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


def encode(pixels: NDArray[np.uint16]) -> Codestream:
    """Encode a grey picture (rows, columns) without loss."""
    content = bytes(
        imagecodecs.htj2k_encode(
            pixels,
            reversible=True,
            resolutions=DECOMPOSITIONS,
            tilepart=imagecodecs.HTJ2K.TILEPART.RESOLUTIONS,
            tlm=True,
        )
    )
    ends = _ends_of_tile_parts(content)
    # The last level is the whole file: its end marker belongs to it.
    ends[-1] = len(content)
    rows, columns = pixels.shape
    halvings = reversed(range(len(ends)))
    levels = (Level(-(-rows >> n), -(-columns >> n), end) for n, end in zip(halvings, ends, strict=True))
    return Codestream(content, tuple(levels))


def _ends_of_tile_parts(content: bytes) -> list[int]:
    """Walk the markers of a codestream (ISO/IEC 15444-1 A.4.2): Psot of each tile-part leads to the next."""
    ends: list[int] = []
    place = 2  # after Start Of Codestream, which has no length
    while True:
        (marker,) = struct.unpack_from(">H", content, place)
        if marker == _END_OF_CODESTREAM:
            return ends
        if marker == _START_OF_TILE_PART:
            (length,) = struct.unpack_from(">I", content, place + 6)
            place += length
            ends.append(place)
        else:
            (length,) = struct.unpack_from(">H", content, place + 2)
            place += 2 + length
