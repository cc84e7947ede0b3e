"""What the report writers are given: the images' headers, what was read in them, and who writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

from pydicom.dataset import Dataset

from inference.results import StudyResult, ViewResult

ReportKind = Literal["mammography_cad_sr", "measurement_report", "presentation_state", "summary_image"]
Dialect = Literal["SCT", "SRT"]
REPORT_KINDS: tuple[ReportKind, ...] = (
    "mammography_cad_sr",
    "measurement_report",
    "presentation_state",
    "summary_image",
)


@dataclass(frozen=True)
class SourceImage:
    """One image of the study.

    `header` is the data set without Pixel Data, as received, with `file_meta`. `result` is None for an image that is
    kept but not read (tomosynthesis, magnification, a For Processing twin, ...); `kept_reason` then says why. `path` is
    None for an image whose pixels are no longer here; what was read in it before still counts.
    """

    header: Dataset
    path: Path | None
    result: ViewResult | None
    kept_reason: str | None = None


@dataclass(frozen=True)
class Predecessor:
    """A report of an earlier generation that a new one replaces (PS3.3 C.17.2, Predecessor Documents Sequence)."""

    kind: ReportKind
    dialect: Dialect
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True)
class ReportVariant:
    """One thing to build: a kind of report in a dialect. Pictures and presentation states exist in SCT only."""

    kind: ReportKind
    dialect: Dialect = "SCT"


@dataclass(frozen=True)
class StudyToReport:
    """Everything that goes into the reports of one generation; equal input gives equal bytes.

    `created_at` is fixed when the generation is frozen, so that a rebuilt report is the same object.
    """

    study_instance_uid: str
    generation: int
    installation_id: UUID
    created_at: datetime
    software_version: str
    result: StudyResult
    images: tuple[SourceImage, ...]
    missing_views: tuple[str, ...] = ()
    """Standard views that never came, e.g. ("R CC", "R MLO")."""
    predecessors: tuple[Predecessor, ...] = ()
    draw_without_asking: bool = False
    """True: findings carry rendering intent Presentation Required (111150), otherwise Optional (111151)."""


@dataclass(frozen=True)
class BuiltReport:
    """One finished object; `dataset` has its file_meta and is ready to be written as a Part 10 file."""

    kind: ReportKind
    dialect: Dialect
    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    source_sop_instance_uid: str | None
    dataset: Dataset = field(repr=False)
