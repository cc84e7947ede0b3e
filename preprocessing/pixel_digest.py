"""A fingerprint of the pixels that survives lossless transcoding, to tell a duplicate from a different image."""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from pydicom.pixels.utils import iter_pixels

from preprocessing.decode import decode_pixels
from preprocessing.errors import (
    MultiFrameImage,
    PixelsMissing,
    PixelsTruncated,
    PixelsUndecodable,
    UnsupportedPhotometric,
)
from preprocessing.pixel_format import read_dataset

NO_PIXELS: Final = "no-pixels"
"""What an object without pixels digests to: it says nothing of its content."""


def pixel_digest(path: Path) -> str:
    """SHA-256 (hex) over the shape and the decoded stored values of every frame; "no-pixels" for an object without.

    Equal for one image in any lossless transfer syntax and either byte order; different as soon as one stored value
    is. Raises FileUnreadable, PixelsTruncated and PixelsUndecodable when the pixels can't be read.
    """
    dataset = read_dataset(path)
    digest = hashlib.sha256()
    try:
        _add(digest, decode_pixels(dataset))
    except PixelsMissing:
        return NO_PIXELS
    except (MultiFrameImage, UnsupportedPhotometric):
        # Kept objects (tomosynthesis, colour captures) have duplicates too: frame by frame, as pydicom decodes them.
        try:
            for frame in iter_pixels(dataset):
                _add(digest, frame)
        except PixelsTruncated:
            raise
        except Exception as error:
            raise PixelsUndecodable(
                f"The pixels can't be decoded ({type(error).__name__}); compare by hand."
            ) from error
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", values: np.ndarray) -> None:
    digest.update(repr(values.shape).encode())
    # One width and byte order for all: a transcoder may change how many bits are allocated, not the value.
    digest.update(np.ascontiguousarray(values, dtype="<i4").tobytes())
