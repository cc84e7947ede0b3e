"""What goes wrong in a hospital, and what the sender and the operator are told."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    Comprehensive3DSRStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    JPEGLSLossless,
    generate_uid,
)
from pynetdicom import AE
from pynetdicom.dsutils import encode
from sqlalchemy import create_engine, text

from dicom_node import sop_classes
from tests.dicom_node.raw_peer import RawPeer, pdv, store_command
from tests.dicom_node.scripted_scp import scripted_scp
from tests.peers.dcmtk import dcmsend, storescu
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.large import write_large_tomosynthesis
from tests.peers.orthanc import Modality, Orthanc, running_orthanc
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import environment
from tests.peers.synthetic import Blob, Exam, ct_slice, write
from tests.reporting.validators import object_problems, tree_problems
from tests.system.small_breasts import small_mammogram, small_study, truncate_pixels
from tests.system.small_disk import small_disk

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SR_KINDS = ("mammography_cad_sr", "measurement_report")
SUCCESS, UNREADABLE, CLASS_MISMATCH, OUT_OF_RESOURCES = 0x0000, 0xC000, 0xA900, 0xA700


@dataclass
class World:
    """A gateway with two destinations: `picky` refuses measurement reports, `away` is not there at first."""

    gateway: Gateway
    away: Orthanc
    operator: str

    def operations(self, what: str) -> list[dict[str, Any]]:
        with self.gateway.client(self.operator) as client:
            answer = client.get(f"/api/v1/operations/{what}").raise_for_status()
        return list(answer.json()["items"])

    def reported(self, study_uid: str) -> dict[str, Any]:
        return self.gateway.wait_for(study_uid, lambda study: study["status"] == "reported", seconds=300)

    def wait_for_operations(self, what: str, study_uid: str, seconds: float = 120) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for item in self.operations(what):
                if item["study_instance_uid"] == study_uid:
                    return item
            time.sleep(0.3)
        pytest.fail(f"the operator never saw {study_uid} among the {what}:\n{self.gateway.log[-3000:]}", pytrace=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("bad_input")
    away_port = free_port()
    taken = [one for one in sop_classes.ACCEPTED if one != Comprehensive3DSRStorage]
    with scripted_scp(classes=taken) as picky:
        destinations = [
            destination("picky", "dicom", host=LOOPBACK, port=picky.port, ae_title=picky.ae_title),
            destination("away", "dicom", host=LOOPBACK, port=away_port, ae_title="ORTHANC"),
        ]
        with running_gateway(folder / "gateway", destinations=destinations) as gateway:
            gateway.add_user("operator", "operator")
            with running_orthanc(
                folder / "orthanc",
                start=False,
                dicom_port=away_port,
                modalities=[Modality("gateway", "MAMMOGATE", gateway.dicom_port)],
                extra={"IngestTranscoding": JPEGLSLossless},
            ) as away:
                yield World(gateway, away, gateway.add_token("operator"))


def store(gateway: Gateway, *images: Dataset) -> list[int]:
    """Send images in one association as they are; return the statuses that the sender gets."""
    ae = AE("SENDER")
    for kind in {(image.SOPClassUID, image.file_meta.TransferSyntaxUID) for image in images}:
        ae.add_requested_context(*kind)
    association = ae.associate(LOOPBACK, gateway.dicom_port, ae_title="MAMMOGATE")
    assert association.is_established
    statuses = [int(association.send_c_store(image).Status) for image in images]
    association.release()
    return statuses


def store_raw(gateway: Gateway, command: bytes, data_set: bytes) -> int:
    with RawPeer(gateway.dicom_port) as peer:
        peer.send(pdv(1, 3, command))
        peer.send(pdv(1, 2, data_set))
        status = peer.status()
        peer.release()
    return status


def as_implicit(image: Dataset) -> bytes:
    data_set = encode(image, is_implicit_vr=True, is_little_endian=True)
    assert data_set is not None
    return data_set


def upload(gateway: Gateway, *images: Dataset) -> Any:
    """Send images by STOW-RS and return the answer."""
    parts = []
    for image in images:
        buffer = io.BytesIO()
        image.save_as(buffer, enforce_file_format=True)
        parts.append(b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + buffer.getvalue() + b"\r\n")
    headers = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=cut'}
    with gateway.client() as client:
        return client.post("/dicom-web/studies", content=b"".join(parts) + b"--cut--\r\n", headers=headers)


def report_files(world: World, study: dict[str, Any], kinds: Sequence[str] = SR_KINDS) -> list[Path]:
    return [world.gateway.report_file(study, report) for report in study["reports"] if report["kind"] in kinds]


def test_a_pacs_that_is_down_gets_its_reports_by_itself_once_it_is_up(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path, views=[("R", "MLO")])
    uid = study.exam.study_instance_uid
    assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    waiting = world.gateway.wait_for(uid, lambda found: _attempts(found, "away") >= 2, seconds=300)
    for delivery in _deliveries(waiting, "away"):
        assert delivery["status"] == "waiting"
        assert "does not" in delivery["last_error"] or "refuse" in delivery["last_error"], delivery["last_error"]
    (shown,) = [one for one in world.operations("destinations") if one["name"] == "away"]
    assert shown["waiting"] > 0
    assert shown["last_error"]
    world.away.start()
    world.gateway.wait_for(uid, lambda found: {one["status"] for one in _deliveries(found, "away")} == {"delivered"})
    assert {report["sop_instance_uid"] for report in waiting["reports"]} <= world.away.sop_instance_uids()


def test_a_pacs_that_refuses_the_presentation_context_fails_for_that_object_alone(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path, views=[("R", "MLO")])
    uid = study.exam.study_instance_uid
    assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    letter = world.wait_for_operations("dead-letters", uid)
    assert (letter["stage"], letter["destination"]) == ("deliver", "picky")
    assert "Comprehensive 3D SR" in letter["reason"]
    found = world.gateway.wait_for(
        uid, lambda found: "waiting" not in {one["status"] for one in _deliveries(found, "picky")}
    )
    for report in found["reports"]:
        (delivery,) = [one for one in report["deliveries"] if one["destination"] == "picky"]
        refused = report["kind"] == "measurement_report"
        assert delivery["status"] == ("failed" if refused else "delivered"), report["kind"]
        assert (delivery["last_error"] is not None) == refused


def _deliveries(study: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = [one for report in study["reports"] for one in report["deliveries"]]
    return [one for one in found if one["destination"] == name]


def _attempts(study: dict[str, Any], name: str) -> int:
    return min((one["attempts"] for one in _deliveries(study, name)), default=0)


def test_a_ct_is_refused_at_negotiation_and_over_http(world: World, tmp_path: Path) -> None:
    slice_ = ct_slice()
    sent = storescu(world.gateway.dicom_port, write(slice_, tmp_path / "ct.dcm"))
    assert sent.returncode != 0
    assert "No valid Presentation Context" in sent.stderr
    answer = upload(world.gateway, slice_)
    assert answer.status_code == 409
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0x0122]
    assert world.gateway.study(str(slice_.StudyInstanceUID)) is None


def test_tomosynthesis_beside_four_views_is_kept_and_named(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path)
    write_large_tomosynthesis(tmp_path / "dbt.dcm", 1, study.exam)
    assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    found = world.reported(study.exam.study_instance_uid)
    assert len(found["views"]) == 4
    assert found["flags"] == ["Kept, not read: tomosynthesis; only single projection images are read."]


def test_truncated_pixels_and_missing_view_tags_are_taken_and_told_of(world: World, tmp_path: Path) -> None:
    exam = Exam()
    tags = ("ImageLaterality", "ViewPosition", "ViewCodeSequence", "PatientOrientation")
    nameless = small_mammogram(exam=exam, missing=tags)
    truncated = truncate_pixels(small_mammogram("R", "CC", exam=exam))
    assert store(world.gateway, nameless, truncated) == [SUCCESS, SUCCESS]
    found = world.reported(exam.study_instance_uid)
    views = {view["sop_instance_uid"]: view for view in found["views"]}
    without_tags, unreadable = views[nameless.SOPInstanceUID], views[truncated.SOPInstanceUID]
    assert (without_tags["laterality"], without_tags["view"], without_tags["failure"]) == (None, None, None)
    assert without_tags["label"] is not None
    assert unreadable["probabilities"] is None
    assert unreadable["failure"].endswith(".")
    for path in report_files(world, found):
        assert object_problems(path) + tree_problems(path) == []


def test_what_is_no_header_is_quarantined_and_the_operator_sees_it(world: World) -> None:
    uid, other = generate_uid(), generate_uid()
    mammography = str(DigitalMammographyXRayImageStorageForPresentation)
    processing = mammography[:-1] + "2.1"
    image = small_mammogram()
    assert store_raw(world.gateway, store_command(mammography, uid), os.urandom(4096)) == UNREADABLE
    assert store_raw(world.gateway, store_command(mammography, other), as_implicit(image)) == UNREADABLE
    known = store_command(processing, str(image.SOPInstanceUID))
    with RawPeer(world.gateway.dicom_port, sop_class_uid=processing) as peer:
        peer.send(pdv(1, 3, known))
        peer.send(pdv(1, 2, as_implicit(image)))
        assert peer.status() == CLASS_MISMATCH
    shown = {item["announced_sop_instance_uid"]: item for item in world.operations("quarantine")}
    assert {uid, other, str(image.SOPInstanceUID)} <= shown.keys()
    for item in shown.values():
        assert (item["channel"], item["peer_ae_title"]) == ("dicom", "RAWPEER")
        assert item["reason"]
        assert image.PatientID not in json.dumps(item)
    looked = json.loads(world.gateway.command("doctor", "--json").stdout)
    (quarantine,) = [one for one in looked if one["name"] == "quarantine"]
    assert (quarantine["state"], int(quarantine["detail"])) == ("warning", len(shown))


def test_a_study_uid_that_is_a_path_is_quarantined(world: World) -> None:
    image = small_mammogram()
    dirty = as_implicit(image).replace(str(image.StudyInstanceUID).encode(), _path_like(image.StudyInstanceUID))
    command = store_command(str(image.SOPClassUID), str(image.SOPInstanceUID))
    assert store_raw(world.gateway, command, dirty) == UNREADABLE
    shown = {item["announced_sop_instance_uid"]: item["reason"] for item in world.operations("quarantine")}
    assert shown[image.SOPInstanceUID] == "StudyInstanceUID is not a UID: it may hold digits and dots only (PS3.5 9.1)"


def _path_like(uid: str) -> bytes:
    return b"../../" + b"x" * (len(uid) - 6)


def test_images_that_disagree_on_the_patient_are_not_reported(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path)
    path = study.paths["L", "MLO"]
    image = dcmread(path)
    image.PatientID, image.PatientName = "SYN-0002", "Verwechselt^Vera"
    write(image, path)
    uid = study.exam.study_instance_uid
    assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    letter = world.wait_for_operations("dead-letters", uid)
    assert (letter["stage"], letter["destination"]) == ("begin", None)
    assert "the 4 images of this study name different patients" in letter["reason"]
    found = world.gateway.study(uid)
    assert found is not None
    assert (found["status"], found["reports"]) == ("failed", [])
    for what in ("dead-letters", "queue", "flags", "destinations", "quarantine"):
        seen = json.dumps(world.operations(what))
        for secret in ("Verwechselt", "Synthetic^", "SYN-000", study.exam.birth_date, "1961-04-17"):
            assert secret not in seen, what
    with world.gateway.client(world.operator) as client:
        assert client.get(f"/api/v1/studies/{uid}").status_code == 403


def test_the_same_uid_with_other_pixels_is_kept_beside_the_first_and_flagged(world: World) -> None:
    first = small_mammogram("R", "MLO")
    second = small_mammogram("R", "MLO", blob=True, tags={"SOPInstanceUID": first.SOPInstanceUID})
    second.StudyInstanceUID, second.SeriesInstanceUID = first.StudyInstanceUID, first.SeriesInstanceUID
    assert store(world.gateway, first, second) == [SUCCESS, SUCCESS]
    flagged = world.wait_for_operations("flags", str(first.StudyInstanceUID))
    assert any(str(first.SOPInstanceUID) in flag and "differ in their pixels" in flag for flag in flagged["flags"])
    assert len(files_with(world.gateway, str(first.SOPInstanceUID))) == 2


def test_the_same_image_transcoded_by_orthanc_adds_nothing(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path, views=[("R", "MLO")], blob=Blob("R", "MLO"))
    (path,) = study.paths.values()
    uid = study.sop_instance_uids["R", "MLO"]
    assert dcmsend(world.gateway.dicom_port, path).returncode == 0
    if world.away.process is None:
        world.away.start()
    orthanc_ids = world.away.upload(path)
    transcoded = dcmread(io.BytesIO(world.away.file(uid)), stop_before_pixels=True)
    assert transcoded.file_meta.TransferSyntaxUID == JPEGLSLossless
    pushed = world.away.push("gateway", orthanc_ids)
    assert (pushed.status_code, pushed.json()["FailedInstancesCount"]) == (200, 0)
    wait_until_compared(world.gateway, uid)
    assert len(files_with(world.gateway, uid)) == 1
    found = world.reported(study.exam.study_instance_uid)
    assert (len(found["views"]), found["generation"]) == (1, 1)
    assert found["flags"] == ["R CC, L CC, L MLO are missing."]


def files_with(gateway: Gateway, sop_instance_uid: str) -> list[Path]:
    return [p for p in (gateway.data_dir / "instances").rglob("*.dcm") if sop_instance_uid.encode() in p.read_bytes()]


def wait_until_compared(gateway: Gateway, sop_instance_uid: str, seconds: float = 60) -> None:
    engine = create_engine(f"sqlite:///{gateway.data_dir / 'mammogate.sqlite'}")
    question = text(
        "SELECT duplicate.status FROM duplicate JOIN instance ON instance.id = duplicate.instance_id "
        "WHERE instance.sop_instance_uid = :uid"
    )
    deadline = time.monotonic() + seconds
    statuses: list[str] = []
    while time.monotonic() < deadline and (not statuses or "waiting" in statuses):
        with engine.connect() as connection:
            statuses = list(connection.execute(question, {"uid": sop_instance_uid}).scalars())
        time.sleep(0.2)
    engine.dispose()
    assert statuses == ["same"]


NAMES = {
    "ISO 2022 IR 87": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "GB18030": ("GB18030", "Wang^XiaoDong=王^小东"),
}


@pytest.mark.parametrize("character_set", NAMES)
def test_a_name_in_another_character_set_is_right_in_the_feed_and_in_the_reports(
    world: World, character_set: str
) -> None:
    declared, name = NAMES[character_set]
    image = small_mammogram("R", "MLO", tags={"SpecificCharacterSet": declared, "PatientName": name})
    assert store(world.gateway, image) == [SUCCESS]
    found = world.reported(str(image.StudyInstanceUID))
    assert found["patient"]["name"] == name
    paths = report_files(world, found)
    assert len(paths) == 2
    for path in paths:
        assert object_problems(path) + tree_problems(path) == []
        assert str(dcmread(path).PatientName) == name


def test_an_unknown_setting_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    settings = {"MAMMOGATE_DATA_DIR": str(tmp_path / "data"), "MAMMOGATE_STUDY__QUIT_SECONDS": "60"}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "serve"],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "mammogate: MAMMOGATE_STUDY__QUIT_SECONDS is not a setting; the nearest one is MAMMOGATE_STUDY__QUIET_SECONDS"
    ]


def test_a_port_in_use_ends_serve_with_a_sentence_and_leaves_nothing_running(world: World, tmp_path: Path) -> None:
    servers: dict[str, tuple[int, subprocess.Popen[bytes]]] = {}
    for name, port in (("DICOM", world.gateway.dicom_port), ("HTTP", world.gateway.http_port)):
        settings = {
            **world.gateway.settings,
            "MAMMOGATE_DATA_DIR": str(tmp_path / name),
            "MAMMOGATE_DICOM__PORT": str(free_port()),
            "MAMMOGATE_HTTP__PORT": str(free_port()),
            f"MAMMOGATE_{name}__PORT": str(port),
        }
        command = [sys.executable, "-m", "gateway", "serve"]
        with (tmp_path / f"{name}.log").open("wb") as log:
            servers[name] = port, subprocess.Popen(command, env=environment(settings), stderr=log)
    seen: set[psutil.Process] = set()
    deadline = time.monotonic() + 240
    while any(server.poll() is None for _, server in servers.values()) and time.monotonic() < deadline:
        for _, server in servers.values():
            if server.poll() is None:
                seen |= set(psutil.Process(server.pid).children(recursive=True))
        time.sleep(0.1)
    for name, (port, server) in servers.items():
        said = (tmp_path / f"{name}.log").read_text()
        assert server.poll() == 1, said
        assert any(str(port) in line and "free port" in line for line in said.splitlines()), said
        # Not always the last one: Python's own tracker of semaphores may complain of a child that was ended.
        assert any(line.startswith("mammogate: ") for line in said.splitlines()), said
    assert seen
    assert [process for process in seen if _runs(process)] == []


def _runs(process: psutil.Process) -> bool:
    """Tell a process that works from one that ended and that nobody has asked for its exit code yet."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.long  # the ordinary run fills the disk under the receiver alone: test_full_disk.py
def test_a_full_disk_refuses_and_recovers_and_loses_nothing(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "gateway" / "data") as disk,
        running_gateway(tmp_path / "gateway", settings=disk.settings) as gateway,
    ):
        study = small_study(tmp_path / "study")
        uid = study.exam.study_instance_uid
        images = [dcmread(path) for path in study.paths.values()]
        assert store(gateway, images[0]) == [SUCCESS]
        disk.fill()
        assert store(gateway, *images[1:]) == [OUT_OF_RESOURCES] * 3
        # Longer than the quiet time: the study comes up for reading while not a single row can be written.
        time.sleep(8)
        with gateway.client() as client:
            assert client.get("/readyz").status_code in (200, 503)
        disk.make_room()
        found = gateway.wait_for(uid, lambda study: study["status"] == "reported", 300)
        assert [view["sop_instance_uid"] for view in found["views"]] == [images[0].SOPInstanceUID]
        assert store(gateway, *images[1:]) == [SUCCESS] * 3
        found = gateway.wait_for_reports(uid, generation=2, seconds=300)
        assert {view["sop_instance_uid"] for view in found["views"]} == set(study.sop_instance_uids.values())
