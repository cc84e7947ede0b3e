"""The durable intake: what is on disk and in the database when it answers."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import OperationalError

from dicom_node.intake import AnnouncedInstance, Answer, Origin, Verdict
from gateway.database.columns import Base
from gateway.database.models import AssociationRecord, Duplicate, Instance, Quarantined, Study
from gateway.intake import durable, header
from gateway.intake.durable import DurableIntake
from gateway.intake.recording import Arrival, ArrivalRecorder
from gateway.parts import Parts
from gateway.strays import StraySweep
from gateway.workflow.jobs import gather_id
from tests.peers.synthetic import Exam, mammogram, write

NOTHING_ANNOUNCED = AnnouncedInstance(None, None)


@pytest.fixture
def intake(parts: Parts) -> DurableIntake:
    return parts.intake("receive@test")


def give(
    intake: DurableIntake, origin: Origin, exam: Exam, laterality: str = "L", view: str = "CC", **image: object
) -> Answer:
    path = intake.new_file()
    write(mammogram(laterality, view, exam=exam, rows=64, columns=48, **image), path)  # type: ignore[arg-type] # any tag
    return intake.accept(path, NOTHING_ANNOUNCED, origin)


def count(parts: Parts, table: type[Base]) -> int:
    with parts.database.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_an_accepted_instance_has_a_file_a_row_and_a_gather_job(
    parts: Parts, intake: DurableIntake, origin: Origin
) -> None:
    exam = Exam()
    answer = give(intake, origin, exam)
    assert answer.verdict is Verdict.STORED
    assert answer.study_instance_uid == exam.study_instance_uid
    with parts.database.read() as session:
        study = session.scalars(select(Study)).one()
        instance = session.scalars(select(Instance)).one()
    assert (instance.laterality, instance.view, instance.role, instance.generation) == ("L", "CC", "read", None)
    assert (parts.folders.root / instance.path).stat().st_size == instance.size
    assert study.gathering == 1
    assert parts.jobs.exists(gather_id(exam.study_instance_uid, 1))
    assert not list(parts.folders.incoming.iterdir())


def test_a_header_of_random_bytes_is_kept_in_quarantine(parts: Parts, intake: DurableIntake, origin: Origin) -> None:
    path = intake.new_file()
    path.write_bytes(os.urandom(4096))
    answer = intake.accept(path, AnnouncedInstance("1.2", "1.2.3"), origin)
    assert answer.verdict is Verdict.UNREADABLE
    with parts.database.read() as session:
        kept = session.scalars(select(Quarantined)).one()
    assert (parts.folders.root / kept.path).stat().st_size == 4096
    assert kept.announced_sop_instance_uid == "1.2.3"
    assert count(parts, Study) == 0


@pytest.mark.parametrize(
    ("announced", "verdict"),
    [
        (AnnouncedInstance("1.2.840.10008.5.1.4.1.1.1.2", "1.2.3"), Verdict.UNREADABLE),
        (AnnouncedInstance("1.2.840.10008.5.1.4.1.1.7", None), Verdict.CLASS_MISMATCH),
    ],
)
def test_a_header_that_contradicts_the_command_is_kept_in_quarantine(
    parts: Parts, intake: DurableIntake, origin: Origin, announced: AnnouncedInstance, verdict: Verdict
) -> None:
    path = intake.new_file()
    write(mammogram(rows=64, columns=48), path)
    assert intake.accept(path, announced, origin).verdict is verdict
    assert count(parts, Quarantined) == 1
    assert count(parts, Instance) == 0


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_an_object_that_belongs_to_no_study_or_series_is_kept_in_quarantine(
    parts: Parts, intake: DurableIntake, origin: Origin, keyword: str
) -> None:
    answer = give(intake, origin, Exam(), missing=[keyword])
    assert answer.verdict is Verdict.UNREADABLE
    assert keyword in answer.comment


@pytest.mark.parametrize("synced_meanwhile", [True, False])
def test_a_full_disk_refuses_and_keeps_nothing(
    parts: Parts, intake: DurableIntake, origin: Origin, monkeypatch: pytest.MonkeyPatch, *, synced_meanwhile: bool
) -> None:
    def full(_path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable, "make_durable", full)
    if not synced_meanwhile:
        monkeypatch.setattr(durable, "_SYNCED_MEANWHILE_BYTES", 0)
    assert give(intake, origin, Exam()).verdict is Verdict.OUT_OF_RESOURCES
    assert count(parts, Instance) == 0
    assert not list(parts.folders.incoming.iterdir())
    assert not list(parts.folders.instances.rglob("*.dcm"))
    monkeypatch.undo()
    assert give(intake, origin, Exam()).verdict is Verdict.STORED


def test_a_disk_below_its_reserve_refuses(parts: Parts, origin: Origin) -> None:
    greedy = Parts(parts.settings.model_copy(update={"reserve_mib": 2**40}), parts.folders, parts.database, parts.jobs)
    assert give(greedy.intake("receive@test"), origin, Exam()).verdict is Verdict.OUT_OF_RESOURCES


def test_a_database_that_fails_refuses_and_leaves_no_file(
    parts: Parts, intake: DurableIntake, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_arguments: object) -> int:
        raise OperationalError("INSERT", {}, Exception("gone"))

    monkeypatch.setattr(ArrivalRecorder, "record", away)
    assert give(intake, origin, Exam()).verdict is Verdict.OUT_OF_RESOURCES
    assert not list(parts.folders.instances.rglob("*.dcm"))
    assert not list(parts.folders.incoming.iterdir())


def test_whatever_goes_wrong_the_sender_keeps_its_copy(
    intake: DurableIntake, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_path: Path) -> None:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(durable, "read_header", broken)
    assert give(intake, origin, Exam()).verdict is Verdict.OUT_OF_RESOURCES


@pytest.mark.parametrize(
    ("trouble", "verdict"),
    [
        (OSError(errno.EIO, "Input/output error"), Verdict.OUT_OF_RESOURCES),
        (OSError(errno.ESTALE, "Stale file handle"), Verdict.OUT_OF_RESOURCES),
        (OSError(errno.EMFILE, "Too many open files"), Verdict.OUT_OF_RESOURCES),
        (MemoryError(), Verdict.OUT_OF_RESOURCES),
        (OSError("No tag to read at file position 84"), Verdict.UNREADABLE),
        (OSError(errno.EINVAL, "Invalid argument"), Verdict.UNREADABLE),
    ],
    ids=["I/O error", "stale handle", "no descriptor", "no memory", "what pydicom raises", "a jump before the start"],
)
def test_only_what_the_content_is_to_blame_for_is_called_unreadable(
    parts: Parts,
    intake: DurableIntake,
    origin: Origin,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
    verdict: Verdict,
) -> None:
    def failing(_path: Path) -> None:
        raise trouble

    monkeypatch.setattr(header, "scan_header", failing)
    assert give(intake, origin, Exam()).verdict is verdict
    assert count(parts, Quarantined) == (verdict is Verdict.UNREADABLE)
    assert not list(parts.folders.incoming.iterdir())
    monkeypatch.undo()
    assert give(intake, origin, Exam()).verdict is Verdict.STORED


def test_a_second_object_under_one_uid_is_stored_beside_the_first_and_compared(
    parts: Parts, intake: DurableIntake, origin: Origin
) -> None:
    exam = Exam()
    tags = {"SOPInstanceUID": "1.2.3.4"}
    assert give(intake, origin, exam, tags=tags).verdict is Verdict.STORED
    assert give(intake, origin, exam, tags=tags, seed=5).verdict is Verdict.STORED
    with parts.database.read() as session:
        first, duplicate = session.scalars(select(Instance)).one(), session.scalars(select(Duplicate)).one()
    assert first.path != duplicate.path
    assert (parts.folders.root / duplicate.path).exists()
    assert parts.jobs.is_alive(f"compare:{duplicate.id}")


def test_only_mammograms_open_a_generation(parts: Parts, intake: DurableIntake, origin: Origin) -> None:
    answer = give(intake, origin, Exam(), tags={"Modality": "DX"})
    assert answer.verdict is Verdict.STORED
    with parts.database.read() as session:
        assert session.scalars(select(Study.gathering)).one() is None


def test_an_association_is_open_until_it_is_closed(parts: Parts, intake: DurableIntake, origin: Origin) -> None:
    give(intake, origin, Exam())
    with parts.database.read() as session:
        assert session.scalars(select(AssociationRecord.closed_at)).one() is None
    intake.association_closed(origin)
    with parts.database.read() as session:
        assert session.scalars(select(AssociationRecord.closed_at)).one() is not None


def test_known_instances_are_those_that_are_held(intake: DurableIntake, origin: Origin) -> None:
    answer = give(intake, origin, Exam())
    assert answer.sop_instance_uid is not None
    assert intake.known_instances([answer.sop_instance_uid, "1.2.3"]) == {answer.sop_instance_uid}


def test_a_file_that_was_swept_while_its_receiver_was_frozen_is_not_acknowledged(
    parts: Parts, intake: DurableIntake, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ArrivalRecorder.record

    def record_late(self: ArrivalRecorder, connection: Connection, item: Arrival) -> int | None:
        sweep = StraySweep(parts.database, parts.folders)
        sweep.note()
        assert sweep.remove() == 1
        return record(self, connection, item)

    exam = Exam()
    with monkeypatch.context() as frozen:
        frozen.setattr(ArrivalRecorder, "record", record_late)
        assert give(intake, origin, exam).verdict is Verdict.OUT_OF_RESOURCES
    assert count(parts, Instance) == 1  # a row without a file: the sender sends again, and that one takes its place


def test_sqlite_waits_for_the_disk_at_each_commit(parts: Parts) -> None:
    with parts.database.write() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert session.execute(text("PRAGMA synchronous")).scalar_one() == 2  # FULL
