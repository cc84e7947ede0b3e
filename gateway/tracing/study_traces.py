"""The trace of a study: its spans, what is above what, and when the study itself began."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from gateway.database.engine import Database
from gateway.database.models import Instance, Study
from gateway.tracing.open_span import OpenSpan, going_on
from gateway.tracing.span import Span, SpanSink, Value, new_span_id, span_id, trace_id

log = structlog.get_logger(__name__)
STUDY: Final = "study"
GATHER: Final = "gather"


class StudyTraces:
    """Writes the spans of one process. The root, `study`, is above all others; its name derives from the study.

    The root comes when the study is reported or has failed, so a collector has its spans before it. A delivery may end
    after it.
    """

    def __init__(self, database: Database, key: bytes, sink: SpanSink) -> None:
        self._database = database
        self._key = key
        self._sink = sink

    def trace_of(self, study_uid: str, generation: int) -> str:
        """Return the name of the trace as collectors show it: 32 hexadecimal digits."""
        return f"{trace_id(self._key, study_uid, generation):032x}"

    @contextmanager
    def step(self, name: str, study_uid: str, generation: int, attributes: Mapping[str, Value]) -> Iterator[None]:
        """Write a span of what is done meanwhile; code below may add to it (`open_span`)."""
        trace = trace_id(self._key, study_uid, generation)
        span = OpenSpan(self._sink, trace, new_span_id())
        span.attributes |= attributes
        start, failure = time.time_ns(), None
        try:
            with going_on(span):
                yield
        except BaseException as error:
            failure = type(error).__name__
            raise
        finally:
            root = self._root_id(study_uid, generation)
            end = time.time_ns()
            self._sink.add(Span(name, trace, span.span_id, root, start, end, span.attributes, failure))

    def received(
        self, study_uid: str, generation: int, begun_ns: int, commit_ns: tuple[int, int], **attributes: Value
    ) -> None:
        """Write that an object came, from its first byte to its row, and how long file and row took to be durable."""
        trace, span = trace_id(self._key, study_uid, generation), new_span_id()
        root, named = self._root_id(study_uid, generation), {f"mammogate.{key}": one for key, one in attributes.items()}
        self._sink.add(Span("receive.commit", trace, new_span_id(), span, *commit_ns))
        self._sink.add(Span("receive", trace, span, root, begun_ns, commit_ns[1], named))

    def gathered(self, study_uid: str, generation: int) -> None:
        """Write how long the study was gathered, once it is frozen; written again, it is the same span."""
        times = self._times(study_uid, generation)
        if times is None or times[1] is None:
            return
        trace, span = trace_id(self._key, study_uid, generation), span_id(self._key, study_uid, generation, GATHER)
        root = self._root_id(study_uid, generation)
        self._sink.add(Span(GATHER, trace, span, root, *map(_ns, times)))  # type: ignore[arg-type] # checked above

    def ended(self, study_uid: str, generation: int, failure: str | None = None) -> None:
        """Write the study's own span, which ends now; written again, it is the same span."""
        times = self._times(study_uid, generation)
        if times is None:
            return
        trace, root = trace_id(self._key, study_uid, generation), self._root_id(study_uid, generation)
        attributes = {"mammogate.generation": generation}
        self._sink.add(Span(STUDY, trace, root, None, _ns(times[0]), time.time_ns(), attributes, failure))

    def _root_id(self, study_uid: str, generation: int) -> int:
        return span_id(self._key, study_uid, generation, STUDY)

    def _times(self, study_uid: str, generation: int) -> tuple[datetime, datetime | None] | None:
        """Return when the generation's first image had its row, and when it was frozen; None where nobody can tell."""
        of_study = select(func.min(Instance.received_at), Study.frozen_at, Study.generation).join(Study)
        asked = of_study.where(Study.study_instance_uid == study_uid, Instance.generation == generation)
        try:
            with self._database.read() as session:
                found = session.execute(asked.group_by(Study.frozen_at, Study.generation)).one_or_none()
        except SQLAlchemyError as error:
            log.warning("traces.span_lost", error=type(error).__name__)
            return None
        if found is None or found[2] != generation:
            return None
        return found[0], found[1]


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6) * 1000
