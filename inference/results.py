"""Result types: what an engine says of an image, and what the gateway says of a study.

These are the only names that `reporting` may import from `inference`. Field names, spelling and ranges are those
of the public HTTP interface, so that a result is the same thing in the feed, in a file and in a report.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from inference.classes import CLASSES, ClassName, FindingType

__all__ = [
    "CLASSES",
    "Attention",
    "ClassName",
    "Finding",
    "FindingType",
    "Laterality",
    "Point",
    "Probabilities",
    "StudyResult",
    "ViewResult",
]

Score = Annotated[float, Field(ge=0.0, le=1.0)]
Laterality = Literal["R", "L"]
Attention = Literal["high", "medium", "low", "none"]
Point = tuple[float, float]
"""[column, row] in pixels of the stored image; (0, 0) is the top left corner of the first pixel."""
Probabilities = dict[ClassName, float]
"""All five classes, each 0..1, summing to 1."""


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Finding(_Result):
    """One marked place in one image.

    `score` (0..1) says how strongly the place stands out from normal tissue, `malignancy_score` (0..1) how much of
    that resembles malignancy. `outline` is closed: its last point repeats its first. `tracking_uid` is the same for
    the same place in every report of the same model version.
    """

    tracking_uid: str
    type: FindingType
    score: Score
    malignancy_score: Score
    center: Point
    outline: tuple[Point, ...]


class ViewResult(_Result):
    """What was read in one image; `failure` is a sentence when it could not be read, and nothing else is then set."""

    sop_instance_uid: str
    laterality: Laterality | None
    view: str | None
    label: ClassName | None = None
    probabilities: Probabilities | None = None
    findings: tuple[Finding, ...] = ()
    failure: str | None = None


class StudyResult(_Result):
    """What was read in one study; `attention` orders the reading list and is not a diagnosis."""

    attention: Attention
    label: ClassName | None
    malignancy_score: Score | None
    model_version: str
    engine: str
    views: tuple[ViewResult, ...]
