"""Whether a mark lies where the result has it, on the image it was seen in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from inference.results import Finding, Point
from reporting.codes import snomed
from reporting.codes.findings import FINDING_CODES
from reporting.outcome import ReportedImage
from reporting.self_check.causes import CoordinatesOutsideImage, MarkMoved, MarkOnWrongImage, OpenOutline
from reporting.self_check.tree import coded_value, referenced_instance

_OUTLINE_POINTS: Final = 4
"""A closed outline has at least three corners, the first of them twice."""


def check_place(written: Sequence[float], points: Sequence[Point], image: ReportedImage, *, closed: bool) -> None:
    pairs = [(float(written[i]), float(written[i + 1])) for i in range(0, len(written) - 1, 2)]
    check_points(image, pairs)
    if closed:
        check_closed(tuple(pairs))
    # Graphic Data are single precision (FL).
    if np.array(points, dtype=np.float32).ravel().tolist() != np.array(written, dtype=np.float32).tolist():
        raise MarkMoved("a mark does not lie where the result has it")


def check_points(image: ReportedImage, points: Iterable[Point]) -> None:
    if not (image.rows and image.columns):
        raise CoordinatesOutsideImage("an image with marks does not say how many rows and columns it has")
    if not all(0 <= column <= image.columns and 0 <= row <= image.rows for column, row in points):
        raise CoordinatesOutsideImage("a mark lies outside its image")


def check_closed(points: Sequence[Point]) -> None:
    if len(points) < _OUTLINE_POINTS or points[0] != points[-1]:
        raise OpenOutline("an outline is not closed")


def check_target(item: Dataset, image: ReportedImage) -> None:
    if referenced_instance(item) != image.sop_instance_uid:
        raise MarkOnWrongImage("a mark is tied to another image than the finding was seen in")


def is_code_of(item: Dataset, finding: Finding) -> bool:
    value = coded_value(item)
    return snomed.SRT_TO_SCT.get(value, value) == FINDING_CODES[finding.type].value
