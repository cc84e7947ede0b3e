"""Feedback for the feed: one row each, and nothing that changes one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gateway.database.engine import Database
from gateway.database.feedback_models import FeedbackRow
from gateway.database.models import Reading, Study
from gateway.feed.availability import reading, writing
from gateway.feed.study_rows import shown_generation
from reporting.feed.feedback_schemas import Feedback, NewFeedback
from reporting.feed.feedback_store import KeyUsedOtherwiseError, NothingReadError, Sender, UnknownFindingError
from reporting.feed.stores import UnknownStudyError


class FeedbackRows:
    """Implements `reporting.feed.feedback_store.FeedbackStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, study_instance_uid: str) -> Sequence[Feedback]:
        with reading(self._database) as session:
            study = _study(session, study_instance_uid)
            rows = session.scalars(
                select(FeedbackRow).where(FeedbackRow.study_id == study.id).order_by(FeedbackRow.id)
            ).all()
            return [_as_feedback(row) for row in rows]

    def given(self, study_instance_uid: str, feedback: NewFeedback, sender: Sender) -> Feedback | None:
        with reading(self._database) as session:
            found = session.execute(
                select(FeedbackRow, Study.study_instance_uid)
                .join(Study, Study.id == FeedbackRow.study_id)
                .where(FeedbackRow.author == sender.name, FeedbackRow.idempotency_key == sender.key)
            ).one_or_none()
        if found is None:
            return None
        row, study_uid = found
        if (study_uid, *_said(row)) != (study_instance_uid, *_said(feedback)):
            raise KeyUsedOtherwiseError(sender.key)
        return _as_feedback(row)

    def add(self, study_instance_uid: str, feedback: NewFeedback, sender: Sender) -> Feedback:
        try:
            with writing(self._database) as session:
                study = _study(session, study_instance_uid)
                row = _about(session, study, feedback)
                row.verdict, row.comment = feedback.verdict, feedback.comment
                row.author, row.role, row.at, row.idempotency_key = sender.name, sender.role, sender.at, sender.key
                session.add(row)
                session.flush()
                return _as_feedback(row)
        except IntegrityError:
            # The same request at the same time, in another thread or on another machine, was first.
            known = self.given(study_instance_uid, feedback, sender)
            if known is None:
                raise
            return known


def _study(session: Session, study_instance_uid: str) -> Study:
    study = session.scalars(select(Study).where(Study.study_instance_uid == study_instance_uid)).one_or_none()
    if study is None:
        raise UnknownStudyError(study_instance_uid)
    return study


def _about(session: Session, study: Study, feedback: NewFeedback) -> FeedbackRow:
    """Return a row that says what the feedback is about: a finding that is shown, or the study's result."""
    if feedback.tracking_uid is None:
        if study.label is None:
            raise NothingReadError(study.study_instance_uid)
        return FeedbackRow(
            study_id=study.id, generation=max(1, shown_generation(study)), model_version=study.model_version
        )
    readings = session.scalars(
        select(Reading).where(Reading.study_id == study.id).order_by(Reading.generation.desc(), Reading.id)
    )
    for found in readings:
        findings = found.result.get("findings", ())
        if found.result.get("sop_instance_uid") == feedback.sop_instance_uid and any(
            finding["tracking_uid"] == feedback.tracking_uid for finding in findings
        ):
            return FeedbackRow(
                study_id=study.id,
                generation=found.generation,
                model_version=found.model_version,
                sop_instance_uid=feedback.sop_instance_uid,
                tracking_uid=feedback.tracking_uid,
            )
    raise UnknownFindingError(feedback.tracking_uid)


def _said(one: FeedbackRow | NewFeedback) -> tuple[str, str, str | None, str | None]:
    return one.verdict, one.comment, one.sop_instance_uid, one.tracking_uid


def _as_feedback(row: FeedbackRow) -> Feedback:
    return Feedback.model_validate(
        {
            "id": row.id,
            "verdict": row.verdict,
            "comment": row.comment,
            "sop_instance_uid": row.sop_instance_uid,
            "tracking_uid": row.tracking_uid,
            "generation": row.generation,
            "model_version": row.model_version,
            "author": row.author,
            "role": row.role,
            "at": row.at,
        }
    )
