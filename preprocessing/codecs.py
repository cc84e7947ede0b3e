"""One compressed frame to samples, by transfer syntax (PS3.5 A.4): fast decoders that refuse a stream cut short.

libjpeg and OpenJPH fill what is missing with grey and say nothing. A gateway must not read grey as tissue, so
completeness is proved here before or after decoding.
"""

import struct
from collections.abc import Callable
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from preprocessing.errors import PixelsTruncated
from preprocessing.pixel_format import PixelFormat

Samples = NDArray[np.integer[Any]]

_CUT_SHORT: Final = "The compressed image is cut short: part of its pixels are missing; send the original object again."
_END: Final = b"\xff\xd9"
_START_OF_TILE: Final = 0xFF90
_FILLER: Final = bytes(range(1, 240)) * 8
"""Entropy-coded bytes without a marker (0xFF) in them."""

JPEG_SYNTAXES: Final = frozenset(
    {
        "1.2.840.10008.1.2.4.50",  # baseline
        "1.2.840.10008.1.2.4.51",  # extended, 12 bit
        "1.2.840.10008.1.2.4.57",  # lossless, process 14
        "1.2.840.10008.1.2.4.70",  # lossless, first-order prediction
    }
)
JPEG_LS_SYNTAXES: Final = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})
JPEG_2000_SYNTAXES: Final = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
HTJ2K_SYNTAXES: Final = frozenset({"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"})
RLE_SYNTAX: Final = "1.2.840.10008.1.2.5"


def fast_decoder(transfer_syntax: str) -> Callable[[bytes, PixelFormat], Samples] | None:
    """The decoder for a transfer syntax, None when there is none here.

    It takes one frame's stream and its layout, returns samples of any shape, and raises PixelsTruncated when the
    stream is cut short, or the codec's own error.
    """
    if transfer_syntax in JPEG_SYNTAXES:
        return _jpeg
    if transfer_syntax in JPEG_LS_SYNTAXES:
        return _jpeg_ls
    if transfer_syntax in JPEG_2000_SYNTAXES:
        return _jpeg_2000
    if transfer_syntax in HTJ2K_SYNTAXES:
        return _htj2k
    return _rle if transfer_syntax == RLE_SYNTAX else None


def check_complete(stream: bytes, layout: PixelFormat) -> None:
    """Raise PixelsTruncated when a frame's stream ends early, before any decoder gets a chance to pad it.

    JPEG and JPEG-LS: its end marker. JPEG 2000 and HTJ2K: the lengths of its tile-parts. RLE: what its planes
    expand to.
    """
    syntax = layout.transfer_syntax
    if syntax in JPEG_SYNTAXES or syntax in JPEG_LS_SYNTAXES:
        _up_to_end(stream)
    elif syntax in JPEG_2000_SYNTAXES or syntax in HTJ2K_SYNTAXES:
        _check_tiles(stream)
    elif syntax == RLE_SYNTAX:
        _check_rle(stream, layout)


def _jpeg(stream: bytes, layout: PixelFormat) -> Samples:
    whole = _up_to_end(stream)
    samples: Samples = imagecodecs.jpeg8_decode(whole)
    tail = samples.reshape(samples.shape[0], -1)[-1, -16:]
    # libjpeg fills a short scan with one value. Where the last pixels are all alike, look closer: more data before
    # the end changes the picture only if the decoder had run out of it.
    if bool((tail == tail[0]).all()):
        again = imagecodecs.jpeg8_decode(whole[:-2] + _FILLER + _END)
        if not np.array_equal(again, samples):
            raise PixelsTruncated(_CUT_SHORT)
    return samples


def _jpeg_ls(stream: bytes, layout: PixelFormat) -> Samples:
    samples: Samples = imagecodecs.jpegls_decode(_up_to_end(stream))
    return samples


def _jpeg_2000(stream: bytes, layout: PixelFormat) -> Samples:
    samples: Samples = imagecodecs.jpeg2k_decode(stream)
    return samples


def _htj2k(stream: bytes, layout: PixelFormat) -> Samples:
    samples: Samples = imagecodecs.htj2k_decode(stream)
    return samples


def _rle(stream: bytes, layout: PixelFormat) -> Samples:
    planes: Any = imagecodecs.dicomrle_decode(stream, f"<u{layout.bits_allocated // 8}")
    samples: Samples = planes
    if samples.size < layout.rows * layout.columns:
        raise PixelsTruncated(_CUT_SHORT)
    return samples.reshape(-1)[: layout.rows * layout.columns]


def _up_to_end(stream: bytes) -> bytes:
    """The stream up to its end marker; fragments are padded to even length after it.

    By any byte: DCMTK 3.6.7, and so Orthanc, leaves the one after an odd JPEG-LS stream as it finds it. Entropy-coded
    data never holds the marker (ISO/IEC 10918-1 F.1.2.3, 14495-1 A.1), so a byte behind it proves nothing missing.
    """
    whole = stream.rstrip(b"\x00\xff")
    if whole.endswith(_END):
        return whole
    if whole[:-1].endswith(_END):
        return whole[:-1]
    raise PixelsTruncated(_CUT_SHORT)


def _check_tiles(stream: bytes) -> None:
    """Walk the tile-parts of a JPEG 2000 codestream (ISO/IEC 15444-1 A.4.2): each must reach the next, or the end."""
    start = stream.find(b"\xff\x4f\xff\x51")
    if start < 0:
        return  # no codestream at all: the decoder says so better
    place = start + 2
    try:
        while True:
            (marker,) = struct.unpack_from(">H", stream, place)
            if marker == _START_OF_TILE:
                (length,) = struct.unpack_from(">I", stream, place + 6)
                place = len(stream.rstrip(b"\x00")) - 2 if length == 0 else place + length
            elif marker == 0xFFD9:
                return
            else:
                (length,) = struct.unpack_from(">H", stream, place + 2)
                place += 2 + length
            if not struct.unpack_from(">H", stream, place)[0] > 0xFF00:
                raise PixelsTruncated(_CUT_SHORT)
    except struct.error as error:
        raise PixelsTruncated(_CUT_SHORT) from error


def _check_rle(stream: bytes, layout: PixelFormat) -> None:
    """Each byte plane of an RLE frame (PS3.5 Annex G) must expand to one byte a pixel."""
    if len(stream) < 64:
        raise PixelsTruncated(_CUT_SHORT)
    count, *offsets = struct.unpack_from("<16I", stream, 0)
    if count != layout.bits_allocated // 8:
        raise PixelsTruncated(_CUT_SHORT)
    ends = [*offsets[1:count], len(stream)]
    for start, end in zip(offsets[:count], ends, strict=True):
        try:
            expanded = len(imagecodecs.packbits_decode(stream[start:end])) if start < end else 0
        except imagecodecs.PackbitsError as error:
            raise PixelsTruncated(_CUT_SHORT) from error
        if expanded < layout.rows * layout.columns:
            raise PixelsTruncated(_CUT_SHORT)
