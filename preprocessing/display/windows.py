"""Windows (PS3.3 C.11.2.1.2) in the values that are served, so that a viewer needs no rescale slope.

What a window can't say is left out: look-up tables (Modality LUT, VOI LUT) and windows that show nothing of the image,
which wrong units cause. Where none is left, one is made from the grey values themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from preprocessing.header import Header, items_of, number_of, text_of, value_of

Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]

_PERCENTILES: Final = (0.05, 99.95)
_SHOWS_NOTHING: Final = 0.01
_MOST: Final = 16
_LONGEST_NAME: Final = 64
_LARGEST: Final = 1e9
"""Beyond, a header is broken; and a number that overflows is no JSON."""


@dataclass(frozen=True)
class Window:
    """`center` and `width` in served values; `function` as VOI LUT Function says."""

    name: str
    center: float
    width: float
    function: Function

    def shown(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Grey 0..1, before MONOCHROME1 is inverted, as PS3.3 C.11.2.1.2.1 and C.11.2.1.3 compute it."""
        numbers = np.asarray(values, dtype=np.float32)
        center, width = self.center, self.width
        if self.function == "SIGMOID":
            steps = np.clip(-4.0 * (numbers - center) / width, -80.0, 80.0)  # beyond, exp leaves single precision
            return np.asarray(1.0 / (1.0 + np.exp(steps)), dtype=np.float32)
        if self.function == "LINEAR_EXACT":
            grey = (numbers - center) / width + 0.5
        elif width > 1.0:
            grey = (numbers - (center - 0.5)) / (width - 1.0) + 0.5
        else:  # a step between two grey values
            grey = (numbers > center - 0.5).astype(np.float32)
        return np.asarray(np.clip(grey, 0.0, 1.0), dtype=np.float32)


@dataclass(frozen=True)
class Rescale:
    """From a served value to what the header's windows are in: `slope` x served + `intercept`."""

    slope: float
    intercept: float

    def back(self, number: float) -> float:
        """Return the served value of a rescaled one."""
        return (number - self.intercept) / self.slope


def rescale_of(header: Header, offset: int) -> Rescale:
    """Return the header's rescale (PS3.3 C.11.1.1.2) of served values, which are `offset` above the stored ones."""
    slope = number_of(header, "RescaleSlope") or 1.0
    return Rescale(slope, (number_of(header, "RescaleIntercept") or 0.0) - slope * offset)


def windows_of(header: Header, rescale: Rescale, sample: NDArray[np.integer[Any]]) -> tuple[Window, ...]:
    """Return the header's windows in its order, or one from the percentiles of `sample` (served values)."""
    low, high = (float(edge) for edge in np.percentile(sample, _PERCENTILES))
    usable = []
    if not items_of(header, "ModalityLUTSequence"):
        for window in _in_header(header, rescale):
            dark, bright = window.shown(np.asarray([low, high]))
            if abs(float(bright) - float(dark)) > _SHOWS_NOTHING:
                usable.append(window)
    if usable:
        return tuple(usable)
    return (Window("Automatic", (low + high) / 2, max(1.0, high - low), "LINEAR_EXACT"),)


def _in_header(header: Header, rescale: Rescale) -> list[Window]:
    said = text_of(header, "VOILUTFunction")
    function = cast(Function, said) if said in get_args(Function) else "LINEAR"
    names = [_text(value) for value in _values(header, "WindowCenterWidthExplanation")]
    windows: list[Window] = []
    pairs = zip(_values(header, "WindowCenter"), _values(header, "WindowWidth"), strict=False)
    for number, (center, width) in enumerate(pairs):
        try:
            window = _served(float(center), float(width), function, rescale)
        except (TypeError, ValueError):
            continue  # an empty value among others
        if window is not None and max(map(abs, window)) < _LARGEST and len(windows) < _MOST:
            name = names[number] if number < len(names) and names[number] else f"Window {number + 1}"
            windows.append(Window(name, *window, function))
    return windows


def _served(center: float, width: float, function: Function, rescale: Rescale) -> tuple[float, float] | None:
    """Return center and width in served values; None for a width that the standard does not allow."""
    if not (np.isfinite(center) and np.isfinite(width)) or width < (1.0 if function == "LINEAR" else 1e-9):
        return None
    if function != "LINEAR":
        return rescale.back(center), width / abs(rescale.slope)
    # The half and the one of LINEAR are of the values it is applied to, so its two ends are carried over.
    ends = sorted(rescale.back(center - 0.5 + side * (width - 1.0) / 2.0) for side in (-1.0, 1.0))
    return (ends[0] + ends[1]) / 2.0 + 0.5, ends[1] - ends[0] + 1.0


def _text(value: Any) -> str:
    # What pydicom could not decode may not be encodable either.
    return str(value).strip()[:_LONGEST_NAME].encode("utf-8", "replace").decode()


def _values(header: Header, keyword: str) -> list[Any]:
    value = value_of(header, keyword)
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | bytes) or not hasattr(value, "__iter__") else list(value)
