"""`mammogate studies` and `mammogate show`: what the feed says, on the terminal."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from gateway.cli.console import RESEARCH_USE, out, print_json, table
from gateway.cli.failures import CommandFailed
from gateway.cli.options import ConfigOption, JsonOption, open_for_command
from gateway.drawn_key import drawn_key
from gateway.feed.studies import Studies
from gateway.retention.telling import images_of
from gateway.tracing.span import trace_id
from reporting.feed.schemas import Study
from reporting.feed.stores import StudyQuery

_LISTED = 500


def studies(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the studies, those that want attention first."""
    parts = open_for_command(config)
    listed = [item.study for item in Studies(parts.database, parts.folders).studies(StudyQuery(limit=_LISTED))]
    if as_json:
        print_json([study.model_dump(mode="json") for study in listed])
        return
    shown = table("study", "status", "generation", "attention", "label", "malignancy", "views", "flags")
    for study in listed:
        shown.add_row(
            study.study_instance_uid,
            study.status,
            str(study.generation),
            study.attention,
            study.label or "-",
            _number(study.malignancy_score),
            str(len(study.views)),
            str(len(study.flags)),
        )
    out.print(shown)
    out.print(RESEARCH_USE)


def show(
    study_uid: Annotated[str, typer.Argument(metavar="STUDY_UID")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one study: its views, findings, reports and deliveries."""
    parts = open_for_command(config)
    study = Studies(parts.database, parts.folders).study(study_uid)
    if study is None:
        raise CommandFailed(f"there is no study {study_uid} here: see `mammogate studies`")
    if as_json:
        print_json(study.model_dump(mode="json"))
        return
    print_study(study)
    out.print(f"images: {'; '.join(images_of(parts.database, study_uid))}")
    if parts.settings.traces.endpoint is not None:
        name = trace_id(drawn_key(parts.folders.traces_key), study_uid, study.generation)
        out.print(f"trace {name:032x}")


def print_study(study: Study) -> None:
    """Write a study as tables for a person."""
    out.print(f"study {study.study_instance_uid}  {study.status}, generation {study.generation}")
    out.print(f"attention {study.attention}  label {study.label or '-'}  model {study.model_version or '-'}")
    for flag in study.flags:
        out.print(f"flag: {flag}")
    out.print(_views(study))
    out.print(_reports(study))
    out.print(RESEARCH_USE)


def _views(study: Study) -> Table:
    shown = table("view", "class", "normal", "benign calc", "benign mass", "malig. calc", "malig. mass", "findings")
    for view in study.views:
        numbers: list[float | None] = list((view.probabilities or {}).values()) or [None] * 5
        findings = "\n".join(
            f"{finding.type} {finding.score:.2f} at {finding.center[0]:.0f},{finding.center[1]:.0f}"
            for finding in view.findings
        )
        shown.add_row(
            f"{view.laterality or '?'} {view.view or '?'}",
            view.label or "-",
            *(_number(number) for number in numbers),
            view.failure or findings or "none",
        )
    return shown


def _reports(study: Study) -> Table:
    shown = table("report", "generation", "SOP Instance UID", "deliveries")
    for report in study.reports:
        deliveries = ", ".join(
            f"{delivery.destination}: {delivery.status}" + (f" ({delivery.last_error})" if delivery.last_error else "")
            for delivery in report.deliveries
        )
        shown.add_row(report.kind, str(report.generation), report.sop_instance_uid, deliveries or "no destination")
    return shown


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
