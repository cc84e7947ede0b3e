"""Marks on a picture: outline and number, malignant-looking ones bright and thick."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image, ImageDraw

from inference.results import Finding
from reporting.summary_image import theme
from reporting.summary_image.hanging import HungImage
from reporting.summary_image.rendering import ColourImage
from reporting.wording import class_of

_SUBPIXEL_BITS = 4
_NUMBER_SIZE = 22


def colour_of(finding: Finding) -> theme.Colour:
    return theme.MALIGNANT if class_of(finding).startswith("malignant") else theme.BENIGN


def draw_marks(hung: HungImage, shrink: float, picture: ColourImage, findings: Iterable[tuple[int, Finding]]) -> None:
    """Draw into a picture that shows `hung` shrunk by a factor."""
    numbered = list(findings)
    for _, finding in numbered:
        points = np.array([hung.place(point) for point in finding.outline], dtype=np.float64) * shrink
        # Coordinates count from the corner of a pixel, OpenCV's from its middle.
        fixed = np.round((points - 0.5) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        malignant = class_of(finding).startswith("malignant")
        for colour, width in ((theme.BLACK, 5 if malignant else 4), (colour_of(finding), 3 if malignant else 2)):
            cv2.polylines(picture, [fixed], True, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    letters = theme.font(_NUMBER_SIZE)
    for number, finding in numbered:
        points = np.array([hung.place(point) for point in finding.outline], dtype=np.float64) * shrink
        left, top = _beside(points, picture.shape[1], picture.shape[0])
        text = str(number)
        breadth = letters.getlength(text) + 12
        draw.rounded_rectangle((left, top, left + breadth, top + 28), 5, fill=colour_of(finding))
        draw.text((left + breadth / 2, top + 14), text, theme.BANNER_TEXT, letters, anchor="mm")
    picture[:] = np.asarray(canvas)


def _beside(points: np.ndarray[tuple[int, ...], np.dtype[np.float64]], width: int, height: int) -> tuple[float, float]:
    """A place for the number next to the top right of an outline, inside the picture."""
    left = min(max(float(points[:, 0].max()) + 4, 0), width - 40)
    top = min(max(float(points[:, 1].min()) - 30, 0), height - 30)
    return left, top
