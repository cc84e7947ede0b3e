"""Names of traces that can be made again, spans of steps that fail, and a collector that is away."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import TracesSettings
from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.database.models import Study
from gateway.drawn_key import drawn_key
from gateway.parts import Parts
from gateway.processes.stopping import StartRefused
from gateway.processes.tracing import traces
from gateway.tracing.otlp import OtlpSink
from gateway.tracing.span import Span, span_id, trace_id, traceparent
from gateway.tracing.steps import TracedSteps
from gateway.tracing.study_traces import StudyTraces
from tests.peers.ports import free_port
from tests.peers.synthetic import Exam, mammogram, write

KEY = bytes(range(32))
UIDS = st.from_regex(r"2\.25\.[1-9][0-9]{0,30}", fullmatch=True)


class Kept(list[Span]):
    """A sink that keeps what it is given."""

    def add(self, span: Span) -> None:
        self.append(span)


@given(UIDS, st.integers(1, 9), st.binary(min_size=32, max_size=32))
def test_a_trace_has_one_name_for_everybody_with_the_key(uid: str, generation: int, key: bytes) -> None:
    name = trace_id(key, uid, generation)
    assert name == trace_id(key, uid, generation)
    assert 0 < name < 2**128
    assert 0 < span_id(key, uid, generation, "study") < 2**64
    assert name != trace_id(key, uid, generation + 1)
    assert name != trace_id(bytes(31) + bytes([key[0] ^ 1]), uid, generation)
    assert span_id(key, uid, generation, "study") != span_id(key, uid, generation, "gather")


def test_traceparent_is_as_the_standard_has_it() -> None:
    assert traceparent(0xABC, 0x1) == "00-00000000000000000000000000000abc-0000000000000001-01"


def steps(parts: Parts) -> tuple[TracedSteps, Kept]:
    kept = Kept()
    return TracedSteps(StudyTraces(parts.database, KEY, kept)), kept


def test_a_step_that_fails_is_a_failed_span_without_the_errors_words(parts: Parts) -> None:
    around, kept = steps(parts)

    def fail(study_uid: str, generation: int) -> None:
        raise ValueError("ZWIEBELMAIER^KUNIGUNDE")

    with pytest.raises(ValueError, match="ZWIEBELMAIER"):
        around.wrap("process.begin", fail)("1.2.3", 1)
    assert [(span.name, span.failure) for span in kept] == [("process.begin", "ValueError")]
    assert "ZWIEBELMAIER" not in repr(kept)


def test_reasons_are_not_shown_and_a_study_that_is_given_up_is_a_failed_one(parts: Parts, origin: Origin) -> None:
    with parts.database.write() as session:
        session.add(Study(study_instance_uid="1.2.3", generation=1))
    around, kept = steps(parts)
    around.wrap("process.give_up", lambda *_: None)("1.2.3", 1, 2, "read", "ZWIEBELMAIER's image is broken")
    assert kept[0].attributes == {"mammogate.run": 2, "mammogate.stage": "read"}
    assert "ZWIEBELMAIER" not in repr(kept)


def test_steps_without_a_study_stay_as_they_are(parts: Parts) -> None:
    around, _ = steps(parts)
    assert around.wrap("compare.files", print) is print


def test_the_study_begins_with_its_first_object_and_is_the_same_span_when_written_twice(
    parts: Parts, origin: Origin
) -> None:
    kept = Kept()
    traced = StudyTraces(parts.database, KEY, kept)
    intake = parts.intake("receive@test", traced)
    exam = Exam()
    path = write(mammogram(exam=exam), intake.new_file())
    assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
    intake.close()
    commit, receive = kept
    assert (commit.name, commit.parent_id) == ("receive.commit", receive.span_id)
    assert receive.start_ns <= commit.start_ns <= commit.end_ns == receive.end_ns
    with parts.database.write() as session:
        study = session.query(Study).one()
        study.generation, study.frozen_at = 1, study.last_received_at
        for instance in study.instances:
            instance.generation = 1
    around, again = TracedSteps(traced), len(kept)
    for _ in range(2):
        around.wrap("gather.look", lambda *_: 0.0)(exam.study_instance_uid, 1)
        around.wrap("process.report", lambda *_: None)(exam.study_instance_uid, 1, 1)
    gather, report, study_span = kept[again : again + 3]
    assert [span.name for span in (gather, report, study_span)] == ["gather", "process.report", "study"]
    assert kept[again + 3].span_id == gather.span_id
    assert kept[-1].span_id == study_span.span_id == receive.parent_id == gather.parent_id == report.parent_id
    assert study_span.parent_id is None
    assert study_span.start_ns == gather.start_ns <= report.start_ns <= study_span.end_ns
    assert len({span.trace_id for span in kept}) == 1


def test_a_look_that_has_to_wait_is_no_span(parts: Parts) -> None:
    around, kept = steps(parts)
    assert around.wrap("gather.look", lambda *_: 3.0)("1.2.3", 1) == 3.0
    assert kept == []


def test_a_collector_that_is_away_holds_nobody_up() -> None:
    sink = OtlpSink(f"http://127.0.0.1:{free_port()}/v1/traces", service={"service.name": "mammogate"})
    began = time.monotonic()
    for number in range(5000):
        sink.add(Span("study", 1, number + 1, None, 0, 1))
    assert time.monotonic() - began < 5
    sink.close()
    assert time.monotonic() - began < 20  # the supervisor kills what takes longer to stop


def test_a_damaged_key_refuses_to_start_and_says_what_to_do(parts: Parts) -> None:
    on = replace(
        parts, settings=parts.settings.model_copy(update={"traces": TracesSettings(endpoint="http://127.0.0.1:1/v1")})
    )
    with traces(parts, "work@test") as off:
        assert off is None
    assert not parts.folders.traces_key.exists()
    with traces(on, "work@test") as first:
        assert first is not None
        assert first.trace_of("1.2", 1) == f"{trace_id(drawn_key(parts.folders.traces_key), '1.2', 1):032x}"
    parts.folders.traces_key.write_bytes(b"too short")
    with pytest.raises(StartRefused, match="remove it"), traces(on, "work@test"):
        pass
