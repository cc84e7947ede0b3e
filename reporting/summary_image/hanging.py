"""How a mammogram hangs on the page: right breast left, left breast right, chest walls together, not upside down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.results import Point
from reporting import broken_headers
from reporting.outcome import ReportedImage
from reporting.summary_image.rendering import GreyImage, RenderedImage

_EDGE = 0.1


@dataclass(frozen=True)
class HungImage:
    """A rendered image after turning, with the way from stored pixels to its own."""

    pixels: GreyImage
    scale: float
    mirrored: bool
    upside_down: bool

    def place(self, point: Point) -> Point:
        """Where a point given in pixels of the stored image lies here."""
        height, width = self.pixels.shape
        column, row = point[0] * self.scale, point[1] * self.scale
        return (width - column if self.mirrored else column, height - row if self.upside_down else row)


def hang(image: ReportedImage, rendered: RenderedImage) -> HungImage:
    """Turn a rendered image so that the nipple points outward and the patient's head, or outer side, is up."""
    orientation = broken_headers.patient_orientation(image.source.header)
    mirrored = _chest_wall_is_left(orientation, rendered.pixels) == (image.laterality == "R")
    if image.laterality is None:
        mirrored = False
    upside_down = _is_upside_down(image, orientation)
    pixels = rendered.pixels
    if mirrored:
        pixels = pixels[:, ::-1]
    if upside_down:
        pixels = pixels[::-1, :]
    return HungImage(np.ascontiguousarray(pixels), rendered.scale, mirrored, upside_down)


def _chest_wall_is_left(orientation: tuple[str, str] | None, pixels: GreyImage) -> bool:
    if orientation is not None and orientation[0][0] in "AP":
        return orientation[0][0] == "A"
    # Nobody says: the breast touches the edge that the chest wall is at.
    margin = max(1, int(pixels.shape[1] * _EDGE))
    return bool(pixels[:, :margin].mean() > pixels[:, -margin:].mean())


def _is_upside_down(image: ReportedImage, orientation: tuple[str, str] | None) -> bool:
    if orientation is None or image.laterality is None:
        return False
    down = orientation[1][0]
    # In a cranio-caudal view the outer side is up, so columns lead towards the other side of the body.
    return down == "H" if down in "HF" else down == image.laterality
