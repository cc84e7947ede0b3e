"""What the feed says of an image that a viewer may show; pixels, preview and heat map are files beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from inference.results import Laterality

Count = Annotated[int, Field(ge=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredSize(_Answer):
    """Pixels of the stored image."""

    rows: Count
    columns: Count


class Window(_Answer):
    """A window in values of the served pixels (PS3.3 C.11.2.1.2); `function` is VOI LUT Function."""

    name: str
    center: float
    width: Annotated[float, Field(gt=0)]
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


class Level(_Answer):
    """A resolution: `rows` x `columns` pixels decode from the first `bytes` bytes of the codestream."""

    rows: Count
    columns: Count
    bytes: Count


class Codestream(_Answer):
    """How long the codestream is, and the SHA-256 of it and of its pixels (uint16, little endian, row by row)."""

    bytes: Count
    sha256: Sha256
    pixel_sha256: Sha256


class Heat(_Answer):
    """A map of `rows` x `columns` values over `box`: [column, row, width, height] in stored pixels, fractions allowed.

    The map's edge may lie outside of the image.
    """

    columns: Count
    rows: Count
    box: tuple[float, float, float, float]


class Overview(_Answer):
    """The whole, small and lossy: `rows` x `columns` pixels; a served value is `slope` x decoded + `intercept`."""

    rows: Count
    columns: Count
    bytes: Count
    slope: Annotated[float, Field(gt=0)]
    intercept: float


class ViewImage(_Answer):
    """One image as it is served: `rows` x `columns` pixels, `box` [column, row, width, height] of the stored image.

    `bits` are those of the stored pixels. `monochrome1`: low values are shown bright. `pixel_spacing_mm` is null where
    the header has none, or where pixels are not square. `heat` is null where there is no map.
    """

    sop_instance_uid: str
    laterality: Laterality | None
    view: str | None
    rows: Count
    columns: Count
    box: tuple[int, int, int, int]
    stored: StoredSize
    bits: Annotated[int, Field(ge=1, le=16)]
    signed: Literal[False] = False
    monochrome1: bool
    pixel_spacing_mm: Annotated[float, Field(gt=0)] | None
    windows: Annotated[tuple[Window, ...], Field(min_length=1)]
    levels: Annotated[tuple[Level, ...], Field(min_length=1)]
    codestream: Codestream
    heat: Heat | None
    overview: Overview
