"""All reports of one generation of a study, built and checked."""

from __future__ import annotations

from collections.abc import Sequence

from reporting.cad_sr.document import build_cad_sr
from reporting.measurement_report.document import build_measurement_report
from reporting.outcome import StudyOutcome, outcome_of
from reporting.presentation_state.document import build_presentation_states
from reporting.self_check.check import check_findings, check_report, check_shared_tracking
from reporting.study import BuiltReport, ReportVariant, StudyToReport
from reporting.summary_image.document import build_summary_image
from reporting.summary_image.rendering import RenderImage


class NoSuchVariant(Exception):
    """A picture or presentation state was asked for in SRT; they hold no codes, so they exist in SCT only."""


def build_reports(study: StudyToReport, variants: Sequence[ReportVariant], render: RenderImage) -> list[BuiltReport]:
    """Build the wanted reports; equal input gives equal bytes.

    Raises PatientsDisagree, NothingToReportOn, ResultOfAnotherImage or a subclass of SelfCheckFailed rather than
    return a report that could mislead. `render` is asked only for images that were read, and only for the picture.
    """
    outcome = outcome_of(study)
    check_findings(outcome)
    built = [report for variant in dict.fromkeys(variants) for report in _build(outcome, variant, render)]
    for report in built:
        check_report(report, outcome)
    check_shared_tracking(built)
    return built


def _build(outcome: StudyOutcome, variant: ReportVariant, render: RenderImage) -> list[BuiltReport]:
    if variant.kind == "mammography_cad_sr":
        return [build_cad_sr(outcome, variant.dialect)]
    if variant.kind == "measurement_report":
        return [build_measurement_report(outcome, variant.dialect)]
    if variant.dialect != "SCT":
        raise NoSuchVariant(f"{variant.kind} exists in SCT only")
    if variant.kind == "presentation_state":
        return build_presentation_states(outcome)
    return [build_summary_image(outcome, render)]
