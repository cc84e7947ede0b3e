"""The state over its life: backup while running, restore, forget, retry; and what the commands print."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import PASSWORD, Gateway, destination, running_gateway
from tests.peers.orthanc import Orthanc, running_orthanc
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.synthetic import Exam, WrittenStudy
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

PATIENT = "Vergessen^Viola"
TABLES = ("study", "instance", "reading", "report", "delivery", "dead_letter", "study_flag", "duplicate")


@dataclass
class World:
    """A gateway whose PACS is not there until a test starts it, and which soon gives up on it."""

    gateway: Gateway
    pacs: Orthanc
    study: WrittenStudy

    @property
    def uid(self) -> str:
        return self.study.exam.study_instance_uid

    @property
    def folder(self) -> Path:
        return self.gateway.data_dir.parent


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("state")
    port = free_port()
    pacs = destination("pacs", "dicom", host=LOOPBACK, port=port, ae_title="ORTHANC")
    patience = {"MAMMOGATE_DELIVERY__GIVE_UP_HOURS": "0.0003"}  # about a second
    with running_gateway(folder / "gateway", destinations=[pacs], settings=patience) as gateway:
        gateway.add_user("operator", "operator")
        study = small_study(folder / "study", views=[("R", "MLO"), ("L", "MLO")])
        assert dcmsend(gateway.dicom_port, study.folder).returncode == 0
        gateway.wait_for(study.exam.study_instance_uid, lambda found: found["status"] == "reported", seconds=300)
        with running_orthanc(folder / "orthanc", dicom_port=port, start=False) as orthanc:
            yield World(gateway, orthanc, study)


def delivery_statuses(study: dict[str, Any]) -> set[str]:
    return {delivery["status"] for report in study["reports"] for delivery in report["deliveries"]}


def query(data_dir: Path, question: str, **values: str) -> list[Any]:
    engine = create_engine(f"sqlite:///{data_dir / 'mammogate.sqlite'}")
    with engine.connect() as connection:
        found = list(connection.execute(text(question), values))
    engine.dispose()
    return found


def test_deliveries_that_failed_for_good_are_delivered_after_a_retry(world: World) -> None:
    world.gateway.wait_for(world.uid, lambda found: delivery_statuses(found) == {"failed"})
    world.pacs.start()
    with world.gateway.client(world.gateway.add_token("operator")) as operator:
        letters = operator.get("/api/v1/operations/dead-letters").json()["items"]
        assert (world.uid, "pacs") in {(item["study_instance_uid"], item["destination"]) for item in letters}
        answer = operator.post("/api/v1/operations/retry", json={"study_instance_uid": world.uid})
        assert answer.status_code == 200
        study = world.gateway.wait_for_reports(world.uid)
        assert answer.json()["restarted"] == len(study["reports"])
        assert operator.get("/api/v1/operations/dead-letters").json()["items"] == []
    uids = {report["sop_instance_uid"] for report in study["reports"]}
    assert uids == world.pacs.sop_instance_uids()


def test_a_dead_letter_is_worked_on_again_after_a_retry(world: World) -> None:
    """Spoils the file of an image, as a broken disk does, and puts it right again."""
    study = small_study(world.folder / "dead", views=[("R", "MLO")])
    uid = study.exam.study_instance_uid
    # The quiet time leaves several seconds between the acknowledgement and the reading.
    assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    ((path,),) = query(
        world.gateway.data_dir,
        "SELECT instance.path FROM instance JOIN study ON study.id = instance.study_id WHERE study_instance_uid = :uid",
        uid=uid,
    )
    kept = world.gateway.data_dir / path
    content = kept.read_bytes()
    kept.write_bytes(b"\0" * len(content))
    failed = world.gateway.wait_for(uid, lambda found: found["status"] == "failed", seconds=300)
    assert failed["reports"] == []
    shown = world.gateway.command("doctor", "--json")
    (letters,) = [one for one in json.loads(shown.stdout) if one["name"] == "dead letters"]
    assert letters["state"] == "warning"
    kept.write_bytes(content)
    retried = world.gateway.command("retry", uid)
    assert (retried.returncode, retried.stdout) == (0, "")
    assert "1 failed" in retried.stderr
    found = world.gateway.wait_for(uid, lambda found: found["status"] == "reported", seconds=300)
    assert [view["failure"] for view in found["views"]] == [None]
    assert world.gateway.command("retry", uid).stderr == "nothing had failed in this study\n"


def test_results_go_to_stdout_and_nothing_else_does(world: World) -> None:
    run = world.gateway.command
    added = run("user", "add", "second", "--role", "radiologist", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert (added.returncode, added.stdout, added.stderr) == (0, "", "user second may log in as radiologist\n")
    token = run("token", "add", "--user", "second", "--json")
    assert (token.returncode, token.stderr) == (0, "")
    with world.gateway.client(json.loads(token.stdout)["token"]) as client:
        shown_by_feed = client.get(f"/api/v1/studies/{world.uid}").json()
    listed, shown, looked = run("studies", "--json"), run("show", world.uid, "--json"), run("doctor", "--json")
    for done in (listed, shown, looked):
        assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(shown.stdout) == shown_by_feed
    assert shown_by_feed in json.loads(listed.stdout)
    assert {"name", "state", "detail"} == set(json.loads(looked.stdout)[0])


def test_exit_codes_say_whether_the_work_failed_or_the_usage_was_wrong(world: World) -> None:
    run = world.gateway.command
    failing: list[tuple[str, ...]] = [
        ("show", "1.2.3"),
        ("retry", "1.2.3"),
        ("forget", "1.2.3", "--yes"),
        ("token", "add", "--user", "nobody", "--json"),
        ("restore", str(world.folder / "no-such-file")),
        ("echo", f"{LOOPBACK}:{free_port()}"),
    ]
    for arguments in failing:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert done.stderr.startswith("mammogate: "), arguments
        assert len(done.stderr.splitlines()) == 1, arguments
    misused = [("show",), ("user", "add", "x", "--role", "king"), ("no-such-command",), ("echo", "nonsense")]
    for arguments in misused:
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr


def test_forget_erases_every_trace_but_the_audit_entry(world: World) -> None:
    exam = Exam(patient_name=PATIENT, patient_id="FORGET-4711")
    study = small_study(world.folder / "forgotten", exam=exam, views=[("R", "MLO")])
    uid = exam.study_instance_uid
    assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    world.gateway.wait_for_reports(uid, seconds=300)
    assert _files_that_hold(world.gateway.data_dir, PATIENT)
    done = world.gateway.command("forget", uid, "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    assert world.gateway.study(uid) is None
    for secret in (PATIENT, "FORGET-4711"):
        assert _files_that_hold(world.gateway.data_dir, secret) == []
    assert [path for path in world.gateway.data_dir.rglob("*") if uid in path.name] == []
    for table in TABLES:
        columns = [row[1] for row in query(world.gateway.data_dir, f"PRAGMA table_info({table})")]
        for column in columns:
            found = query(world.gateway.data_dir, f'SELECT 1 FROM {table} WHERE "{column}" = :uid', uid=uid)  # noqa: S608 - names out of the schema
            assert found == [], (table, column)
    audited = query(
        world.gateway.data_dir, "SELECT actor, action FROM audit_entry WHERE study_instance_uid = :uid", uid=uid
    )
    assert ("command line", "forget") in audited
    assert world.gateway.command("forget", uid, "--yes").returncode == 1
    assert PATIENT not in world.gateway.log


def _files_that_hold(folder: Path, secret: str) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_a_backup_made_while_studies_arrive_is_a_whole_state(world: World, tmp_path: Path) -> None:
    """Every study that was acknowledged before the backup began is in it, and gets its reports where it is restored."""
    early = [small_study(tmp_path / f"early{n}", views=[("R", "MLO")]) for n in range(2)]
    late = [small_study(tmp_path / f"late{n}", views=[("R", "MLO")]) for n in range(6)]
    for study in early:
        assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    sent: list[int] = []
    sender = threading.Thread(
        target=lambda: sent.extend(dcmsend(world.gateway.dicom_port, study.folder).returncode for study in late)
    )
    sender.start()
    archive = tmp_path / "state.tar"
    done = world.gateway.command("backup", archive)
    sender.join()
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert sent == [0] * len(late)
    assert world.gateway.command("backup", archive).returncode == 1  # never over an older one
    ports = free_port(), free_port()
    data_dir = tmp_path / "restored" / "data"
    data_dir.parent.mkdir()
    there = Gateway(
        data_dir,
        *ports,
        {
            **world.gateway.settings,
            "MAMMOGATE_DATA_DIR": str(data_dir),
            "MAMMOGATE_DICOM__PORT": str(ports[0]),
            "MAMMOGATE_HTTP__PORT": str(ports[1]),
        },
        token=world.gateway.token,
    )
    restored = there.command("restore", archive)
    assert (restored.returncode, restored.stdout) == (0, ""), restored.stderr
    assert there.command("restore", archive).returncode == 1  # never over a state
    held = {uid for (uid,) in query(data_dir, "SELECT study_instance_uid FROM study")}
    assert {study.exam.study_instance_uid for study in early} | {world.uid} <= held
    for (path,) in query(data_dir, "SELECT path FROM instance UNION SELECT path FROM report"):
        assert (data_dir / path).is_file(), path
    there.start()
    try:
        for uid in held:
            found = there.wait_for(uid, lambda found: found["status"] == "reported", seconds=300)
            here = world.gateway.wait_for(uid, lambda found: found["status"] == "reported", seconds=300)
            # The installation is the same one, so its reports are the same objects wherever they are built.
            assert _uids(found) == _uids(here)
    finally:
        there.stop()


def _uids(study: dict[str, Any]) -> set[str]:
    return {report["sop_instance_uid"] for report in study["reports"]}
