"""The feed of a running gateway: who may see what, live events without a gap, images, uploads and downloads."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from sqlalchemy import select

from config.loading import load_settings
from gateway.database.account_models import ApiToken, User, UserRole
from gateway.parts import open_parts
from reporting.feed.credentials import digest, new_token
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import PASSWORD, Gateway, destination, running_gateway
from tests.peers.ports import free_port
from tests.peers.synthetic import WrittenStudy
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

READERS = {"doctor", "radiologist", "admin"}
OPERATORS = {"operator", "admin"}
UPLOADERS = {"doctor", "admin", "uploader"}
ROLES: tuple[UserRole, ...] = ("doctor", "radiologist", "admin", "operator", "uploader")
OPEN = ("/healthz", "/readyz")

STUDY = {
    "study_instance_uid", "patient", "study_date", "accession_number", "status", "generation", "flags", "attention",
    "label", "malignancy_score", "model_version", "views", "reports",
}  # fmt: skip
VIEW = {"sop_instance_uid", "laterality", "view", "label", "probabilities", "findings", "failure"}
FINDING = {"tracking_uid", "type", "score", "malignancy_score", "center", "outline"}
REPORT = {"kind", "sop_instance_uid", "sop_class_uid", "generation", "source_sop_instance_uid", "deliveries"}
IMAGE = {
    "sop_instance_uid", "laterality", "view", "rows", "columns", "box", "stored", "bits", "signed", "monochrome1",
    "pixel_spacing_mm", "windows", "levels", "codestream", "overview", "heat",
}  # fmt: skip
DELIVERY = {"destination", "status", "attempts", "last_error"}
CLASSES = ["normal", "benign_calcification", "benign_mass", "malignant_calcification", "malignant_mass"]


@dataclass
class World:
    gateway: Gateway
    study: WrittenStudy
    reported: dict[str, Any]
    tokens: dict[str, str]

    @property
    def uid(self) -> str:
        return self.study.exam.study_instance_uid


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("feed")
    # Nobody listens there: what is shown of it is its address, and that nothing arrives.
    nobody = destination("nobody", "orthanc", url=f"http://gateway:s3cret@127.0.0.1:{free_port()}")
    with running_gateway(folder / "gateway", destinations=[nobody]) as gateway:
        tokens = add_people(gateway)
        study = small_study(folder / "study")
        assert dcmsend(gateway.dicom_port, study.folder).returncode == 0
        uid = study.exam.study_instance_uid
        reported = gateway.wait_for(uid, lambda found: bool(_attempts(found)) and min(_attempts(found)) > 0, 300)
        for view in reported["views"]:
            wait_for_picture(gateway, uid, view["sop_instance_uid"])
        yield World(gateway, study, reported, tokens)


def add_people(gateway: Gateway) -> dict[str, str]:
    """Add a user and a token for each role. Ten commands would take longer than all the tests here."""
    parts = open_parts(load_settings(environment=gateway.settings))
    tokens: dict[str, str] = {role: new_token() for role in ROLES}
    with parts.database.write() as session:
        doctor = session.scalars(select(User).where(User.name == "doctor")).one()
        for role, token in tokens.items():
            user = doctor if role == "doctor" else User(name=role, role=role, password_hash=doctor.password_hash)
            session.add(user)
            session.flush()
            session.add(ApiToken(secret_sha256=digest(token), user_id=user.id))
    parts.database.engine.dispose()
    return tokens


def wait_for_picture(gateway: Gateway, uid: str, sop_instance_uid: str) -> None:
    """Pictures are made after the reports, which people need first."""
    with gateway.client() as client:
        path = f"/api/v1/studies/{uid}/views/{sop_instance_uid}/image"
        _wait(lambda: client.get(path).is_success)


def _attempts(study: dict[str, Any]) -> list[int]:
    return [delivery["attempts"] for report in study["reports"] for delivery in report["deliveries"]]


def table(world: World) -> list[tuple[str, str, set[str], dict[str, Any]]]:
    """Every path of the interface that needs a login, with the roles that may use it."""
    report = world.reported["reports"][0]["sop_instance_uid"]
    view = world.reported["views"][0]["sop_instance_uid"]
    operations = ("queue", "dead-letters", "destinations", "quarantine", "flags")
    retry = {"json": {"study_instance_uid": world.uid}}
    return [
        ("GET", "/api/v1/studies", READERS, {}),
        ("GET", f"/api/v1/studies/{world.uid}", READERS, {}),
        ("GET", f"/api/v1/studies/{world.uid}/reports/{report}", READERS, {}),
        *(
            ("GET", f"/api/v1/studies/{world.uid}/views/{view}/{file}", READERS, {})
            for file in ("image", "preview.webp", "pixels.jph", "heat.png")
        ),
        ("GET", "/api/v1/events", READERS, {}),
        ("POST", "/dicom-web/studies", UPLOADERS, {"content": b"x"}),
        *(("GET", f"/api/v1/operations/{what}", OPERATORS, {}) for what in operations),
        ("POST", "/api/v1/operations/retry", OPERATORS, retry),
        ("GET", "/metrics", OPERATORS, {}),
    ]


# What an allowed caller gets where that is not 200: an upload of "x" is no multipart, and nothing has failed.
_OTHERWISE = {"/dicom-web/studies": 415, "/api/v1/operations/retry": 409}


def status_of(client: httpx.Client, method: str, path: str, sent: dict[str, Any]) -> int:
    """Ask without reading the answer to its end, since an event stream has none."""
    with client.stream(method, path, **sent) as answer:
        return answer.status_code


def test_every_path_answers_each_role_as_the_interface_says(world: World) -> None:
    wrong = []
    for role in ROLES:
        with world.gateway.client(world.tokens[role]) as client:
            for method, path, allowed, sent in table(world):
                expected = _OTHERWISE.get(path, 200) if role in allowed else 403
                status = status_of(client, method, path, sent)
                if status != expected:
                    wrong.append((role, method, path, status, expected))
    assert wrong == []


def test_nobody_gets_anything_without_a_login_but_what_is_open(world: World) -> None:
    with httpx.Client(base_url=world.gateway.url, trust_env=False, timeout=30) as stranger:
        for method, path, _, sent in table(world):
            answer = stranger.request(method, path, **sent)
            assert answer.status_code == 401, path
            assert set(answer.json()["error"]) == {"code", "message"}
        for path in OPEN:
            assert stranger.get(path).status_code == 200
        assert stranger.get("/healthz").json() == {"alive": True}
        ready = stranger.get("/readyz").json()
        assert (set(ready), ready["ready"]) == ({"ready", "dependencies"}, True)
        wrong = stranger.post("/api/v1/auth/login", json={"name": "doctor", "password": "not the password"})
        assert wrong.status_code == 401


def test_a_study_that_was_read_is_in_the_figures_and_its_patient_is_not(world: World) -> None:
    with world.gateway.client(world.tokens["operator"]) as client:
        text = client.get("/metrics").text
    assert 'mammogate_images{channel="dicom",detector="SYNTHETIC PHANTOM 1",source=' in text
    assert world.uid not in text
    assert world.reported["patient"]["id"] not in text


def test_a_study_has_exactly_the_fields_of_the_interface(world: World) -> None:
    with world.gateway.client() as client:
        page = client.get("/api/v1/studies").json()
        study = client.get(f"/api/v1/studies/{world.uid}").json()
    assert set(page) == {"items", "next"}
    assert world.uid in {item["study_instance_uid"] for item in page["items"]}
    assert set(study) == STUDY
    assert study["patient"] == {"id": "SYN-0001", "name": "Synthetic^Anna", "birth_date": "1961-04-17"}
    assert (study["study_date"], study["status"], study["generation"]) == ("2026-09-14", "reported", 1)
    assert study["attention"] in ("high", "medium", "low", "none")
    assert 0 <= study["malignancy_score"] <= 1
    assert len(study["views"]) == 4
    for view in study["views"]:
        assert set(view) == VIEW
        assert list(view["probabilities"]) == CLASSES
        assert sum(view["probabilities"].values()) == pytest.approx(1, abs=1e-6)
        for finding in view["findings"]:
            assert set(finding) == FINDING
            assert finding["outline"][0] == finding["outline"][-1]
    for report in study["reports"]:
        assert set(report) == REPORT
        assert [set(delivery) for delivery in report["deliveries"]] == [DELIVERY]


def test_a_report_downloads_as_the_file_that_lies_in_the_data_folder(world: World) -> None:
    with world.gateway.client() as client:
        for report in world.reported["reports"]:
            answer = client.get(f"/api/v1/studies/{world.uid}/reports/{report['sop_instance_uid']}")
            assert answer.headers["content-type"] == "application/dicom"
            assert answer.content == world.gateway.report_file(world.reported, report).read_bytes()
            assert dcmread(io.BytesIO(answer.content)).SOPInstanceUID == report["sop_instance_uid"]


def test_an_image_comes_coarse_first_by_ranges_and_lossless_in_the_end(world: World) -> None:
    for view in world.reported["views"]:
        path = f"/api/v1/studies/{world.uid}/views/{view['sop_instance_uid']}"
        with world.gateway.client() as client:
            image = client.get(f"{path}/image").json()
            assert set(image) == IMAGE
            assert (image["laterality"], image["view"]) == (view["laterality"], view["view"])
            codestream = b""
            for halvings, level in reversed(list(enumerate(reversed(image["levels"])))):
                part = f"bytes={len(codestream)}-{level['bytes'] - 1}"
                answer = client.get(f"{path}/pixels.jph", headers={"Range": part})
                assert answer.status_code == 206
                codestream += answer.content
                decoded = imagecodecs.htj2k_decode(codestream, skipres=halvings)
                assert decoded.shape == (level["rows"], level["columns"])
            assert len(codestream) == image["codestream"]["bytes"]
            column, row, width, height = image["box"]
            stored = dcmread(world.study.paths[view["laterality"], view["view"]]).pixel_array
            assert np.array_equal(decoded, stored[row : row + height, column : column + width])
            assert hashlib.sha256(decoded.astype("<u2")).hexdigest() == image["codestream"]["pixel_sha256"]
            preview = Image.open(io.BytesIO(client.get(f"{path}/preview.webp").content))
            assert max(preview.size) == 512
            heat = Image.open(io.BytesIO(client.get(f"{path}/heat.png").content))
            assert heat.size == (image["heat"]["columns"], image["heat"]["rows"])


def test_pictures_that_were_removed_are_made_again_by_the_next_worker(world: World) -> None:
    view = world.reported["views"][0]["sop_instance_uid"]
    path = f"/api/v1/studies/{world.uid}/views/{view}/image"
    with world.gateway.client() as client:
        before = client.get(path)
        shutil.rmtree(world.gateway.data_dir / "pictures" / world.uid)
        away = client.get(path)
        assert (away.status_code, away.json()["error"]["code"]) == (404, "not_ready")
        world.gateway.part("work").kill()
        wait_for_picture(world.gateway, world.uid, view)
        assert client.get(path).content == before.content


def test_a_password_in_an_address_is_shown_to_nobody(world: World) -> None:
    with world.gateway.client(world.tokens["admin"]) as client:
        (shown,) = client.get("/api/v1/operations/destinations").json()["items"]
    assert shown["address"].startswith("http://127.0.0.1:")
    assert shown["last_error"]
    assert "s3cret" not in json.dumps(shown) + world.gateway.log + world.gateway.command("doctor", "--json").stdout


def test_a_new_password_ends_the_sessions_that_the_old_one_opened(world: World) -> None:
    world.gateway.add_user("locum", "doctor")
    with httpx.Client(base_url=world.gateway.url, trust_env=False, timeout=30) as browser:
        logged_in = browser.post("/api/v1/auth/login", json={"name": "locum", "password": PASSWORD})
        assert logged_in.status_code == 200
        assert browser.get("/api/v1/studies").status_code == 200
        world.gateway.add_user("locum", "doctor")
        assert browser.get("/api/v1/studies").status_code == 401


def test_a_study_uploaded_over_http_is_reported(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path)
    parts = [
        b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n"
        for path in study.paths.values()
    ]
    token = world.gateway.add_token("radiologist", "--upload")
    with world.gateway.client(token) as client:
        answer = client.post(
            "/dicom-web/studies",
            content=b"".join(parts) + b"--cut--\r\n",
            headers={"Content-Type": 'multipart/related; type="application/dicom"; boundary=cut'},
        )
    assert answer.status_code == 200, answer.text
    stored = {item["00081155"]["Value"][0] for item in answer.json()["00081199"]["Value"]}
    assert stored == set(study.sop_instance_uids.values())
    found = world.gateway.wait_for(
        study.exam.study_instance_uid, lambda found: found["status"] == "reported", seconds=300
    )
    assert {view["failure"] for view in found["views"]} == {None}
    assert found["flags"] == []


@dataclass
class Listener:
    """Hears live events until told to stop, or until the connection ends."""

    gateway: Gateway
    after: int
    heard: list[int] = field(default_factory=list)
    studies: list[tuple[str, str]] = field(default_factory=list)

    def listen(self, until: threading.Event) -> None:
        headers = {"Last-Event-ID": str(self.last)}
        with self.gateway.client() as client, client.stream("GET", "/api/v1/events", headers=headers) as answer:
            assert answer.status_code == 200
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    event = json.loads(line.removeprefix("data:"))
                    self.heard.append(event["id"])
                    self.studies.append((event["study_instance_uid"], event["kind"]))
                if until.is_set():
                    return

    @property
    def last(self) -> int:
        return self.heard[-1] if self.heard else self.after


def test_events_go_on_without_a_gap_after_the_api_process_was_killed(world: World, tmp_path: Path) -> None:
    """Sends a study, kills the API process once something was heard of it, and resumes behind that."""
    with world.gateway.client() as client:
        start = int(client.get("/api/v1/studies").headers["Mammogate-Last-Event-Id"])
    listener = Listener(world.gateway, start)
    done = threading.Event()
    study = small_study(tmp_path)
    thread = threading.Thread(target=_listen_until_cut_off, args=(listener, done))
    thread.start()
    assert dcmsend(world.gateway.dicom_port, study.folder).returncode == 0
    _wait(lambda: bool(listener.heard))
    world.gateway.part("api").kill()
    thread.join(30)
    assert not thread.is_alive()
    heard_before = len(listener.heard)
    # What happens while nobody listens must be heard afterwards.
    world.gateway.wait_for(study.exam.study_instance_uid, lambda found: found["status"] == "reported", seconds=300)
    thread = threading.Thread(target=listener.listen, args=(done,))
    thread.start()
    _wait(lambda: (study.exam.study_instance_uid, "study_reported") in listener.studies)
    done.set()
    thread.join(60)
    assert 0 < heard_before < len(listener.heard)
    assert listener.heard == list(range(start + 1, start + 1 + len(listener.heard)))
    kinds = [kind for uid, kind in listener.studies if uid == study.exam.study_instance_uid and kind != "delivery"]
    assert kinds == ["study_queued", "study_processing", "study_reported"]


def _listen_until_cut_off(listener: Listener, done: threading.Event) -> None:
    try:
        listener.listen(done)
    except httpx.TransportError:
        return  # the process behind it was killed


def _wait(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
