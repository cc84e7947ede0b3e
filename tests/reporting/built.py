"""Reports of the cases, built once for all tests; whoever changes one copies it first."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from reporting.build import build_reports
from reporting.study import BuiltReport, Dialect, ReportKind, ReportVariant
from reporting.summary_image.rendering import RenderedImage
from reporting.writing import report_bytes
from tests.reporting.headers import ROWS
from tests.reporting.studies import CASES

ALL_VARIANTS = (
    ReportVariant("mammography_cad_sr", "SCT"),
    ReportVariant("mammography_cad_sr", "SRT"),
    ReportVariant("measurement_report", "SCT"),
    ReportVariant("measurement_report", "SRT"),
    ReportVariant("presentation_state"),
    ReportVariant("summary_image"),
)


def render(path: Path, longest_side: int) -> RenderedImage:
    """A breast-like ramp instead of a decoder: bright at the right edge."""
    columns = int(longest_side * 0.77)
    return RenderedImage(np.tile(np.linspace(0, 255, columns).astype(np.uint8), (longest_side, 1)), longest_side / ROWS)


@cache
def reports_of(case: str) -> tuple[BuiltReport, ...]:
    return tuple(build_reports(CASES[case](), ALL_VARIANTS, render))


def report_of(case: str, kind: ReportKind, dialect: Dialect = "SCT") -> BuiltReport:
    return next(one for one in reports_of(case) if one.kind == kind and one.dialect == dialect)


def copy_of(report: BuiltReport) -> BuiltReport:
    return deepcopy(report)


def as_read_back(report: BuiltReport) -> Dataset:
    return dcmread(BytesIO(report_bytes(report)))
