"""What a deletion leaves: in the tables, on the disk, in the log; and at every point where the process may die."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import select
from structlog.testing import capture_logs

from config.settings import RetentionSettings
from gateway.archive import back_up
from gateway.cli.doctor import retention_state
from gateway.commitment.judging import Committed, Judge
from gateway.database.account_models import AuditEntry
from gateway.database.models import DeadLetter, Study
from gateway.files_hold import hold_files
from gateway.forgetting import forget_study
from gateway.reading.child import Child, ChildCrashed
from gateway.retention.deleting import Retention
from gateway.retention.telling import census, images_of
from gateway.strays import StraySweep
from tests.gateway.commitment.rows import reference
from tests.gateway.retention.rows import AGE, OLD, Settled, rows_of
from tests.peers.synthetic import Exam

ONE, TWO, THREE = "1.2.1", "1.2.2", "1.2.3"
BECAUSE = "archive pacs has confirmed it"


class Killed(BaseException):
    """The process dies here."""


def kill_at(monkeypatch: pytest.MonkeyPatch, settled: Settled, owner: type, method: str) -> None:
    """Let a round go as far as the first call of this method."""

    def die(*_arguments: object, **_named: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(owner, method, die)
        with pytest.raises(Killed):
            settled.round()


def files(settled: Settled) -> set[Path]:
    folders = settled.parts.folders
    return {path for folder in (folders.instances, folders.headers) for path in folder.rglob("*.dcm")}


def test_a_deletion_is_in_the_row_in_the_audit_trail_and_in_the_log_without_the_patient(settled: Settled) -> None:
    exam = settled.add(ONE, Exam(patient_name="Geheim^Gerda", patient_id="G-4711"))
    with capture_logs() as logs:
        settled.round()
    instance = settled.instance(ONE)
    assert instance.deleted_because == BECAUSE
    assert not settled.file(ONE).exists()
    header = dcmread(settled.parts.folders.root / instance.header_file)
    assert (header.SOPInstanceUID, "PixelData" in header) == (ONE, False)
    with settled.parts.database.read() as session:
        entry = session.scalars(select(AuditEntry)).one()
    assert (entry.actor, entry.action, entry.study_instance_uid) == (
        "retention",
        "delete_image",
        exam.study_instance_uid,
    )
    (said,) = [line for line in logs if line["event"] == "retention.deleted"]
    assert (said["study"], said["instance"], said["because"]) == (exam.study_instance_uid, ONE, BECAUSE)
    assert said["bytes"] == instance.size
    assert said["age_days"] == pytest.approx(OLD / timedelta(days=1), abs=0.01)
    assert entry.detail == {
        "sop_instance_uid": ONE,
        **{name: said[name] for name in ("because", "bytes", "age_days")},
    }
    assert "Geheim" not in str(logs)
    assert "G-4711" not in str(logs)


def test_what_is_deleted_is_not_looked_at_again(settled: Settled) -> None:
    settled.add(ONE)
    settled.round()
    settled.archive.asked.clear()
    settled.round()
    assert settled.archive.asked == []


def test_a_kill_before_the_row_is_marked_leaves_the_image_and_a_stray_header(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.add(ONE)
    kill_at(monkeypatch, settled, Retention, "_mark")
    assert settled.deleted([ONE]) == set()
    assert len(files(settled)) == 2
    sweep_strays(settled)
    assert files(settled) == {settled.file(ONE)}
    settled.round()
    assert settled.deleted([ONE]) == {ONE}


def sweep_strays(settled: Settled) -> None:
    sweep = StraySweep(settled.parts.database, settled.parts.folders)
    sweep.note()
    sweep.remove()


def test_a_kill_before_the_file_is_removed_leaves_a_deleted_row_and_a_stray_file(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.add(ONE)
    kill_at(monkeypatch, settled, Path, "unlink")
    assert settled.instance(ONE).deleted_at is not None
    assert settled.file(ONE).exists()
    sweep_strays(settled)
    assert files(settled) == {settled.parts.folders.root / settled.instance(ONE).header_file}


def test_a_study_that_is_forgotten_leaves_no_header_and_no_file_that_a_kill_left(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam = settled.add(ONE)
    kill_at(monkeypatch, settled, Path, "unlink")
    parts = settled.parts
    assert forget_study(parts.database, parts.folders, parts.jobs, exam.study_instance_uid, "test") == 2
    assert files(settled) == set()
    assert [path for path in parts.folders.root.rglob("*") if exam.study_instance_uid in path.name] == []


def test_what_changes_while_an_image_is_decoded_is_seen_in_the_transaction_that_deletes(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    uids = {
        ONE: lambda study, _: setattr(study, "gathering", 2),
        TWO: lambda _, instance: setattr(instance, "path", "elsewhere.dcm"),
    }
    for uid in uids:
        settled.add(uid)
    paths = {settled.file(uid).name: uid for uid in uids}
    run = Child.run

    def meanwhile(child: Child, function: Callable[..., object], *arguments: Path, **named: object) -> object:
        uid = paths[arguments[0].name]
        with settled.parts.database.write() as session:
            uids[uid](*rows_of(session, uid))
        return run(child, function, *arguments, **named)

    monkeypatch.setattr(Child, "run", meanwhile)
    settled.round()
    assert {uid for uid in uids if settled.instance(uid).deleted_at is not None} == set()
    assert {path.name for path in files(settled)} == set(paths), "the images are there, and no header"


def test_an_archive_that_goes_away_ends_the_round_and_the_next_one_goes_on_behind(settled: Settled) -> None:
    for uid in (ONE, TWO, THREE):
        settled.add(uid)
    retention = settled.retention()
    settled.archive.is_away = True
    for expected in (ONE, TWO):
        settled.archive.asked.clear()
        with capture_logs() as logs:
            retention.round(threading.Event())
        assert [asked.sop_instance_uid for asked in settled.archive.asked] == [expected]
        assert ("retention.archive_away", "pacs: nobody answers") in {(log["event"], log.get("reason")) for log in logs}
    settled.archive.is_away = False
    retention.round(threading.Event())
    assert settled.deleted([ONE, TWO, THREE]) == {THREE}
    retention.round(threading.Event())
    assert settled.deleted([ONE, TWO, THREE]) == {ONE, TWO, THREE}


def test_nothing_is_deleted_while_a_backup_is_made(settled: Settled, tmp_path: Path) -> None:
    settled.add(ONE)
    with hold_files(settled.parts.folders):
        settled.round()
        assert settled.deleted([ONE]) == set()
    back_up(settled.parts.database, settled.parts.folders, tmp_path / "state.tar", lambda *_: None)
    settled.round()
    assert settled.deleted([ONE]) == {ONE}


def test_a_round_that_is_stopped_leaves_the_rest_for_the_next(settled: Settled) -> None:
    settled.add(ONE)
    stop = threading.Event()
    stop.set()
    settled.retention().round(stop)
    assert settled.deleted([ONE]) == set()


def test_an_image_that_kills_whoever_decodes_it_is_told_by_its_bytes(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.add(ONE)

    def run(_child: Child, function: Callable[..., object], *arguments: Path, decode: bool = True) -> object:
        if decode:
            raise ChildCrashed("it died")
        return function(*arguments, decode=decode)

    monkeypatch.setattr(Child, "run", run)
    settled.round()
    assert settled.deleted([ONE]) == {ONE}
    assert str(settled.instance(ONE).fingerprint).startswith("file:")


def test_an_image_whose_header_cannot_be_copied_stays(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    settled.add(ONE)
    settled.file(ONE).write_bytes(b"no DICOM")
    with capture_logs() as logs:
        settled.round()
    assert settled.deleted([ONE]) == set()
    assert "retention.header_unreadable" in {line["event"] for line in logs}


def test_a_store_that_is_declared_the_archive_afterwards_does_not_commit_to_what_is_gone(settled: Settled) -> None:
    for uid in (ONE, TWO):
        settled.add(uid)
    settled.archive.holds.discard(TWO)
    settled.round()
    judge = Judge(settled.parts.database, settled.parts.folders, store_is_archive=True, archives={})
    judged = judge.judge([reference(ONE), reference(TWO)])
    assert not isinstance(judged[reference(ONE)], Committed)
    assert isinstance(judged[reference(TWO)], Committed)


def test_an_archive_is_asked_for_a_deleted_image_as_for_any_other(settled: Settled) -> None:
    settled.add(ONE)
    settled.round()
    archives = {"pacs": settled.archive}
    judge = Judge(settled.parts.database, settled.parts.folders, store_is_archive=False, archives=archives)
    assert judge.judge([reference(ONE)])[reference(ONE)] == Committed("pacs")
    settled.archive.holds.clear()
    assert not isinstance(judge.judge([reference(ONE)])[reference(ONE)], Committed)


def test_operators_are_told_what_is_deleted_and_what_keeps_the_rest(settled: Settled) -> None:
    exams = {uid: settled.add(uid) for uid in (ONE, TWO, THREE)}
    settled.archive.holds -= {TWO, THREE}
    with settled.parts.database.write() as session:
        rows_of(session, THREE)[0].gathering = 2
    settled.round()
    counted = census(settled.parts.database, AGE)
    assert (counted.deleted, counted.old, counted.open_matters) == (1, 1, {})
    with settled.parts.database.write() as session:
        study, _ = rows_of(session, TWO)
        session.add(DeadLetter(study_id=study.id, generation=1, step="report", reason="a reason"))
    assert census(settled.parts.database, AGE).open_matters == {"something failed for good": 1}
    day = f"{settled.instance(ONE).deleted_at:%Y-%m-%d}"
    told = {uid: list(images_of(settled.parts.database, exam.study_instance_uid)) for uid, exam in exams.items()}
    assert told == {
        ONE: [f"1 of 1 deleted here on {day}: {BECAUSE}"],
        TWO: ["1 of 1 here"],
        THREE: ["1 of 1 here"],
    }


def test_show_and_doctor_say_it_in_words(settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exam = settled.add(ONE)
    settled.add(TWO)
    with settled.parts.database.write() as session:
        study, _ = rows_of(session, TWO)
        session.add(DeadLetter(study_id=study.id, generation=1, step="report", reason="a reason"))
    parts = settled.parts
    assert retention_state(parts) == ("ok", "off: images stay until their study is forgotten")
    settled.round()
    file = tmp_path / "mammogate.toml"
    file.write_text(f"data_dir = '{parts.settings.data_dir}'\n", "utf-8")
    monkeypatch.setenv("MAMMOGATE_CONFIG", str(file))
    # A process of its own: the command line takes over the logs of the one that it runs in.
    command = [sys.executable, "-m", "gateway", "show", exam.study_instance_uid]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    day = f"{settled.instance(ONE).deleted_at:%Y-%m-%d}"
    assert f"images: 1 of 1 deleted here on {day}: {BECAUSE}" in shown.stdout
    section = RetentionSettings(after_days=AGE / timedelta(days=1), pacs_has_its_own_copy=True)
    switched_on = replace(parts, settings=parts.settings.model_copy(update={"retention": section}))
    assert retention_state(switched_on) == (
        "warning",
        "after 30 days; 1 images deleted so far, 1 older ones still here, of those kept: "
        "1 since something failed for good",
    )


def test_an_object_without_pixels_is_told_by_its_bytes(settled: Settled) -> None:
    settled.add(ONE, missing=["PixelData", "Rows", "Columns"])
    settled.round()
    assert settled.deleted([ONE]) == {ONE}
    assert str(settled.instance(ONE).fingerprint).startswith("file:")


def test_every_image_of_a_study_is_confirmed_by_itself(settled: Settled) -> None:
    exam = settled.add(ONE)
    settled.give(TWO, exam, laterality="R")
    with settled.parts.database.write() as session:
        study, first = rows_of(session, ONE)
        study.gathering, study.last_received_at = None, first.received_at
    settled.archive.holds.add(TWO)  # it has it, but not from us
    settled.round()
    assert settled.deleted([ONE, TWO]) == {ONE}
    with settled.parts.database.read() as session:
        assert session.scalars(select(Study.status)).one() == "reported"
