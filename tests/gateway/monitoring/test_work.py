"""How the work goes: ages of what waits, speed of what was read, who is alive, from rows."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Delivery, Heartbeat, Reading, Report, Study
from gateway.database.synthetic_models import SyntheticStudy
from gateway.monitoring.counts import count
from gateway.monitoring.work import work
from gateway.workflow.jobs import Jobs
from tests.gateway.monitoring.rows import add_study


def test_the_oldest_of_each_queue_and_destination_tells_how_long_it_waits(database: Database) -> None:
    moment = now()
    study, (instance, _) = add_study(database, 0.5, 0.5, at=moment)
    with database.write() as session:
        row = session.get_one(Study, study)
        row.gathering, row.last_received_at = 2, moment - timedelta(seconds=40)
        session.add(Study(study_instance_uid="1.2", status="queued", updated_at=moment - timedelta(seconds=70)))
        owed = {"study_id": study, "generation": 1, "status": "waiting"}
        session.add(
            Delivery(destination="pacs", instance_id=instance, first_due_at=moment - timedelta(hours=2), **owed)
        )
        session.add(Delivery(destination="other", instance_id=instance, first_due_at=moment, **owed))
    with database.read() as session:
        found = work(session, moment, ["pacs", "idle"])
    assert found.oldest == {"gather": 40, "process": 70, "deliver": 7200, "compare": 0, "commit": 0}
    assert found.waiting == {"pacs": 7200, "idle": 0, "other": 0}
    assert found.delivered_at == {}


def test_speed_is_the_last_hours_by_engine_without_what_was_refused_or_carried_over(database: Database) -> None:
    moment = now()
    _, instances = add_study(database, 0.5, 0.5, 0.5, None, at=moment)
    add_study(database, 0.5, at=moment - timedelta(hours=3))
    timings = [{"decode": 0.2, "sweep": 1.0}, {"decode": 0.4, "sweep": 3.0}, {}]
    with database.write() as session:
        for instance, measured in zip(instances, timings, strict=False):
            reading = session.query(Reading).filter_by(instance_id=instance).one()
            reading.timings, reading.engine = measured, "remote"
    with database.read() as session:
        found = work(session, moment, [])
    assert found.read == {"embedded": 0, "remote": 3}
    assert found.seconds == {("remote", "decode"): pytest.approx(0.3), ("remote", "sweep"): pytest.approx(2.0)}


def test_from_complete_to_reported_and_who_is_alive(database: Database) -> None:
    moment = now()
    study, _ = add_study(database, 0.5, at=moment)
    with database.write() as session:
        session.get_one(Study, study).frozen_at = moment - timedelta(seconds=30)
        for number in range(2):
            session.add(
                Report(
                    study_id=study,
                    generation=1,
                    kind="summary_image",
                    dialect="SCT",
                    sop_class_uid="1",
                    sop_instance_uid=f"2.{number}",
                    series_instance_uid="3",
                    path="x",
                    created_at=moment - timedelta(seconds=10 - number),
                )
            )
        session.add(Heartbeat(executor_id="work@gate1", seen_at=moment))
        session.add(Heartbeat(executor_id="receive-2@gate1", seen_at=moment - timedelta(hours=1)))
    with database.read() as session:
        found = work(session, moment, [])
    assert found.reported == [20]
    assert found.alive == {"receive": 0, "work": 1, "api": 0}


def test_a_study_that_waits_for_the_engine_is_counted_and_one_in_the_queue_is_not(database: Database) -> None:
    jobs = Jobs(database)
    with database.write() as session:
        jobs.process(session, "1.2.3", 1, 1)
        jobs.process(session, "1.2.4", 1, 1, attempt=2, delay_seconds=60)
        jobs.process(session, "1.2.5", 1, 1, attempt=3)
    assert jobs.count_waiting_for_engine() == 2


@pytest.mark.parametrize("status", ["DELAYED", "ENQUEUED", "PENDING"])
def test_a_study_that_is_tried_again_just_now_still_waits_for_the_engine(database: Database, status: str) -> None:
    jobs = Jobs(database)
    with database.write() as session:
        for attempt in (2, 3):  # the next one is enqueued before the one that failed has ended
            jobs.process(session, "1.2.4", 1, 1, attempt=attempt, delay_seconds=60)
        session.execute(text("UPDATE workflow_status SET status = :status"), {"status": status})
    assert jobs.count_waiting_for_engine() == 1


def test_a_study_that_we_have_made_is_not_among_those_of_patients(database: Database) -> None:
    study, _ = add_study(database, 0.5, 0.5)
    add_study(database, 0.5)
    with database.read() as session:
        uid = session.get_one(Study, study).study_instance_uid
        assert count(session).instances == {"read": 3}
    with database.write() as session:
        session.add(SyntheticStudy(study_instance_uid=uid))
    with database.read() as session:
        counted = count(session)
    assert counted.instances == {"read": 1}
    assert counted.studies == {"reported": 1}
