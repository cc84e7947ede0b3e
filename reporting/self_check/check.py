"""The semantic self-check: what no validator sees. Every report passes it before it leaves.

Validators catch a wrong module, code or relationship. They accept a mark that points to the wrong image or beside it,
an open outline, and a summary that contradicts the findings; a reader would be misled by each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydicom.dataset import Dataset

from reporting.codes import dicom
from reporting.content_item import walk
from reporting.outcome import StudyOutcome
from reporting.self_check.cad_sr import check_cad_sr
from reporting.self_check.causes import FindingsDiffer
from reporting.self_check.header import check_evidence, check_identity
from reporting.self_check.images import check_picture, check_presentation_state
from reporting.self_check.measurement_report import check_measurement_report
from reporting.self_check.places import check_closed, check_points
from reporting.self_check.texts import check_texts
from reporting.self_check.tree import named, only
from reporting.study import BuiltReport


def check_findings(outcome: StudyOutcome) -> None:
    """Check the result before anything is built from it."""
    seen: set[str] = set()
    for image, finding in outcome.findings:
        if finding.tracking_uid in seen:
            raise FindingsDiffer("two findings of the result have one tracking UID")
        seen.add(finding.tracking_uid)
        check_points(image, [finding.center])
        check_points(image, finding.outline)
        check_closed(finding.outline)


def check_report(report: BuiltReport, outcome: StudyOutcome) -> None:
    """Check one finished report against the study; raises a subclass of SelfCheckFailed."""
    check_identity(report.dataset, outcome)
    check_texts(report, outcome.study)
    if report.kind == "mammography_cad_sr":
        check_evidence(report.dataset, outcome)
        check_cad_sr(report.dataset, outcome)
    elif report.kind == "measurement_report":
        check_evidence(report.dataset, outcome)
        check_measurement_report(report.dataset, outcome)
    elif report.kind == "presentation_state":
        check_presentation_state(report, outcome)
    else:
        check_picture(report.dataset, outcome)


def check_shared_tracking(reports: Iterable[BuiltReport]) -> None:
    """The same finding has the same Tracking Unique Identifier in every Structured Report."""
    found = {
        report.sop_instance_uid: set(_tracking_uids_of_findings(report.dataset))
        for report in reports
        if report.kind in ("mammography_cad_sr", "measurement_report")
    }
    if len({frozenset(uids) for uids in found.values()}) > 1:
        raise FindingsDiffer("the structured reports of the study disagree on the tracking UIDs of the findings")


def _tracking_uids_of_findings(report: Dataset) -> Iterator[str]:
    for _, item in walk(report):
        if named(item, dicom.CENTER.value) or named(item, dicom.IMAGE_REGION.value):
            yield str(only(item, dicom.TRACKING_UNIQUE_IDENTIFIER.value).UID)
