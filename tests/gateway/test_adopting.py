"""Adopting: what the dead were doing goes on in the living, what the living do is left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from dicom_node.intake import Origin
from gateway import heartbeat
from gateway.abandoned import close_own
from gateway.database.columns import now
from gateway.database.models import AssociationRecord, Heartbeat, Instance, Study
from gateway.heartbeat import SILENT, Heart, alive, alive_of
from gateway.parts import Parts
from gateway.workflow import adopting
from gateway.workflow.adopting import Adoption
from gateway.workflow.gathering import Gathering
from gateway.workflow.jobs import gather_id, process_id

UID = "1.2.3"
DEAD = SILENT + timedelta(seconds=1)


@pytest.fixture
def adoption(parts: Parts) -> Adoption:
    return Adoption(parts.database, parts.jobs)


def last_seen(parts: Parts, name: str, ago: timedelta) -> None:
    with parts.database.write() as session:
        session.add(Heartbeat(executor_id=name, seen_at=now() - ago))


def runs(parts: Parts, executor: str) -> None:
    with parts.database.write() as session:
        parts.jobs.process(session, UID, 1, 1)
    with parts.database.write() as session:
        session.execute(text("UPDATE workflow_status SET status = 'PENDING', executor_id = :name"), {"name": executor})


def status_of(parts: Parts, workflow_id: str) -> str:
    with parts.database.read() as session:
        found = session.execute(
            text("SELECT status FROM workflow_status WHERE workflow_uuid = :id"), {"id": workflow_id}
        )
        return str(found.scalar_one())


def arrives(parts: Parts, origin: Origin, receiver: str, views: int = 4) -> None:
    """Have a study arrive on an association of the receiver, which stays open."""
    with parts.database.write() as session:
        session.add(
            AssociationRecord(
                id=origin.association_id,
                receiver=receiver,
                channel="dicom",
                peer_ae_title="X",
                peer_address="127.0.0.1",
            )
        )
        study = Study(study_instance_uid=UID, gathering=1)
        session.add(study)
        session.flush()
        for number in range(views):
            session.add(
                Instance(
                    study_id=study.id,
                    series_instance_uid="1",
                    sop_instance_uid=f"{UID}.{number}",
                    sop_class_uid="1",
                    transfer_syntax_uid="1",
                    role="read",
                    laterality="RL"[number % 2],
                    view=("CC", "MLO")[number // 2],
                    is_standard=True,
                    patient_key="..",
                    path=f"{number}",
                    size=1,
                    association_id=origin.association_id,
                )
            )
        parts.jobs.gather(session, UID, 1, 120)


def is_open(parts: Parts) -> bool:
    with parts.database.read() as session:
        return session.scalars(select(AssociationRecord.closed_at)).one() is None


def test_what_a_dead_worker_was_doing_goes_back_into_its_queue(parts: Parts, adoption: Adoption) -> None:
    last_seen(parts, "work@gone", DEAD)
    runs(parts, "work@gone")
    adoption.look()
    assert status_of(parts, process_id(UID, 1, 1)) == "ENQUEUED"


def test_what_somebody_was_doing_of_whom_nothing_is_known_goes_back_too(parts: Parts, adoption: Adoption) -> None:
    runs(parts, "work@forgotten")
    adoption.look()
    assert status_of(parts, process_id(UID, 1, 1)) == "ENQUEUED"


def test_what_a_living_worker_is_doing_is_left_alone(parts: Parts, adoption: Adoption) -> None:
    last_seen(parts, "work@alive", timedelta(0))
    runs(parts, "work@alive")
    adoption.look()
    assert status_of(parts, process_id(UID, 1, 1)) == "PENDING"


@pytest.mark.parametrize("hours", [-1, 1])
def test_nobody_is_taken_for_dead_because_the_databases_clock_was_set(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    steady, shown = [1000.0], [now()]

    def passes(seconds: float, *, clock_is_set_by: timedelta = timedelta(0)) -> None:
        steady[0] += seconds
        shown[0] += timedelta(seconds=seconds) + clock_is_set_by

    for module in (adopting, heartbeat):
        monkeypatch.setattr(module, "database_now", lambda _session: shown[0])
    adoption = Adoption(parts.database, parts.jobs, clock=lambda: steady[0])
    living = Heart(parts.database, "work@alive")
    living.beat()
    runs(parts, "work@alive")
    adoption.look_if_sure()
    passes(5, clock_is_set_by=timedelta(hours=hours))
    adoption.look_if_sure()
    passes(5)
    living.beat()
    for _ in range(6):
        passes(5)
        adoption.look_if_sure()
    assert status_of(parts, process_id(UID, 1, 1)) == "PENDING"
    for _ in range(6):  # and now it is dead
        passes(5)
        adoption.look_if_sure()
    assert status_of(parts, process_id(UID, 1, 1)) == "ENQUEUED"


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_process_that_died_before_the_clock_was_set_is_dead_afterwards(
    parts: Parts, adoption: Adoption, hours: int
) -> None:
    last_seen(parts, "work@gone", timedelta(hours=hours))
    runs(parts, "work@gone")
    adoption.look()
    assert status_of(parts, process_id(UID, 1, 1)) == "ENQUEUED"


def test_a_dead_receivers_association_is_closed_and_its_complete_study_is_frozen_at_once(
    parts: Parts, adoption: Adoption, origin: Origin
) -> None:
    last_seen(parts, "receive@gone", DEAD)
    arrives(parts, origin, "receive@gone")
    assert status_of(parts, gather_id(UID, 1)) == "DELAYED"
    adoption.look()
    assert not is_open(parts)
    with parts.database.read() as session:  # looked for now, not after the quiet time
        due = session.execute(text("SELECT delay_until_epoch_ms FROM workflow_status")).scalar_one()
    assert due / 1000 <= now().timestamp()
    gathering = Gathering(parts.database, parts.jobs, settle_seconds=10, quiet_seconds=120)
    assert gathering.look(UID, 1) == 0  # it has settled since the last sign of life
    with parts.database.read() as session:
        assert session.scalars(select(Study.generation)).one() == 1


def test_a_dead_receivers_incomplete_study_waits_for_the_rest(parts: Parts, adoption: Adoption, origin: Origin) -> None:
    arrives(parts, origin, "receive@gone", views=3)
    adoption.look()
    assert not is_open(parts)
    gathering = Gathering(parts.database, parts.jobs, settle_seconds=10, quiet_seconds=120)
    assert gathering.look(UID, 1) > 100


def test_a_living_receivers_association_stays_open(parts: Parts, adoption: Adoption, origin: Origin) -> None:
    last_seen(parts, "receive@alive", timedelta(0))
    arrives(parts, origin, "receive@alive")
    adoption.look()
    assert is_open(parts)


def test_a_receiver_that_starts_again_closes_its_own_and_no_others(parts: Parts, origin: Origin) -> None:
    arrives(parts, origin, "receive@gate1")
    assert close_own(parts.database, parts.jobs, "receive-2@gate1") == 0
    assert is_open(parts)
    assert close_own(parts.database, parts.jobs, "receive@gate1") == 1
    assert not is_open(parts)


def test_after_a_pause_nobody_is_judged_before_all_had_time_to_show_up(parts: Parts) -> None:
    moments = iter((0.0, 1000.0, 1005.0, 1010.0, 1015.0, 1020.0))
    adoption = Adoption(parts.database, parts.jobs, clock=lambda: next(moments))
    runs(parts, "work@gone")
    for _ in range(4):
        adoption.look_if_sure()
        assert status_of(parts, process_id(UID, 1, 1)) == "PENDING"
    adoption.look_if_sure()
    assert status_of(parts, process_id(UID, 1, 1)) == "ENQUEUED"


def test_a_sign_of_life_makes_a_name_alive_and_old_ones_go(parts: Parts) -> None:
    last_seen(parts, "work@gone", DEAD)
    last_seen(parts, "work@long-gone", timedelta(days=2))
    Heart(parts.database, "receive-2@gate1").beat()
    with parts.database.read() as session:
        assert alive(session) == {"receive-2@gate1"}
        assert set(session.scalars(select(Heartbeat.executor_id))) == {"receive-2@gate1", "work@gone"}
    assert alive_of({"receive-2@gate1", "work@gate1", "workbench@gate1"}, "work") == ["work@gate1"]
    assert alive_of({"receive-2@gate1", "work@gate1"}, "receive") == ["receive-2@gate1"]
