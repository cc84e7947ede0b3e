"""Colours, letters and sizes of the summary page."""

from __future__ import annotations

from typing import Final

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

Colour = tuple[int, int, int]

BACKGROUND: Final[Colour] = (17, 20, 24)
PANEL: Final[Colour] = (30, 35, 41)
BLACK: Final[Colour] = (0, 0, 0)
TEXT: Final[Colour] = (236, 239, 243)
QUIET: Final[Colour] = (160, 170, 182)
BANNER_BACKGROUND: Final[Colour] = (250, 204, 60)
BANNER_TEXT: Final[Colour] = (20, 20, 20)
# Told apart by brightness and line width too, since one in twelve men sees few colours.
MALIGNANT: Final[Colour] = (255, 176, 32)
BENIGN: Final[Colour] = (110, 200, 255)
FAILURE: Final[Colour] = (255, 130, 110)
BAR_BACKGROUND: Final[Colour] = (58, 66, 76)
BAR: Final[Colour] = (150, 160, 172)

PAGE_WIDTH: Final = 1600
MARGIN: Final = 24
TILE_WIDTH: Final = (PAGE_WIDTH - 3 * MARGIN) // 2
PICTURE_HEIGHT: Final = 760
TILE_TEXT_HEIGHT: Final = 236
SMALL_TILES: Final = 4
SMALL_TILE_WIDTH: Final = (PAGE_WIDTH - (SMALL_TILES + 1) * MARGIN) // SMALL_TILES
SMALL_PICTURE_HEIGHT: Final = 400
SMALL_TEXT_HEIGHT: Final = 120

_UNKNOWN: Final = "?"


def font(size: int) -> FreeTypeFont:
    """Pillow's own scalable letters: the same on every machine."""
    letters = ImageFont.load_default(size)
    if not isinstance(letters, FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType; install Pillow from PyPI")  # noqa: TRY004  # no type error: the build lacks a part
    return letters


def drawable(text: str) -> str:
    """A text with every character that the letters lack shown as a question mark; they hold Latin 1."""
    return "".join(one if one.isascii() or "\u00a0" <= one <= "\u00ff" else _UNKNOWN for one in text)


def fitting(text: str, letters: FreeTypeFont, width: float) -> str:
    """The text, cut with "..." when it is wider than that."""
    if letters.getlength(text) <= width:
        return text
    while text and letters.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."


def lines_of(text: str, letters: FreeTypeFont, width: float, most: int) -> list[str]:
    """The text broken at words into at most so many lines; what doesn't fit is cut with "..."."""
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if letters.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [fitting(line, letters, width) for line in lines]
