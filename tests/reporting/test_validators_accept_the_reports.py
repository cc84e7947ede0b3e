"""Every object in every case goes through the public validators; and the validators are shown to be able to fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from reporting import content_item
from reporting.study import BuiltReport, Dialect, ReportKind
from reporting.writing import report_bytes
from tests.reporting.built import copy_of, report_of, reports_of
from tests.reporting.studies import CASES
from tests.reporting.tree import items_named
from tests.reporting.validators import object_problems, template_problems, tree_problems

pytestmark = pytest.mark.system

_SRS = ("mammography_cad_sr", "measurement_report")
# PixelMed takes 10 to 25 s of processor time a report: the ordinary run asks it of the richest of each kind.
_RICHEST: tuple[tuple[str, ReportKind, Dialect], ...] = (
    ("with_findings", "mammography_cad_sr", "SCT"),
    ("with_findings", "measurement_report", "SCT"),
)
_OTHERS: tuple[tuple[str, ReportKind, Dialect], ...] = (
    ("with_findings", "mammography_cad_sr", "SRT"),
    ("normal", "mammography_cad_sr", "SCT"),
    ("one_unreadable", "mammography_cad_sr", "SCT"),
    ("not_attempted", "mammography_cad_sr", "SCT"),
    ("odd_views", "mammography_cad_sr", "SRT"),
    ("japanese", "measurement_report", "SRT"),
    ("german_request", "mammography_cad_sr", "SCT"),
    ("cyrillic_request", "measurement_report", "SCT"),
    ("films", "measurement_report", "SCT"),
    ("all_failed", "measurement_report", "SCT"),
)


def _written(report: BuiltReport, folder: Path) -> Path:
    # Many cases are the same study, so that their reports share UIDs: those make no file names.
    path = folder / f"{len(list(folder.iterdir()))}.dcm"
    path.write_bytes(report_bytes(report))
    return path


@pytest.mark.parametrize("case", CASES)
def test_every_object_is_valid_for_dciodvfy_and_every_tree_for_dsrdump(case: str, tmp_path: Path) -> None:
    for report in reports_of(case):
        path = _written(report, tmp_path)
        assert object_problems(path) == [], report.kind
        if report.kind in _SRS:
            assert tree_problems(path) == [], report.kind


@pytest.mark.parametrize("one", _RICHEST, ids="-".join)
def test_a_report_with_much_in_it_follows_its_template(one: tuple[str, ReportKind, Dialect], tmp_path: Path) -> None:
    assert template_problems(_written(report_of(*one), tmp_path)) == []


@pytest.mark.long
@pytest.mark.parametrize("one", _OTHERS, ids="-".join)
def test_a_report_of_each_other_kind_of_study_follows_its_template(
    one: tuple[str, ReportKind, Dialect], tmp_path: Path
) -> None:
    assert template_problems(_written(report_of(*one), tmp_path)) == []


def _drop_completion_flag(report: Dataset) -> None:
    del report.CompletionFlag


def _forget_an_image_in_the_evidence(report: Dataset) -> None:
    del report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]


@pytest.mark.parametrize("spoil", [_drop_completion_flag, _forget_an_image_in_the_evidence])
def test_dciodvfy_rejects_a_spoilt_report(spoil: Callable[[Dataset], None], tmp_path: Path) -> None:
    report = copy_of(report_of("with_findings", "mammography_cad_sr"))
    spoil(report.dataset)
    assert object_problems(_written(report, tmp_path)) != []


def _let_a_reference_lead_nowhere(report: Dataset) -> None:
    items_named(report, "111010")[0].ContentSequence[0].ReferencedContentItemIdentifier = [1, 2, 99]


def _use_a_forbidden_relationship(report: Dataset) -> None:
    items_named(report, "111059")[0].RelationshipType = "HAS PROPERTIES"  # a container has no properties


@pytest.mark.parametrize("spoil", [_let_a_reference_lead_nowhere, _use_a_forbidden_relationship])
def test_dsrdump_rejects_a_spoilt_tree(spoil: Callable[[Dataset], None], tmp_path: Path) -> None:
    report = copy_of(report_of("with_findings", "mammography_cad_sr"))
    spoil(report.dataset)
    assert tree_problems(_written(report, tmp_path)) != []


def test_pixelmed_rejects_a_finding_without_rendering_intent(tmp_path: Path) -> None:
    report = copy_of(report_of("with_findings", "mammography_cad_sr"))
    del items_named(report.dataset, "111059")[0].ContentSequence[0]
    problems = template_problems(_written(report, tmp_path))
    assert any("Missing required content item" in line for line in problems)


@pytest.mark.long
def test_pixelmed_rejects_an_item_of_our_own(tmp_path: Path) -> None:
    report = copy_of(report_of("normal", "mammography_cad_sr"))
    comment = Code("121106", "DCM", "Comment")
    report.dataset.ContentSequence.append(content_item.text("CONTAINS", comment, "Research use only"))
    problems = template_problems(_written(report, tmp_path))
    assert any("not in template" in line for line in problems)
