"""Studies, report files and live events for the feed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from gateway.database.engine import Database
from gateway.database.models import Counter, Report, Study
from gateway.database.models import FeedEvent as EventRow
from gateway.database.synthetic_models import of_a_patient
from gateway.feed.availability import reading
from gateway.feed.study_rows import feed_studies, loaders
from gateway.folders import Folders
from reporting.feed import schemas
from reporting.feed.stores import EventSpan, FeedEvent, ListedStudy, Position, StudyQuery

_EVENT_COUNTER = "feed_event"  # the row that gateway.workflow.events draws the numbers of events from
_RANK = case(
    {level: rank for rank, level in enumerate(schemas.ATTENTION_ORDER)},
    value=Study.attention,
    else_=len(schemas.ATTENTION_ORDER) - 1,
)


class Studies:
    """Implements `reporting.feed.stores.StudyFeed`."""

    def __init__(self, database: Database, folders: Folders) -> None:
        self._database = database
        self._folders = folders

    def studies(self, query: StudyQuery) -> Sequence[ListedStudy]:
        # A study of which nothing is ever gathered (no mammogram in it) is not for the reading list.
        wanted = select(Study).where(or_(Study.gathering.is_not(None), Study.generation > 0), of_a_patient())
        if query.since is not None:
            wanted = wanted.where(Study.updated_at >= query.since)
        if query.attention:
            wanted = wanted.where(Study.attention.in_(query.attention))
        if query.after is not None:
            wanted = wanted.where(_behind(query.after))
        wanted = wanted.order_by(_RANK, Study.first_received_at.desc(), Study.study_instance_uid)
        with reading(self._database) as session:
            rows = session.scalars(wanted.limit(query.limit).options(*loaders())).all()
            shown = feed_studies(session, rows)
        return [
            ListedStudy(study, Position(study.attention, row.first_received_at, row.study_instance_uid))
            for row, study in zip(rows, shown, strict=True)
        ]

    def study(self, study_instance_uid: str) -> schemas.Study | None:
        with reading(self._database) as session:
            rows = session.scalars(
                select(Study).where(Study.study_instance_uid == study_instance_uid).options(*loaders())
            ).all()
            return feed_studies(session, rows)[0] if rows else None

    def report_file(self, study_instance_uid: str, sop_instance_uid: str) -> Path | None:
        with reading(self._database) as session:
            path = session.scalar(
                select(Report.path)
                .join(Study, Study.id == Report.study_id)
                .where(Study.study_instance_uid == study_instance_uid, Report.sop_instance_uid == sop_instance_uid)
            )
        return None if path is None else self._folders.root / path

    def events_after(self, event_id: int, limit: int) -> Sequence[FeedEvent]:
        with reading(self._database) as session:
            rows = session.scalars(
                select(EventRow).where(EventRow.number > event_id).order_by(EventRow.number).limit(limit)
            ).all()
        return [FeedEvent(row.number, row.kind, row.study_instance_uid, row.at, row.data) for row in rows]

    def event_span(self) -> EventSpan:
        # The counter, not the newest row: a study that is forgotten takes its events along. Those leave no gap that
        # anybody has to know of, so the span begins with the first event that ever was.
        with reading(self._database) as session:
            last = session.scalar(select(Counter.value).where(Counter.name == _EVENT_COUNTER))
            if last is None:
                last = session.scalar(select(func.max(EventRow.number)))
        return EventSpan(1, last or 0)


def _behind(position: Position) -> ColumnElement[bool]:
    """Return the condition for standing behind `position` in the reading list."""
    rank = schemas.ATTENTION_ORDER.index(position.attention)
    same_time = and_(
        Study.first_received_at == position.arrived_at, Study.study_instance_uid > position.study_instance_uid
    )
    older = or_(Study.first_received_at < position.arrived_at, same_time)
    return or_(rank < _RANK, and_(Study.attention == position.attention, older))
