"""One view on the page: its picture with marks, or a sentence why there is none, and what was said of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw

from inference.classes import CLASSES
from inference.results import Finding
from reporting.outcome import ReportedImage
from reporting.summary_image import theme
from reporting.summary_image.hanging import hang
from reporting.summary_image.marks import colour_of, draw_marks
from reporting.summary_image.rendering import ColourImage, RenderImage
from reporting.wording import in_words, sentence_of


def picture_of(
    image: ReportedImage, file: Path, render: RenderImage, width: int, height: int, numbers: Mapping[str, int]
) -> ColourImage:
    """The hung image with its marks, fitted into a box; the chest wall lies at the middle of the page."""
    rendered = render(file, max(width, height))
    hung = hang(image, rendered)
    rows, columns = hung.pixels.shape
    shrink = min(width / columns, height / rows)
    size = (max(1, round(columns * shrink)), max(1, round(rows * shrink)))
    grey = cv2.resize(hung.pixels, size, interpolation=cv2.INTER_AREA if shrink < 1 else cv2.INTER_CUBIC)
    picture = np.repeat(grey[:, :, np.newaxis], 3, axis=2).astype(np.uint8)
    draw_marks(hung, shrink, picture, ((numbers[one.tracking_uid], one) for one in image.findings))
    box = np.zeros((height, width, 3), dtype=np.uint8)
    left = {"R": width - size[0], "L": 0}.get(image.laterality or "", (width - size[0]) // 2)
    top = (height - size[1]) // 2
    box[top : top + size[1], left : left + size[0]] = picture
    return box


def draw_sentence(page: Image.Image, box: tuple[int, int, int, int], title: str, sentence: str) -> None:
    """In place of a picture: what is wrong with the view."""
    draw = ImageDraw.Draw(page)
    left, top, right, bottom = box
    draw.rectangle(box, fill=theme.BLACK, outline=theme.BAR_BACKGROUND, width=2)
    large = right - left > theme.SMALL_TILE_WIDTH
    letters, small = theme.font(34 if large else 24), theme.font(24 if large else 18)
    middle = (top + bottom) // 2
    draw.text(((left + right) // 2, middle - 40), title, theme.FAILURE, letters, anchor="mm")
    for number, line in enumerate(theme.lines_of(theme.drawable(sentence), small, right - left - 60, 5)):
        draw.text(((left + right) // 2, middle + 6 + 30 * number), line, theme.TEXT, small, anchor="mm")


def draw_corner_name(page: Image.Image, box: tuple[int, int, int, int], name: str, laterality: str | None) -> None:
    """The view's name in the picture's outer upper corner, where the nipple is and no chest wall."""
    draw = ImageDraw.Draw(page)
    letters = theme.font(34 if box[2] - box[0] > theme.SMALL_TILE_WIDTH else 24)
    at_right = laterality == "L"
    place = (box[2] - 14, box[1] + 10) if at_right else (box[0] + 14, box[1] + 10)
    draw.text(
        place, name, theme.TEXT, letters, anchor="ra" if at_right else "la", stroke_width=3, stroke_fill=theme.BLACK
    )


def draw_probabilities(page: Image.Image, left: int, top: int, image: ReportedImage) -> None:
    """The class with the highest probability, and all five as bars."""
    draw = ImageDraw.Draw(page)
    result = image.result
    if result is None or result.probabilities is None:
        return
    label = f"resembles {in_words(result.label)}" if result.label is not None else "no label"
    draw.text((left, top), f"{image.name}: {label}", theme.TEXT, theme.font(24))
    letters = theme.font(18)
    for row, one in enumerate(CLASSES):
        y = top + 42 + row * 32
        value = result.probabilities[one]
        draw.text((left, y), in_words(one), theme.TEXT if one == result.label else theme.QUIET, letters)
        draw.rectangle((left + 196, y + 3, left + 286, y + 19), fill=theme.BAR_BACKGROUND)
        if value > 0:
            colour = theme.MALIGNANT if one.startswith("malignant") else theme.BAR
            draw.rectangle((left + 196, y + 3, left + 196 + max(1, round(90 * value)), y + 19), fill=colour)
        draw.text((left + 296, y), f"{value:.2f}", theme.TEXT if one == result.label else theme.QUIET, letters)


def draw_findings(
    page: Image.Image,
    left: int,
    top: int,
    width: int,
    findings: tuple[Finding, ...],
    numbers: Mapping[str, int],
    most: int,
) -> None:
    """The numbered marks in words."""
    draw = ImageDraw.Draw(page)
    letters = theme.font(18 if width > theme.SMALL_TILE_WIDTH else 16)
    if not findings:
        draw.text((left, top), "no place marked", theme.QUIET, letters)
        return
    shown = findings if len(findings) <= most else findings[: most - 1]
    for row, finding in enumerate(shown):
        y = top + row * 32
        number = str(numbers[finding.tracking_uid])
        box = letters.getlength(number) + 10
        draw.rounded_rectangle((left, y - 1, left + box, y + 22), 4, fill=colour_of(finding))
        draw.text((left + box / 2, y + 11), number, theme.BANNER_TEXT, letters, anchor="mm")
        sentence = theme.fitting(sentence_of(finding), letters, width - box - 8)
        draw.text((left + box + 8, y), sentence, theme.TEXT, letters)
    if len(shown) < len(findings):
        rest = f"and {len(findings) - len(shown)} more, all in the measurement report"
        draw.text((left, top + len(shown) * 32), theme.fitting(rest, letters, width), theme.QUIET, letters)
