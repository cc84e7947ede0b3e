"""What the header promises about the pixels: size, bits, sign, compression (PS3.3 C.7.6.3)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID, ExplicitVRLittleEndian

from preprocessing.errors import (
    FileUnreadable,
    MultiFrameImage,
    PixelsMissing,
    PixelsUndecodable,
    UnsupportedPhotometric,
)
from preprocessing.header import number_of, text_of

GREY = ("MONOCHROME1", "MONOCHROME2")


@dataclass(frozen=True)
class PixelFormat:
    """Layout of one grey image. `bits_stored` of `bits_allocated` carry the value, the uppermost at `high_bit`."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    transfer_syntax: UID

    @property
    def frame_bytes(self) -> int:
        """Length of the uncompressed frame."""
        return self.rows * self.columns * (self.bits_allocated // 8)


def read_dataset(source: Path | Dataset, *, pixels: bool = True) -> Dataset:
    """Read the file, without its pixels if need be, or pass a data set on. Raises FileUnreadable."""
    if isinstance(source, Dataset):
        return source
    try:
        return pydicom.dcmread(source, stop_before_pixels=not pixels)
    except InvalidDicomError as error:
        raise FileUnreadable(f"{source.name} is not a DICOM file; send the original object again.") from error
    except FileNotFoundError as error:
        raise FileUnreadable(
            f"{source.name} does not exist; restore it from a backup or send the original object again."
        ) from error
    except OSError as error:
        raise FileUnreadable(
            f"The disk did not give {source.name} ({error.strerror}); look at the disk, then send the object again."
        ) from error
    except Exception as error:
        # A damaged file can fail anywhere in the parser; which way is of no use to whoever reads the sentence.
        raise FileUnreadable(
            f"{source.name} can't be read as DICOM, it is damaged or cut off; send the original object again."
        ) from error


def pixel_format(dataset: Dataset) -> PixelFormat:
    """Check that the data set holds one grey image and say how it is laid out.

    Raises PixelsMissing, MultiFrameImage, UnsupportedPhotometric, PixelsUndecodable.
    """
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise UnsupportedPhotometric("The image holds floating point numbers, not X-ray grey values.")
        raise PixelsMissing("The object holds no image; send the original image.")
    numbers = {name: number_of(dataset, name) for name in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit")}
    rows, columns, allocated = (int(numbers[name] or 0) for name in ("Rows", "Columns", "BitsAllocated"))
    if rows < 1 or columns < 1:
        raise PixelsMissing("The header doesn't say how large the image is; send the original image.")
    frames = number_of(dataset, "NumberOfFrames")
    if frames is not None and frames > 1:
        raise MultiFrameImage(f"The object holds {frames:.0f} frames; only single images are read.")
    photometric = text_of(dataset, "PhotometricInterpretation") or "MONOCHROME2"
    samples = number_of(dataset, "SamplesPerPixel")
    if photometric not in GREY or samples not in (None, 1.0):
        raise UnsupportedPhotometric(
            f"The image is {photometric}, not grey (MONOCHROME1 or MONOCHROME2); send the original mammogram."
        )
    if allocated not in (8, 16, 32):
        raise PixelsUndecodable(f"The image has {allocated} bits a pixel; 8, 16 and 32 are known.")
    stored = int(numbers["BitsStored"] or allocated)
    stored = stored if 1 <= stored <= allocated else allocated
    high_bit = int(numbers["HighBit"] if numbers["HighBit"] is not None else stored - 1)
    high_bit = high_bit if stored - 1 <= high_bit < allocated else stored - 1
    signed = number_of(dataset, "PixelRepresentation") == 1.0
    return PixelFormat(rows, columns, allocated, stored, high_bit, signed, transfer_syntax(dataset))


def transfer_syntax(dataset: Dataset) -> UID:
    """The transfer syntax of the file meta information; Explicit VR Little Endian when it says nothing."""
    meta = getattr(dataset, "file_meta", None)
    return UID(str(getattr(meta, "TransferSyntaxUID", "") or ExplicitVRLittleEndian))


def stored_values(samples: NDArray[np.integer], layout: PixelFormat, *, shift: bool) -> NDArray[np.integer]:
    """Cut the stored bits out of the samples and extend their sign.

    `samples`: 2-D, any integer type. `shift`: whether `high_bit` applies (it does to native and RLE pixels; other
    codecs carry the value itself). Returns uint8/16/32, or int8/16/32 for signed pixels. Bits above the stored ones,
    where old devices kept overlays, are dropped.
    """
    width = layout.bits_allocated
    unsigned = {8: np.uint8, 16: np.uint16, 32: np.uint32}[width]
    values = samples.astype(unsigned, copy=False)
    down = layout.high_bit + 1 - layout.bits_stored if shift else 0
    if not layout.signed and layout.bits_stored == width:
        return np.ascontiguousarray(values)
    if not layout.signed:
        return np.ascontiguousarray((values >> unsigned(down)) & unsigned((1 << layout.bits_stored) - 1))
    signed = {8: np.int8, 16: np.int16, 32: np.int32}[width]
    up = width - layout.bits_stored
    # Shifting up as unsigned and down as signed extends the sign.
    raised = (values >> unsigned(down)) << unsigned(up)
    return np.ascontiguousarray(raised.view(signed) >> signed(up))
