"""All reports of one generation of a study."""

from __future__ import annotations

from collections.abc import Sequence

from reporting.cad_sr.document import build_cad_sr
from reporting.measurement_report.document import build_measurement_report
from reporting.outcome import outcome_of
from reporting.study import BuiltReport, ReportVariant, StudyToReport


def build_reports(study: StudyToReport, variants: Sequence[ReportVariant]) -> list[BuiltReport]:
    """Build the wanted reports; equal input gives equal bytes."""
    outcome = outcome_of(study)
    built: list[BuiltReport] = []
    for variant in dict.fromkeys(variants):
        if variant.kind == "mammography_cad_sr":
            built.append(build_cad_sr(outcome, variant.dialect))
        elif variant.kind == "measurement_report":
            built.append(build_measurement_report(outcome, variant.dialect))
    return built
