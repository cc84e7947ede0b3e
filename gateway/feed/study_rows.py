"""Rows of a study as the feed's study."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.interfaces import LoaderOption

from gateway.database import models
from inference.results import ViewResult
from reporting.feed.schemas import Delivery, Patient, Report, Study


def loaders() -> tuple[LoaderOption, ...]:
    """Return what to load along with studies: a few queries a page, not a few a study."""
    return (
        selectinload(models.Study.flags),
        selectinload(models.Study.instances).load_only(models.Instance.role, models.Instance.role_reason),
        selectinload(models.Study.reports).selectinload(models.Report.deliveries),
    )


def feed_studies(session: Session, rows: Sequence[models.Study]) -> list[Study]:
    """Return the studies of the rows, in their order."""
    views = _views(session, rows)
    return [_feed_study(row, views[row.id]) for row in rows]


def shown_generation(row: models.Study) -> int:
    """Return the generation whose views are shown: the one that label, score and reports are of.

    While a later generation is still being read, or when it failed, that is the last one with reports; a study
    without any shows what has been read so far.
    """
    if row.status == "reported":
        return row.generation
    return max((report.generation for report in row.reports), default=row.generation)


def _views(session: Session, rows: Iterable[models.Study]) -> dict[int, list[ViewResult]]:
    shown = {row.id: shown_generation(row) for row in rows}
    found = session.scalars(
        select(models.Reading).where(models.Reading.study_id.in_(shown)).order_by(models.Reading.instance_id)
    )
    views: dict[int, list[ViewResult]] = defaultdict(list)
    for reading in found:
        if reading.generation == shown[reading.study_id]:
            views[reading.study_id].append(ViewResult.model_validate(reading.result))
    return views


def _feed_study(row: models.Study, views: list[ViewResult]) -> Study:
    return Study.model_validate(
        {
            "study_instance_uid": row.study_instance_uid,
            "patient": Patient(id=row.patient_id, name=row.patient_name, birth_date=row.birth_date),
            "study_date": row.study_date,
            "accession_number": row.accession_number,
            "status": row.status,
            # Nothing is frozen yet: what is being collected is the first generation.
            "generation": max(1, row.generation),
            "flags": _flags(row),
            "attention": row.attention,
            "label": row.label,
            "malignancy_score": row.malignancy_score,
            "model_version": row.model_version,
            "views": tuple(views),
            "reports": tuple(_feed_report(report) for report in row.reports),
        }
    )


def _flags(row: models.Study) -> tuple[str, ...]:
    """Return what was flagged, and what came with the study and is not read."""
    reasons = {item.role_reason: None for item in row.instances if item.role == "kept" and item.role_reason}
    return (*(flag.text for flag in row.flags), *reasons)


def _feed_report(row: models.Report) -> Report:
    deliveries = tuple(
        Delivery(
            destination=delivery.destination,
            status=delivery.status,
            attempts=delivery.attempts,
            last_error=delivery.last_error,
        )
        for delivery in row.deliveries
        # That an old picture is taken back later does not change that it was delivered.
        if delivery.action == "send"
    )
    return Report.model_validate(
        {
            "kind": row.kind,
            "sop_instance_uid": row.sop_instance_uid,
            "sop_class_uid": row.sop_class_uid,
            "generation": row.generation,
            "source_sop_instance_uid": row.source_sop_instance_uid,
            "deliveries": deliveries,
        }
    )
