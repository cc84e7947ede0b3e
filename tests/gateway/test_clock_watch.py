"""A clock that is set while a study waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from dicom_node.intake import Origin
from gateway.database.models import AssociationRecord, Study
from gateway.parts import Parts
from gateway.workflow.clock_watch import ClockWatch
from gateway.workflow.gathering import Gathering
from tests.gateway.test_completeness import send
from tests.peers.synthetic import STANDARD_VIEWS, Exam

HOUR = 3600.0


@dataclass
class Clocks:
    """A clock that can be set, and one that can't."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))
    steady: float = 0.0

    def watch(self) -> ClockWatch:
        return ClockWatch(lambda: self.time, lambda: self.steady)

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.steady += seconds

    def set_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_what_was_before_a_jump_forward_is_as_old_as_it_is_and_what_comes_after_it_too(clocks: Clocks) -> None:
    watch = clocks.watch()
    clocks.pass_by(8)
    before = clocks.time
    clocks.pass_by(1)
    clocks.set_by(HOUR)
    clocks.pass_by(1)
    after = clocks.time
    clocks.pass_by(3)
    assert watch.since(before) == pytest.approx(5)
    assert watch.since(after) == pytest.approx(3)
    clocks.set_by(HOUR)
    assert watch.since(before) == pytest.approx(5)
    assert watch.since(after) == pytest.approx(3)
    assert watch.setbacks == 0


def test_a_jump_back_ends_what_was_known_of_jumps_forward(clocks: Clocks) -> None:
    watch = clocks.watch()
    clocks.set_by(HOUR)
    watch.look()
    clocks.set_by(-2 * HOUR)
    clocks.pass_by(2)
    after = clocks.time
    clocks.pass_by(3)
    assert watch.since(after) == pytest.approx(3)
    assert watch.setbacks == 1


def test_what_a_time_service_corrects_is_no_jump(clocks: Clocks) -> None:
    watch = clocks.watch()
    started = clocks.time
    for correction in (0.5, -0.5, 2.0, -2.0):
        clocks.pass_by(1)
        clocks.set_by(correction)
        watch.look()
    assert watch.setbacks == 0
    assert watch.since(started) == pytest.approx(4)


def gathering(parts: Parts, clocks: Clocks) -> Gathering:
    return Gathering(parts.database, parts.jobs, settle_seconds=10, quiet_seconds=120, clock=clocks.watch())


@pytest.mark.parametrize("views", [2, 4])
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_study_waits_as_long_as_it_would_without_the_jump(
    parts: Parts, origin: Origin, clocks: Clocks, views: int, hours: int
) -> None:
    exam = Exam()
    gather = gathering(parts, clocks)
    send(parts, origin, exam, *STANDARD_VIEWS[:views])
    with parts.database.write() as session:
        session.execute(update(Study).values(last_received_at=clocks.time))
        session.execute(update(AssociationRecord).values(closed_at=clocks.time))
    wait = 10 if views == 4 else 120
    clocks.pass_by(1)
    clocks.set_by(hours * HOUR)
    assert wait - 1 <= gather.look(exam.study_instance_uid, 1) <= wait
    clocks.pass_by(wait + 0.1)
    assert gather.look(exam.study_instance_uid, 1) == 0
    with parts.database.read() as session:
        assert session.scalars(select(Study.status)).one() == "queued"


def test_a_clock_that_was_set_back_while_nobody_worked_holds_nothing_up(
    parts: Parts, origin: Origin, clocks: Clocks
) -> None:
    """As after a power cut, on a machine whose own clock has no battery any more."""
    exam = Exam()
    send(parts, origin, exam, *STANDARD_VIEWS)
    clocks.set_by(-HOUR)
    gather = gathering(parts, clocks)
    assert gather.look(exam.study_instance_uid, 1) == 10
    clocks.pass_by(10)
    assert gather.look(exam.study_instance_uid, 1) == 0
