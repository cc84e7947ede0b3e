"""Pixel data of a synthetic image in every transfer syntax that mammograms come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

Pixels = NDArray[np.uint16] | NDArray[np.uint8]

UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)

_ENCODERS: dict[str, Callable[[Pixels, int], bytes]] = {
    JPEGBaseline8Bit: lambda a, bits: bytes(imagecodecs.jpeg_encode(a, level=95)),
    JPEGExtended12Bit: lambda a, bits: bytes(imagecodecs.jpeg_encode(a, level=95, bitspersample=12)),
    # Process 14 allows any predictor; 4 tells it from first-order prediction, which has a syntax of its own.
    JPEGLossless: lambda a, bits: bytes(imagecodecs.jpeg_encode(a, lossless=True, bitspersample=bits, predictor=4)),
    JPEGLosslessSV1: lambda a, bits: bytes(imagecodecs.jpeg_encode(a, lossless=True, bitspersample=bits, predictor=1)),
    JPEGLSLossless: lambda a, bits: bytes(imagecodecs.jpegls_encode(a)),
    JPEGLSNearLossless: lambda a, bits: bytes(imagecodecs.jpegls_encode(a, level=2)),
    JPEG2000Lossless: lambda a, bits: bytes(
        imagecodecs.jpeg2k_encode(a, bitspersample=bits, codecformat="j2k", reversible=True, level=0)
    ),
    JPEG2000: lambda a, bits: bytes(imagecodecs.jpeg2k_encode(a, bitspersample=bits, codecformat="j2k", level=60)),
    HTJ2KLossless: lambda a, bits: bytes(imagecodecs.htj2k_encode(a, reversible=True)),
    HTJ2KLosslessRPCL: lambda a, bits: bytes(imagecodecs.htj2k_encode(a, reversible=True, tlm=True)),
    HTJ2K: lambda a, bits: bytes(imagecodecs.htj2k_encode(a, reversible=False)),
}

LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000, HTJ2K})

TRANSFER_SYNTAXES: tuple[str, ...] = (*UNCOMPRESSED, RLELossless, *_ENCODERS)


def encode_pixels(ds: Dataset, pixels: NDArray[np.uint16], transfer_syntax: str) -> None:
    """Put the pixels into a data set (which describes them already) and name the syntax in its file meta."""
    syntax = UID(transfer_syntax)
    bits = int(ds.BitsStored)
    stored: Pixels = pixels.astype(np.uint8) if int(ds.BitsAllocated) == 8 else pixels
    ds.file_meta.TransferSyntaxUID = syntax
    if syntax in UNCOMPRESSED:
        data = stored.astype(stored.dtype.newbyteorder(">")) if syntax == ExplicitVRBigEndian else stored
        content = data.tobytes()
        ds.PixelData = content + b"\0" * (len(content) % 2)
        ds["PixelData"].VR = "OW" if int(ds.BitsAllocated) == 16 or syntax == ImplicitVRLittleEndian else "OB"
        return
    if syntax == JPEGBaseline8Bit and bits != 8:
        raise ValueError("JPEG baseline holds 8 bits: ask for the image with bits=8")
    if syntax == RLELossless:
        frame = get_encoder(RLELossless).encode(stored, **_description(ds))
    else:
        frame = _ENCODERS[syntax](stored, bits)
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    if syntax in LOSSY:
        ds.LossyImageCompression = "01"
        ds.LossyImageCompressionRatio = round(stored.nbytes / len(frame), 2)


def _description(ds: Dataset) -> dict[str, Any]:
    return {
        "rows": ds.Rows,
        "columns": ds.Columns,
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "bits_allocated": ds.BitsAllocated,
        "bits_stored": ds.BitsStored,
        "pixel_representation": 0,
        "photometric_interpretation": "MONOCHROME2",
    }
