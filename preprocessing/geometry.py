"""Between pixels of the stored image and pixels of the coarse scale, of which the fine one is the double.

Both are measured from the top left corner of the first pixel (its middle is 0.5, 0.5), so that scaling alone maps one
to the other, and the corners of an image fall on corners.
"""

from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from preprocessing.errors import ImageTooLarge, ImageTooSmall
from preprocessing.header import texts_of

MILLIMETRES: Final = 0.18
"""Side of a pixel at the coarse scale: a quarter of a film scanned at 43-50 um."""
_FILM_SCALE: Final = 0.25
_FILM_LONG_SIDE: Final = 3600
_USUAL_LONG_SIDE: Final = 1150
"""Long side at the coarse scale of a view (about 21 cm) whose header gives no pixel size."""
_SMALLEST_LONG_SIDE: Final = 512
"""Pixels, where the header gives no pixel size."""
_SMALLEST_MM: Final = (50.0, 20.0)
"""Long and short side of the smallest image that a breast goes on; a window of the network shows 14 to 23 mm."""
_LARGEST_MM: Final = 500.0
"""The largest plates measure 35 x 43 cm. Beyond, a wrong pixel size would ask for any amount of memory."""
_COARSEST: Final = 0.5
"""Millimetres a pixel; a whole view then has fewer than 500 rows."""
_PLAUSIBLE: Final = (0.01, 2.0)


@dataclass(frozen=True)
class Scale:
    """Training pixels a stored pixel, across and down; `known` is False when the pixel size had to be guessed."""

    x: float
    y: float
    known: bool

    def doubled(self) -> "Scale":
        """The scale with twice as many pixels across and down."""
        return Scale(2.0 * self.x, 2.0 * self.y, self.known)

    def to_stored(self, x: float, y: float) -> tuple[float, float]:
        """A place at the coarse scale, in stored pixels."""
        return x / self.x, y / self.y

    def to_training(self, x: float, y: float) -> tuple[float, float]:
        """A place in stored pixels, at the coarse scale."""
        return x * self.x, y * self.y


def training_scale(header: Dataset, rows: int, columns: int) -> Scale:
    """How far an image is reduced to look as large as the network's training windows.

    From Imager Pixel Spacing or Pixel Spacing (mm); where there is none, a long side of 3,600 pixels or more is taken
    for a film scan (a quarter), less for a whole view of about 21 cm. Pixels need not be square: each direction has a
    factor of its own. Raises ImageTooSmall when too few pixels show the breast to see a lesion, or when the image is
    smaller than a breast, and ImageTooLarge when it is larger than any detector.
    """
    spacing = pixel_spacing(header)
    if spacing is None:
        long_side = max(rows, columns)
        if long_side < _SMALLEST_LONG_SIDE:
            raise ImageTooSmall(
                f"The image has only {columns} x {rows} pixels, too coarse to show a lesion; send the original."
            )
        factor = _FILM_SCALE if long_side >= _FILM_LONG_SIDE else min(1.0, _USUAL_LONG_SIDE / long_side)
        if min(rows, columns) * factor * MILLIMETRES < _SMALLEST_MM[1]:
            raise ImageTooSmall(
                f"The image has {columns} x {rows} pixels, a strip too narrow to show a breast; send the original."
            )
        return _exact(factor, factor, rows, columns, known=False)
    down, across = spacing
    if max(down, across) > _COARSEST:
        raise ImageTooSmall(
            f"A pixel of the image measures {max(down, across):.2f} mm, too coarse to show a lesion; send the original."
        )
    height, width = rows * down, columns * across
    if max(height, width) < _SMALLEST_MM[0] or min(height, width) < _SMALLEST_MM[1]:
        raise ImageTooSmall(
            f"The image measures {width:.0f} x {height:.0f} mm by the pixel size in its header, less than a breast "
            "(an image that was made smaller may still have the old pixel size); send the original."
        )
    if max(height, width) > _LARGEST_MM:
        raise ImageTooLarge(
            f"The image measures {width:.0f} x {height:.0f} mm by the pixel size in its header, more than any "
            "detector; have the sender write the right pixel size, then send it again."
        )
    return _exact(across / MILLIMETRES, down / MILLIMETRES, rows, columns, known=True)


def _exact(across: float, down: float, rows: int, columns: int, *, known: bool) -> Scale:
    """Round to whole pixels and say the scale that results."""
    width, height = max(1, round(columns * across)), max(1, round(rows * down))
    return Scale(width / columns, height / rows, known)


def pixel_spacing(header: Dataset) -> tuple[float, float] | None:
    """Millimetres between pixels, down and across: Imager Pixel Spacing, else Pixel Spacing; None if not plausible."""
    for keyword in ("ImagerPixelSpacing", "PixelSpacing"):
        try:
            numbers = [float(text) for text in texts_of(header, keyword)]
        except ValueError:
            continue
        if len(numbers) >= 2 and all(_PLAUSIBLE[0] <= number <= _PLAUSIBLE[1] for number in numbers[:2]):
            return numbers[0], numbers[1]
    return None
