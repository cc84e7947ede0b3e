"""Many callers of the durable intake at once: one instance a UID, and every other object under it a duplicate."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from config.settings import Settings, StudySettings
from dicom_node.intake import AnnouncedInstance, Answer, Origin, Verdict
from gateway.database.models import AssociationRecord, Duplicate, Instance, Report, Study
from gateway.parts import Parts, open_parts
from gateway.workflow.jobs import compare_id, gather_id
from tests.peers.postgresql import running_postgresql
from tests.peers.synthetic import Exam, mammogram, write

NOTHING_ANNOUNCED = AnnouncedInstance(None, None)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Parts]:
    folder = tmp_path / "data"
    study = StudySettings(settle_seconds=10, quiet_seconds=120)
    if request.param == "sqlite":
        yield open_parts(Settings(data_dir=folder, reserve_mib=0, study=study))
        return
    with running_postgresql(tmp_path / "postgresql") as server:
        parts = open_parts(Settings(data_dir=folder, database_url=server.url, reserve_mib=0, study=study))
        yield parts
        parts.database.engine.dispose()


@pytest.mark.parametrize("seed", range(3))
def test_each_uid_becomes_one_instance_and_the_others_duplicates(anywhere: Parts, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    exams = [Exam() for _ in range(4)]
    uids = [f"1.2.{number}" for number in range(8)]
    # The study belongs to the UID mostly, but not always: a UID that is used twice may name another study too.
    images = []
    for number in range(48):
        uid = chance.choice(uids)
        exam = exams[uids.index(uid) % 4] if chance.random() < 0.9 else chance.choice(exams)
        laterality, view = chance.choice("LR"), chance.choice(["CC", "MLO"])
        image = mammogram(laterality, view, exam=exam, rows=16, columns=16, tags={"SOPInstanceUID": uid})
        images.append((uid, write(image, tmp_path / f"{number}.dcm").read_bytes()))
    intakes = [anywhere.intake(name) for name in ("receive@test", "api@test")]  # two receivers over one database

    def send(sender: int) -> list[Answer]:
        intake, origin = intakes[sender % 2], Origin("dicom", str(uuid4()), "XRAY1", "127.0.0.1")
        answers = []
        for _, content in images[sender::8]:
            path = intake.new_file()
            path.write_bytes(content)
            answers.append(intake.accept(path, NOTHING_ANNOUNCED, origin))
        intake.association_closed(origin)
        return answers

    with ThreadPoolExecutor(8) as senders:
        answers = [answer for several in senders.map(send, range(8)) for answer in several]
    for intake in intakes:
        intake.close()

    assert [answer.verdict for answer in answers] == [Verdict.STORED] * len(images)
    sent = Counter(uid for uid, _ in images)
    with anywhere.database.read() as session:
        instances = session.scalars(select(Instance)).all()
        duplicates = session.scalars(select(Duplicate)).all()
        studies = session.scalars(select(Study)).all()
        closed = session.scalars(select(AssociationRecord.closed_at)).all()
    assert sorted(instance.sop_instance_uid for instance in instances) == sorted(sent)
    by_id = {instance.id: instance.sop_instance_uid for instance in instances}
    assert Counter(by_id[duplicate.instance_id] for duplicate in duplicates) == sent - Counter(list(sent))
    paths = [row.path for row in (*instances, *duplicates)]
    on_disk = {anywhere.folders.relative(path) for path in anywhere.folders.instances.rglob("*.dcm")}
    assert sorted(paths) == sorted(on_disk)
    assert {study.study_instance_uid for study in studies} <= {exam.study_instance_uid for exam in exams}
    assert len(closed) == 8
    assert None not in closed
    assert all(anywhere.jobs.exists(compare_id(duplicate.id)) for duplicate in duplicates)
    collected = {instance.study_id for instance in instances}
    assert {study.id for study in studies if study.gathering == 1} == collected
    assert all(anywhere.jobs.exists(gather_id(study.study_instance_uid, 1)) for study in studies if study.gathering)


def test_a_report_of_ours_that_comes_back_leaves_neither_file_nor_row(parts: Parts, origin: Origin) -> None:
    intake = parts.intake("receive@test")
    exam = Exam()
    first = intake.new_file()
    write(mammogram(exam=exam, rows=16, columns=16), first)
    intake.accept(first, NOTHING_ANNOUNCED, origin)
    ours = mammogram(rows=16, columns=16, tags={"SOPInstanceUID": "2.25.7"})
    with parts.database.write() as session:
        study_id = session.scalars(select(Study.id)).one()
        session.add(
            Report(
                study_id=study_id,
                generation=1,
                kind="summary_image",
                dialect="SCT",
                sop_class_uid="1.2",
                sop_instance_uid="2.25.7",
                series_instance_uid="1.2.3",
                path="reports/a.dcm",
            )
        )
    path = intake.new_file()
    write(ours, path)
    answer = intake.accept(path, NOTHING_ANNOUNCED, origin)
    assert (answer.verdict, answer.sop_instance_uid) == (Verdict.STORED, "2.25.7")
    assert not path.exists()
    assert len(list(parts.folders.instances.rglob("*.dcm"))) == 1
    with parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Study)) == 1
        assert session.scalar(select(func.count()).select_from(Duplicate)) == 0


def test_an_intake_that_is_closed_refuses_and_keeps_nothing(parts: Parts, origin: Origin) -> None:
    intake = parts.intake("receive@test")
    intake.close()
    path = intake.new_file()
    write(mammogram(rows=16, columns=16), path)
    assert intake.accept(path, NOTHING_ANNOUNCED, origin).verdict is Verdict.OUT_OF_RESOURCES
    assert not path.exists()
    assert not list(parts.folders.instances.rglob("*.dcm"))


def test_a_commit_in_doubt_leaves_the_file_that_a_row_may_name(
    parts: Parts, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = parts.intake("receive@test")
    commit = parts.database.engine.dialect.do_commit

    def done_but_unheard(connection: object) -> None:
        commit(connection)  # type: ignore[arg-type] # a database connection, as the caller gave it
        raise parts.database.engine.dialect.loaded_dbapi.OperationalError("the connection broke")

    path = intake.new_file()
    write(mammogram(rows=16, columns=16), path)
    monkeypatch.setattr(parts.database.engine.dialect, "do_commit", done_but_unheard)
    try:
        answer = intake.accept(path, NOTHING_ANNOUNCED, origin)
    finally:
        monkeypatch.undo()
    assert answer.verdict is Verdict.OUT_OF_RESOURCES
    with parts.database.read() as session:
        row = session.scalars(select(Instance)).one()
    assert (parts.folders.root / row.path).exists()
