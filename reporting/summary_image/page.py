"""The whole page: banner, study line, four views in hanging order, other views, and everything that was not read."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from inference.results import Attention
from reporting.header import study_header
from reporting.outcome import ReportedImage, StudyOutcome, outcome_of
from reporting.study import StudyToReport
from reporting.summary_image import theme
from reporting.summary_image.rendering import ColourImage, RenderImage
from reporting.summary_image.tile import (
    draw_corner_name,
    draw_findings,
    draw_probabilities,
    draw_sentence,
    picture_of,
)
from reporting.wording import BANNER, NOT_CALIBRATED, in_words

_STANDARD: Final = (("R", "CC"), ("L", "CC"), ("R", "MLO"), ("L", "MLO"))
_ATTENTION: Final[dict[Attention, theme.Colour]] = {
    "high": theme.MALIGNANT,
    "medium": (255, 226, 150),
    "low": theme.BENIGN,
    "none": theme.BAR,
}
_TOP: Final = 172
_LINE: Final = 30
_REMARKS: Final = 12
_DELETED: Final = "This image was deleted here after an earlier report; look at it in the PACS"
_Box = tuple[int, int, int, int]


def summary_page(study: StudyToReport, render: RenderImage) -> ColourImage:
    """The summary page of a study as rows x columns x RGB."""
    return page_of(outcome_of(study), render)


def page_of(outcome: StudyOutcome, render: RenderImage) -> ColourImage:
    """The page of a study that is already sorted."""
    standard, others = _places(outcome)
    shown_others = others[: theme.SMALL_TILES]
    remarks = _remarks(outcome, others[theme.SMALL_TILES :])
    height = _height(bool(shown_others), len(remarks))
    page = Image.new("RGB", (theme.PAGE_WIDTH, height), theme.BACKGROUND)
    numbers = {finding.tracking_uid: one for one, (_, finding) in enumerate(outcome.findings, start=1)}
    _draw_top(page, outcome)
    for place, view in enumerate(_STANDARD):
        left = theme.MARGIN + (place % 2) * (theme.TILE_WIDTH + theme.MARGIN)
        top = _TOP + (place // 2) * (theme.PICTURE_HEIGHT + theme.TILE_TEXT_HEIGHT)
        box = (left, top, left + theme.TILE_WIDTH, top + theme.PICTURE_HEIGHT)
        image = standard.get(view)
        _draw_picture(page, box, image, " ".join(view), render, numbers, outcome)
        if image is not None and image in outcome.read:
            below = top + theme.PICTURE_HEIGHT + 10
            draw_probabilities(page, left, below, image)
            draw_findings(page, left + 352, below + 42, theme.TILE_WIDTH - 352, image.findings, numbers, 5)
    top = _TOP + 2 * (theme.PICTURE_HEIGHT + theme.TILE_TEXT_HEIGHT)
    for place, image in enumerate(shown_others):
        left = theme.MARGIN + place * (theme.SMALL_TILE_WIDTH + theme.MARGIN)
        box = (left, top, left + theme.SMALL_TILE_WIDTH, top + theme.SMALL_PICTURE_HEIGHT)
        _draw_picture(page, box, image, image.name, render, numbers, outcome)
        if image in outcome.read:
            _draw_small_text(page, left, top + theme.SMALL_PICTURE_HEIGHT + 8, image, numbers)
    if shown_others:
        top += theme.SMALL_PICTURE_HEIGHT + theme.SMALL_TEXT_HEIGHT
    _draw_remarks(page, top, remarks)
    return np.asarray(page, dtype=np.uint8).copy()


def _places(outcome: StudyOutcome) -> tuple[dict[tuple[str, str], ReportedImage], list[ReportedImage]]:
    """The image for each of the four places, one that was read before one that failed, and all the others."""
    standard: dict[tuple[str, str], ReportedImage] = {}
    others: list[ReportedImage] = []
    for image in outcome.given:
        view = (image.laterality or "", image.view or "")
        if view in _STANDARD and view not in standard:
            standard[view] = image
        else:
            others.append(image)
    return standard, others


def _height(with_others: bool, remarks: int) -> int:
    height = _TOP + 2 * (theme.PICTURE_HEIGHT + theme.TILE_TEXT_HEIGHT)
    if with_others:
        height += theme.SMALL_PICTURE_HEIGHT + theme.SMALL_TEXT_HEIGHT
    return height + 2 * theme.MARGIN + _LINE * (remarks + 1)


def _draw_top(page: Image.Image, outcome: StudyOutcome) -> None:
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, theme.PAGE_WIDTH, 60), fill=theme.BANNER_BACKGROUND)
    draw.text((theme.PAGE_WIDTH // 2, 30), BANNER, theme.BANNER_TEXT, theme.font(32), anchor="mm")
    result = outcome.study.result
    letters = theme.font(28)
    if outcome.read:
        pill = f"attention: {result.attention}"
        width = letters.getlength(pill) + 36
        draw.rounded_rectangle((theme.MARGIN, 76, theme.MARGIN + width, 120), 22, fill=_ATTENTION[result.attention])
        draw.text((theme.MARGIN + width / 2, 98), pill, theme.BANNER_TEXT, letters, anchor="mm")
        words = []
        if result.label is not None:
            words.append(f"study resembles {in_words(result.label)}")
        if result.malignancy_score is not None:
            words.append(f"malignancy score {result.malignancy_score:.2f}")
        draw.text((theme.MARGIN + width + 24, 98), ", ".join(words), theme.TEXT, letters, anchor="lm")
    else:
        draw.text((theme.MARGIN, 98), "No image of this study was read", theme.FAILURE, letters, anchor="lm")
    small = theme.font(18)
    header = study_header(outcome.study)
    identity = f"patient ID {header.PatientID or '-'}   study of {_readable(header.StudyDate)}"
    place = (theme.PAGE_WIDTH - theme.MARGIN, 98)
    draw.text(place, theme.fitting(theme.drawable(identity), small, 520), theme.QUIET, small, anchor="rm")
    explanation = "Attention is an order for reading, not a diagnosis. " + NOT_CALIBRATED + "."
    draw.text((theme.MARGIN, 134), explanation, theme.QUIET, theme.font(19))


def _readable(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if date else "unknown date"


def _draw_picture(
    page: Image.Image,
    box: _Box,
    image: ReportedImage | None,
    name: str,
    render: RenderImage,
    numbers: dict[str, int],
    outcome: StudyOutcome,
) -> None:
    if image is None:
        draw_sentence(page, box, name, _why_no_image(name, outcome))
    elif image.result is not None and image.result.failure is not None:
        draw_sentence(page, box, f"{name}: not read", image.result.failure)
    elif image.source.path is None:
        draw_sentence(page, box, f"{name}: no picture", _DELETED)
    else:
        picture = picture_of(image, image.source.path, render, box[2] - box[0], box[3] - box[1], numbers)
        page.paste(Image.fromarray(picture), box[:2])
        draw_corner_name(page, box, name, image.laterality)


def _why_no_image(name: str, outcome: StudyOutcome) -> str:
    if name in outcome.study.missing_views:
        return "This view never came"
    return "No image of this view was read"


def _draw_small_text(page: Image.Image, left: int, top: int, image: ReportedImage, numbers: dict[str, int]) -> None:
    draw = ImageDraw.Draw(page)
    label = image.result.label if image.result is not None else None
    words = f"{image.name}: resembles {in_words(label)}" if label is not None else image.name
    letters = theme.font(19)
    draw.text((left, top), theme.fitting(words, letters, theme.SMALL_TILE_WIDTH), theme.TEXT, letters)
    draw_findings(page, left, top + 32, theme.SMALL_TILE_WIDTH, image.findings, numbers, 2)


def _remarks(outcome: StudyOutcome, not_shown: list[ReportedImage]) -> list[str]:
    """What a reader must know that no picture shows: missing, kept, unreferable and left-out images, with reasons."""
    remarks = []
    if outcome.study.missing_views:
        remarks.append(f"Never came: {', '.join(outcome.study.missing_views)}")
    remarks.extend(
        f"Not read: {image.name}: {image.result.failure}"
        for image in outcome.failed
        if image.result is not None and image in not_shown
    )
    if left_out := [image.name for image in not_shown if image in outcome.read]:
        remarks.append(f"Read too, no room here: {', '.join(left_out)}")
    kept: dict[str, int] = {}
    for image in outcome.kept:
        reason = image.source.kept_reason or "no reason given"
        kept[reason] = kept.get(reason, 0) + 1
    remarks.extend(f"Kept, not read ({count} image{'s' * (count > 1)}): {reason}" for reason, count in kept.items())
    if outcome.unreferable:
        remarks.append(f"{len(outcome.unreferable)} with a header too broken to be referred to")
    if len(remarks) > _REMARKS:
        remarks = [*remarks[: _REMARKS - 1], f"and {len(remarks) - _REMARKS + 1} more remarks"]
    return remarks


def _draw_remarks(page: Image.Image, top: int, remarks: list[str]) -> None:
    draw = ImageDraw.Draw(page)
    letters = theme.font(21)
    width = theme.PAGE_WIDTH - 2 * theme.MARGIN
    for number, remark in enumerate(remarks):
        line = theme.fitting(theme.drawable(remark), letters, width)
        draw.text((theme.MARGIN, top + theme.MARGIN + number * _LINE), line, theme.TEXT, letters)
    footer = theme.MARGIN + top + len(remarks) * _LINE + 8
    draw.text((theme.MARGIN, footer), BANNER, theme.QUIET, theme.font(18))
