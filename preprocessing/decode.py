"""From a DICOM object to its stored values, exactly as the modality wrote them."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRBigEndian

from preprocessing.codecs import JPEG_LS_SYNTAXES, JPEG_SYNTAXES, RLE_SYNTAX, Samples, check_complete, fast_decoder
from preprocessing.errors import ImageRefused, PixelsTruncated, PixelsUndecodable
from preprocessing.pixel_format import PixelFormat, pixel_format, read_dataset, stored_values

_DCMTK_SECONDS: Final = 120


def decode_pixels(source: Path | Dataset) -> NDArray[np.integer[Any]]:
    """The stored values of a grey image: (rows, columns), uint8/16/32 or int8/16/32, before any look-up table.

    Decodes native pixels, RLE, JPEG (baseline, extended, lossless), JPEG-LS, JPEG 2000 and HTJ2K. Tries fast
    decoders, then pydicom's, then DCMTK's programs where they are installed. Raises FileUnreadable, PixelsMissing,
    PixelsTruncated, PixelsUndecodable, MultiFrameImage, UnsupportedPhotometric: all ImageRefused.
    """
    dataset = read_dataset(source)
    layout = pixel_format(dataset)
    if layout.transfer_syntax.is_encapsulated:
        return _compressed(dataset, layout)
    return _native(dataset, layout)


def _native(dataset: Dataset, layout: PixelFormat) -> NDArray[np.integer[Any]]:
    pixels = bytes(dataset.PixelData)
    if len(pixels) < layout.frame_bytes:
        raise PixelsTruncated(
            f"The image is cut short: {len(pixels):,} of {layout.frame_bytes:,} bytes are there; "
            "send the original object again."
        )
    order = ">" if layout.transfer_syntax == ExplicitVRBigEndian else "<"
    samples = np.frombuffer(pixels, dtype=f"{order}u{layout.bits_allocated // 8}", count=layout.rows * layout.columns)
    return _finished(samples, layout, shift=True)


def _compressed(dataset: Dataset, layout: PixelFormat) -> NDArray[np.integer[Any]]:
    syntax = layout.transfer_syntax
    try:
        stream = get_frame(bytes(dataset.PixelData), 0, number_of_frames=1)
    except Exception as error:
        # The fragments' own structure is broken; pydicom has several ways of noticing.
        raise PixelsTruncated(
            "The compressed image is cut short: its fragments are incomplete; send the original object again."
        ) from error
    check_complete(stream, layout)
    decoder = fast_decoder(syntax)
    failures: list[str] = []
    if decoder is not None:
        try:
            return _finished(decoder(stream, layout), layout, shift=syntax == RLE_SYNTAX)
        except ImageRefused:
            raise
        except Exception as error:  # noqa: BLE001 - every codec raises errors of its own; the next one is tried
            failures.append(f"{type(error).__name__}: {error}")
    try:
        return _finished(_by_pydicom(dataset, layout), layout, shift=False)
    except Exception as error:  # noqa: BLE001 - as above
        failures.append(f"{type(error).__name__}: {error}")
    try:
        samples = _by_dcmtk(dataset, layout)
    except (subprocess.SubprocessError, OSError) as error:
        failures.append(f"{type(error).__name__}: {error}")
        samples = None
    if samples is not None:
        return _finished(samples, layout, shift=True)
    raise PixelsUndecodable(
        f"The image's {syntax.name} pixels can't be decoded, they are damaged or of an unknown kind; "
        f"send the original object again. ({'; '.join(failures)[:300]})"
    )


def _finished(samples: Samples, layout: PixelFormat, *, shift: bool) -> NDArray[np.integer[Any]]:
    if samples.size != layout.rows * layout.columns:
        raise PixelsTruncated(
            f"The image holds {samples.size:,} pixels and its header promises {layout.rows} x {layout.columns}; "
            "send the original object again."
        )
    return stored_values(samples.reshape(layout.rows, layout.columns), layout, shift=shift)


def _by_pydicom(dataset: Dataset, layout: PixelFormat) -> Samples:
    samples, _ = get_decoder(layout.transfer_syntax).as_array(dataset, raw=True, index=0)
    return samples


def _by_dcmtk(dataset: Dataset, layout: PixelFormat) -> Samples | None:
    """DCMTK reads streams that stricter decoders refuse; None when its program isn't installed."""
    syntax = layout.transfer_syntax
    if syntax in JPEG_SYNTAXES:
        name = "dcmdjpeg"
    elif syntax in JPEG_LS_SYNTAXES:
        name = "dcmdjpls"
    elif syntax == RLE_SYNTAX:
        name = "dcmdrle"
    else:
        return None
    program = shutil.which(name)
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="decode-") as folder:
        compressed, native = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        dataset.save_as(compressed)
        subprocess.run(  # noqa: S603 - a program found on the PATH, given two files of our own
            [program, "--quiet", str(compressed), str(native)],
            check=True,
            capture_output=True,
            timeout=_DCMTK_SECONDS,
        )
        decoded = read_dataset(native)
        described = pixel_format(decoded)
        pixels = bytes(decoded.PixelData)
        if len(pixels) < described.frame_bytes or described.bits_allocated != layout.bits_allocated:
            raise PixelsTruncated("The compressed image is cut short; send the original object again.")
        count = layout.rows * layout.columns
        return np.frombuffer(pixels, dtype=f"<u{layout.bits_allocated // 8}", count=count)
