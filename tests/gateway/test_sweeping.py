"""The sweep: work without a job is started."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from gateway.database.columns import now
from gateway.database.models import DeadLetter, Delivery, Study
from gateway.forgetting import forget_study
from gateway.parts import Parts
from gateway.workflow.jobs import GATHER, deliver_id, gather_id, process_id
from gateway.workflow.sweeping import Sweep
from tests.gateway.instances import a_report

UID = "1.2.3"
LONG_AGO = timedelta(minutes=10)


@pytest.fixture
def sweep(parts: Parts) -> Sweep:
    return Sweep(parts.database, parts.jobs, longest_delays={GATHER: 120})


def add_study(parts: Parts, **values: object) -> None:
    with parts.database.write() as session:
        session.add(Study(study_instance_uid=UID, updated_at=now() - LONG_AGO, **values))


def status_of(parts: Parts, workflow_id: str) -> str:
    with parts.database.read() as session:
        found = session.execute(
            text("SELECT status FROM workflow_status WHERE workflow_uuid = :id"), {"id": workflow_id}
        )
        return str(found.scalar_one())


def test_a_generation_that_is_gathered_by_nobody_gets_its_job(parts: Parts, sweep: Sweep) -> None:
    add_study(parts, gathering=1)
    sweep.studies()
    assert parts.jobs.is_alive(gather_id(UID, 1))


def test_a_frozen_generation_that_nobody_processes_gets_its_job(parts: Parts, sweep: Sweep) -> None:
    add_study(parts, status="queued", generation=1, run=1)
    sweep.studies()
    assert parts.jobs.is_alive(process_id(UID, 1, 1))


def test_a_job_that_ended_without_a_result_becomes_a_dead_letter(parts: Parts, sweep: Sweep) -> None:
    add_study(parts, status="processing", generation=1, run=1)
    with parts.database.write() as session:
        parts.jobs.process(session, UID, 1, 1)
    with parts.database.write() as session:
        session.execute(text("UPDATE workflow_status SET status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'"))
    sweep.studies()
    with parts.database.read() as session:
        assert session.scalars(select(Study.status)).one() == "failed"
        assert "mammogate retry" in session.scalars(select(DeadLetter.reason)).one()


def test_a_study_that_got_the_number_of_a_forgotten_one_is_not_failed_for_it(
    parts: Parts, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_study(parts, status="processing", generation=1, run=1)
    exists = parts.jobs.exists

    def overtake(workflow_id: str) -> bool:
        assert not exists(workflow_id)
        forget_study(parts.database, parts.folders, parts.jobs, UID, "anna")
        with parts.database.write() as session:
            session.add(Study(study_instance_uid="4.5.6", status="processing", generation=1, run=1))
        return True  # and it had ended without a result

    monkeypatch.setattr(parts.jobs, "exists", overtake)
    sweep.studies()
    with parts.database.read() as session:
        study = session.scalars(select(Study)).one()
        assert (study.id, study.study_instance_uid, study.status) == (1, "4.5.6", "processing")
        assert session.scalars(select(DeadLetter)).all() == []


def test_a_delivery_that_is_overdue_and_has_no_job_gets_one(parts: Parts, sweep: Sweep) -> None:
    add_study(parts, status="reported", generation=1)
    with parts.database.write() as session:
        study = session.scalars(select(Study)).one()
        report = a_report(study.id)
        session.add(report)
        session.flush()
        due = now() - LONG_AGO
        session.add(
            Delivery(study_id=study.id, generation=1, destination="pacs", report_id=report.id, next_attempt_at=due)
        )
    sweep.deliveries()
    assert parts.jobs.any_alive(deliver_id(UID, 1, "pacs", "sweep"))


def test_a_job_that_waits_longer_than_any_may_runs_at_once_since_the_clock_was_set_back(
    parts: Parts, sweep: Sweep
) -> None:
    with parts.database.write() as session:
        parts.jobs.gather(session, UID, 1, 110)
        parts.jobs.gather(session, "4.5.6", 1, 3600 + 110)
    sweep.hasten()
    assert 100 < delay_of(parts, gather_id(UID, 1)) <= 110
    assert delay_of(parts, gather_id("4.5.6", 1)) <= 0


def delay_of(parts: Parts, workflow_id: str) -> float:
    """For how many more seconds a job waits."""
    with parts.database.read() as session:
        found = session.execute(
            text("SELECT delay_until_epoch_ms FROM workflow_status WHERE workflow_uuid = :id"), {"id": workflow_id}
        )
        return float(found.scalar_one()) / 1000 - now().timestamp()
