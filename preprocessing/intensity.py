"""From stored values to a presentation image: tissue bright, background dark, 0..1.

The grey-scale pipeline of PS3.3 C.11: modality look-up or rescale, then VOI look-up or window, then inversion of
MONOCHROME1. It runs on the image already reduced to the training scale: sixteen times fewer pixels, and averaging
before a monotonous curve instead of after it moves no grey value by more than the curve bends over one pixel.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from preprocessing.header import Header, items_of, number_of, text_of, texts_of, value_of
from preprocessing.normalise import FloatImage
from preprocessing.view_codes import MG_FOR_PROCESSING

_DARKEST, _BRIGHTEST = 0.05, 99.95
"""Percentiles that become 0 and 1 where the header names no window."""
_EDGE_PART: Final = 20
_WHOLE_COLUMN: Final = 0.9
_UNIFORM: Final = 0.5


def padding_of(stored: NDArray[np.integer[Any]], header: Dataset) -> NDArray[np.bool_] | None:
    """Where the Pixel Padding Value is (PS3.3 C.7.5.1.1.2), the shape of `stored`; None where nothing or all is."""
    padding = number_of(header, "PixelPaddingValue")
    if padding is None:
        return None
    limit = number_of(header, "PixelPaddingRangeLimit")
    low, high = sorted((padding, padding if limit is None else limit))
    padded = np.asarray((stored >= low) & (stored <= high), dtype=np.bool_)
    return padded if padded.any() and not padded.all() else None


def darkest_value(stored: NDArray[np.integer[Any]], padded: NDArray[np.bool_], header: Dataset) -> int:
    """The stored value among the real pixels that a For Presentation image shows darkest."""
    real = stored[~padded]
    return int(real.max() if _dark_is_high(header) else real.min())


def without_padding(stored: NDArray[np.integer[Any]], header: Dataset) -> NDArray[np.integer[Any]]:
    """Replace pixels of the Pixel Padding Value by the darkest real value.

    Detectors pad with the extreme of the range, which would otherwise render as the brightest place of the image.
    """
    padded = padding_of(stored, header)
    if padded is None:
        return stored
    return np.where(padded, stored.dtype.type(darkest_value(stored, padded, header)), stored)


def presentation_image(values: FloatImage, header: Dataset, padded: NDArray[np.bool_] | None = None) -> FloatImage:
    """Render stored values (2-D float32, possibly reduced) as a radiologist sees them: 0..1, tissue bright.

    `padded`, of the same shape: where a For Processing image is padding. It becomes background, and says nothing about
    the image: which end of the grey values is background is only known once the image has been looked at.
    """
    modality = _modality_values(values, header)
    if is_for_processing(header):
        return _from_raw(modality, header, padded)
    shown = _voi(modality, header)
    return np.asarray(1.0 - shown if _dark_is_high(header) else shown, dtype=np.float32)


def _dark_is_high(header: Dataset) -> bool:
    return text_of(header, "PhotometricInterpretation") == "MONOCHROME1"


def is_for_processing(header: Dataset) -> bool:
    """Whether the pixels are the detector's own, before the maker's processing."""
    intent = text_of(header, "PresentationIntentType")
    return intent == "FOR PROCESSING" or (not intent and text_of(header, "SOPClassUID") == MG_FOR_PROCESSING)


def _modality_values(values: FloatImage, header: Dataset) -> FloatImage:
    table = next(iter(items_of(header, "ModalityLUTSequence")), None)
    if table is not None:
        looked_up = _looked_up(values, table)
        if looked_up is not None:
            return looked_up
    slope, intercept = number_of(header, "RescaleSlope"), number_of(header, "RescaleIntercept")
    if slope in (None, 0.0) and intercept in (None, 0.0):
        return values
    return values * np.float32(slope or 1.0) + np.float32(intercept or 0.0)


def _voi(values: FloatImage, header: Dataset) -> FloatImage:
    table = next(iter(items_of(header, "VOILUTSequence")), None)
    if table is not None:
        looked_up = _looked_up(values, table)
        if looked_up is not None:
            return _stretched(looked_up)
    centre, width = number_of(header, "WindowCenter"), number_of(header, "WindowWidth")
    if centre is None or width is None or width < 1.0:
        return _stretched(values)
    if text_of(header, "VOILUTFunction") == "SIGMOID":
        return np.asarray(1.0 / (1.0 + np.exp(-4.0 * (values - centre) / width)), dtype=np.float32)
    if text_of(header, "VOILUTFunction") == "LINEAR_EXACT":
        shown = (values - centre) / width + 0.5
    else:
        # PS3.3 C.11.2.1.2.1: the half and the one of the linear function belong to integer values.
        shown = (values - (centre - 0.5)) / max(width - 1.0, 1.0) + 0.5
    clipped = np.clip(shown, 0.0, 1.0).astype(np.float32)
    # A window that shows nothing of this image (wrong units are common) is worse than none.
    return clipped if float(clipped.std()) > 0.01 else _stretched(values)


def _looked_up(values: FloatImage, table: Header) -> FloatImage | None:
    """Apply a look-up table (PS3.3 C.11.1.1), interpolating between entries; None when the table is broken."""
    descriptor = [int(text) for text in texts_of(table, "LUTDescriptor") if text.lstrip("-").isdigit()]
    data = value_of(table, "LUTData")
    if len(descriptor) < 3 or data is None:
        return None
    if isinstance(data, bytes):
        entries = np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2").astype(np.float32)
    else:
        entries = np.asarray(data, dtype=np.float32).reshape(-1)
    if entries.size < 2:
        return None
    # The first mapped value is signed where the pixels are; a table read as unsigned says 65536 - n.
    first = descriptor[1] - 65536 if float(values.min()) < 0.0 and descriptor[1] >= 32768 else descriptor[1]
    places = first + np.arange(entries.size, dtype=np.float32)
    return np.interp(values, places, entries).astype(np.float32)


def _stretched(values: FloatImage, real: NDArray[np.bool_] | None = None) -> FloatImage:
    """Stretch between percentiles: of all values, or of those in `real`."""
    counted = values if real is None else values[real]
    low, high = np.percentile(counted, (_DARKEST, _BRIGHTEST))
    if high <= low:
        low, high = float(counted.min()), float(counted.max())
    if high <= low:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - low) / (high - low), 0.0, 1.0), dtype=np.float32)


def _from_raw(values: FloatImage, header: Dataset, padded: NDArray[np.bool_] | None) -> FloatImage:
    """A For Processing image: the detector's signal falls exponentially with what the ray went through.

    The negative logarithm of the signal is proportional to attenuation (Beer and Lambert), which is what a
    presentation image shows, apart from the vendor's own processing, which is not imitated. Pixel Intensity
    Relationship LOG skips the logarithm. The direction is told by the picture where it can be: air is uniform, so an
    edge that is much more uniform than the other one is background, and background becomes dark. Otherwise Pixel
    Intensity Relationship Sign decides (PS3.3 C.8.11.3.1.2), which some devices get wrong.
    """
    real = np.ones(values.shape, dtype=np.bool_) if padded is None else ~padded
    if not real.any():
        return np.zeros_like(values)
    if text_of(header, "PixelIntensityRelationship") == "LOG":
        signal = values
    else:
        signal = np.log(np.maximum(values - float(values[real].min()), 0.0) + 1.0)
    shown = _stretched(np.asarray(signal, dtype=np.float32), real)
    left, right = _edges(shown, real)
    if min(left.std(), right.std()) < _UNIFORM * max(left.std(), right.std()):
        air = float(np.median(left if left.std() < right.std() else right))
        background_bright = air > float(np.median(right if left.std() < right.std() else left))
    else:
        background_bright = number_of(header, "PixelIntensityRelationshipSign") != -1.0
    upright = 1.0 - shown if background_bright else shown
    return np.asarray(np.where(real, upright, 0.0), dtype=np.float32)


def _edges(shown: FloatImage, real: NDArray[np.bool_]) -> tuple[FloatImage, FloatImage]:
    """The real pixels of the outermost columns, left and right, that are not mostly padding.

    Where air itself is padding (it saturates at that value), what is left of a column near the nipple is no edge of
    the image.
    """
    counts = real.sum(axis=0)
    columns = np.flatnonzero(counts >= _WHOLE_COLUMN * counts.max())
    edge = max(1, columns.size // _EDGE_PART)
    left, right = columns[:edge], columns[-edge:]
    return shown[:, left][real[:, left]], shown[:, right][real[:, right]]
