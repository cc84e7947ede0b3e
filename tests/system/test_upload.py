"""A health centre uploads from its phone: over a line that breaks, through a reload, and hears what came of it."""

from __future__ import annotations

import base64
import io
import re
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Dialog, FileChooser, Locator, Page, Route, TimeoutError, expect

from tests.peers.bad_line import bad_line
from tests.peers.gateway import PASSWORD, Gateway, running_gateway
from tests.peers.health_centre import PIECE, HealthCentre
from tests.peers.phone import Phone, chromium, phone
from tests.peers.synthetic import Exam, ct_slice, mammogram, write

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

HEIGHT_MM = 60
"""Of the breast, however many pixels that are: read in a moment."""
SHARE = """async (bytes) => {
    const form = new FormData();
    form.append("files", new File([Uint8Array.from(atob(bytes), (one) => one.charCodeAt(0))], "shared.dcm"));
    const answer = await fetch("/share-target", { method: "POST", body: form });
    return answer.ok;
}"""
CONTROLLED = """() => new Promise((tell) => {
    if (navigator.serviceWorker.controller) tell();
    navigator.serviceWorker.addEventListener("controllerchange", () => tell());
})"""
STORES = """async () => (await indexedDB.databases()).length + localStorage.length + sessionStorage.length"""


@dataclass
class World:
    gateway: Gateway
    browser: Browser
    cookies: Any
    """Of a doctor who is logged in."""

    def rows(self, question: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(self.gateway.data_dir / "mammogate.sqlite")) as database:
            return database.execute(question, values).fetchall()

    def stored(self, exam: Exam) -> list[bytes]:
        """The files of the examination's images, and of further ones under the same UIDs."""
        found = self.rows(
            "SELECT path FROM instance JOIN study ON study.id = study_id WHERE study_instance_uid = ?1"
            " UNION ALL SELECT path FROM duplicate WHERE study_instance_uid = ?1",
            exam.study_instance_uid,
        )
        return [(self.gateway.data_dir / path).read_bytes() for (path,) in found]

    def wait_until_stored(self, exam: Exam, images: int = 1) -> None:
        deadline = time.monotonic() + 120
        while len(self.stored(exam)) < images:
            assert time.monotonic() < deadline, "it was not stored within two minutes"
            time.sleep(0.2)

    def centre(self) -> HealthCentre:
        return HealthCentre(self.gateway.client())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("upload")
    settings = {"MAMMOGATE_HTTP__SECURE_COOKIES": "true", "MAMMOGATE_STUDY__QUIET_SECONDS": "1"}
    with running_gateway(folder / "gateway", settings=settings) as gateway, chromium() as browser:
        with phone(browser, gateway.url) as first:
            first.log_in("doctor", PASSWORD)
            cookies = first.page.context.cookies()
        yield World(gateway, browser, cookies)


@pytest.fixture
def held(world: World) -> Iterator[Phone]:
    """A doctor's phone at the upload screen. Afterwards: it broke no policy, asked nobody else, kept nothing."""
    with phone(world.browser, world.gateway.url) as held:
        opened(held, world)
        yield held
        assert held.wrongs == []
        assert held.page.evaluate(STORES) == 0


def opened(held: Phone, world: World) -> Page:
    held.page.context.add_cookies(world.cookies)
    held.page.goto(f"{held.url}/#/upload")
    expect(held.page.get_by_role("heading", name="Upload", exact=True)).to_be_visible()
    return held.page


def an_image(path: Path, exam: Exam, rows: int = 1200, columns: int = 1000, view: str = "CC") -> Path:
    spacing = [round(HEIGHT_MM / rows, 4)] * 2
    tags = {"ImagerPixelSpacing": spacing, "PixelSpacing": spacing}
    return write(mammogram("L", view, exam=exam, rows=rows, columns=columns, tags=tags), path)


def choose(page: Page, *files: Path) -> None:
    page.get_by_label("Choose files").set_input_files(files)


def chosen_by_keyboard(page: Page) -> FileChooser:
    """Space on the button; once more where the browser was too busy to open anything."""
    for patience in (10_000, 10_000, 45_000):
        try:
            with page.expect_file_chooser(timeout=patience) as chooser:
                page.get_by_label("Choose files").press("Space")
        except TimeoutError:
            continue
        return chooser.value
    raise AssertionError("Space opened no file chooser")


def latest(page: Page) -> Locator:
    """What the list of the doctor's uploads says of the newest."""
    return page.get_by_role("region", name="Your uploads").get_by_role("listitem").first


def test_27_megabytes_through_20_disconnections_arrive_byte_for_byte_and_once(world: World, tmp_path: Path) -> None:
    exam = Exam(patient_name="Line^Lena")
    image = an_image(tmp_path / "large.dcm", exam, 4096, 3328)
    content = image.read_bytes()
    assert len(content) > 27_000_000
    with (
        bad_line(world.gateway.http_port, breaks_after=1_250_000, breaks=20) as line,
        phone(world.browser, f"http://127.0.0.1:{line.port}") as held,
    ):
        page = opened(held, world)
        choose(page, image)
        page.get_by_label("Age in years").fill("61")
        page.get_by_label("Reason for the examination").fill("Lump on the right since June")
        page.get_by_role("button", name="Send").tap()
        expect(page.get_by_text("1 image stored")).to_be_visible(timeout=300_000)
        assert line.broken == 20
        assert world.stored(exam) == [content]
        expect(page.get_by_text("Read by the AI")).to_be_visible(timeout=120_000)
        assert held.barriers() == []
        page.get_by_role("link", name="Open the study").tap()
        expect(page.get_by_role("heading", name="Line, Lena")).to_be_visible()
        note = page.get_by_role("region", name="Clinical note")
        expect(note).to_contain_text("Age 61")
        expect(note).to_contain_text("Lump on the right since June")
        assert held.wrongs == []


def test_a_network_that_goes_away_is_told_and_the_upload_goes_on_by_itself(world: World, tmp_path: Path) -> None:
    exam = Exam(patient_name="Offline^Olga")
    image = an_image(tmp_path / "image.dcm", exam)
    with (
        bad_line(world.gateway.http_port, delay=0.05) as line,
        phone(world.browser, f"http://127.0.0.1:{line.port}") as held,
    ):
        page = opened(held, world)
        choose(page, image)
        expect(page.get_by_text("1 file, 2.4 MB")).to_be_visible()
        assert held.barriers() == []
        page.get_by_role("button", name="Send").tap()
        expect(page.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"^[1-9]"))
        page.context.set_offline(True)
        expect(page.get_by_text("No connection to the gateway. It goes on by itself.")).to_be_visible()
        assert held.barriers() == []
        assert world.stored(exam) == []
        page.context.set_offline(False)
        world.wait_until_stored(exam)
        line.delay = 0.0
        expect(latest(page)).to_contain_text("1 image stored")
        expect(latest(page)).to_contain_text("Read by the AI", timeout=120_000)
    assert world.stored(exam) == [image.read_bytes()]


def test_after_a_reload_the_same_files_go_on_where_they_stopped(world: World, tmp_path: Path) -> None:
    exam = Exam(patient_name="Reload^Rosa")
    images = [an_image(tmp_path / f"{view}.dcm", exam, view=view) for view in ("CC", "MLO")]
    with (
        bad_line(world.gateway.http_port, delay=0.05) as line,
        phone(world.browser, f"http://127.0.0.1:{line.port}") as held,
    ):
        page = opened(held, world)
        page.on("dialog", lambda dialog: dialog.accept())
        choose(page, *images)
        page.get_by_role("button", name="Send").tap()
        expect(page.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"^[3-9]\d$"), timeout=120_000)
        page.get_by_role("button", name="Pause").tap()
        expect(page.get_by_role("region", name="Paused")).to_be_visible()
        line.delay = 0.0
        page.reload()
        expect(page.get_by_text("To go on, choose the same files again.")).to_be_visible()
        ((upload_id, before),) = world.rows(
            "SELECT upload.id, sum(received) FROM upload JOIN upload_file ON upload.id = upload_id"
            " WHERE status = 'receiving' GROUP BY upload.id"
        )
        assert before > 0.25 * sum(image.stat().st_size for image in images)
        choose(page, *reversed(images))
        expect(page.get_by_text("They go on where they stopped.")).to_be_visible()
        page.get_by_role("button", name="Go on").tap()
        world.wait_until_stored(exam, 2)
        expect(latest(page)).to_contain_text("2 images stored")
    assert sorted(world.stored(exam)) == sorted(image.read_bytes() for image in images)
    assert world.rows("SELECT count(*) FROM upload WHERE id = ?", upload_id) == [(1,)]


def test_what_was_not_taken_is_told_file_by_file_and_the_keyboard_suffices(
    world: World, held: Phone, tmp_path: Path
) -> None:
    exam = Exam(patient_name="Mixed^Mia")
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(an_image(tmp_path / "image.dcm", exam, 300, 250), "STUDY/IM1")
        packed.write(write(ct_slice(exam), tmp_path / "ct.dcm"), "STUDY/IM2")
        packed.writestr("README.TXT", "read me")
    page = held.page
    chosen_by_keyboard(page).set_files(archive)
    page.get_by_label("History").focus()
    page.keyboard.type("Mother at 48")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    world.wait_until_stored(exam)
    reasons = latest(page)
    expect(reasons).to_contain_text("1 image stored")
    expect(reasons).to_contain_text("2 files not taken")
    expect(reasons).to_contain_text("STUDY/IM2: Not a mammogram: it is CT Image Storage.")
    expect(reasons).to_contain_text("README.TXT: It is not a DICOM file.")
    assert held.barriers() == []
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_an_upload_that_the_gateway_can_not_store_now_can_be_taken_back(world: World, held: Phone) -> None:
    upload_id = begun_here(held)
    problem: str | None = None

    def waits_for_its_disk(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        for upload in told["items"]:
            if upload["id"] == upload_id:
                upload.update(status="storing", problem=problem)
        route.fulfill(response=answer, json=told)

    held.page.route("**/api/v1/uploads", waits_for_its_disk)
    held.page.reload()
    expect(latest(held.page)).to_contain_text("The gateway checks the files…")
    expect(latest(held.page).get_by_role("button")).to_have_count(0)
    problem = "The gateway's disk is full. It goes on by itself."
    expect(latest(held.page)).to_contain_text(problem)
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    held.page.once("dialog", agree)
    latest(held.page).get_by_role("button", name="Cancel the upload").tap()
    expect(held.page.get_by_text(problem)).to_have_count(0)
    assert asked == ["Remove this upload from the gateway? Images that are stored already stay."]
    assert world.rows("SELECT count(*) FROM upload WHERE id = ?", upload_id) == [(0,)]


def begun_here(held: Phone) -> str:
    """The id of an upload that this phone has announced, and not sent."""
    begun = """async () => {
        const id = crypto.randomUUID();
        const body = JSON.stringify({ files: [{ name: "a.dcm", size: 9, sha256: null }], note: null });
        const headers = { "Content-Type": "application/json" };
        const answer = await fetch(`/api/v1/uploads/${id}`, { method: "PUT", headers, body });
        return answer.ok ? id : "";
    }"""
    upload_id = held.page.evaluate(begun)
    assert upload_id
    return str(upload_id)


def test_files_that_another_app_shares_wait_for_the_doctor_and_are_kept_nowhere(
    world: World, held: Phone, tmp_path: Path
) -> None:
    exam = Exam(patient_name="Shared^Susi")
    content = an_image(tmp_path / "shared.dcm", exam, 300, 250).read_bytes()
    page = held.page
    page.evaluate(CONTROLLED)
    assert page.evaluate(SHARE, base64.b64encode(content).decode())
    page.reload()
    expect(page.get_by_text("shared.dcm")).to_be_visible()
    page.get_by_role("button", name="Send").tap()
    world.wait_until_stored(exam)
    expect(latest(page)).to_contain_text("1 image stored")
    assert world.stored(exam) == [content]


@pytest.mark.long
def test_a_gateway_that_is_killed_again_and_again_has_every_byte_that_it_answered_for(
    world: World, tmp_path: Path
) -> None:
    exam = Exam(patient_name="Killed^Kira")
    images = {
        f"{view}.dcm": an_image(tmp_path / view, exam, view=view).read_bytes() for view in ("CC", "MLO", "ML", "LM")
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in images.items():
            archive.writestr(name, content)
    content = packed.getvalue()
    centre = world.centre()
    assert centre.begin({"study.zip": content}).status_code == 201
    for number, offset in enumerate(range(0, len(content), PIECE)):
        assert centre.put(1, offset, content[offset : offset + PIECE]).status_code == 204
        if number in (1, 4):
            kill_api(world.gateway)
            assert centre.reached(1) == min(offset + PIECE, len(content))
    assert centre.finish().status_code == 202
    kill_api(world.gateway)
    state = centre.wait_until_done()
    assert {item["name"]: item["verdict"] for item in state["items"]} == dict.fromkeys(images, "stored")
    world.gateway.wait_for(exam.study_instance_uid, lambda study: study["status"] == "reported", 120)
    assert sorted(world.stored(exam)) == sorted(images.values())
    assert list((world.gateway.data_dir / "uploads").iterdir()) == []


def kill_api(gateway: Gateway) -> None:
    """As the out-of-memory killer does; the supervisor starts it again."""
    process = gateway.part("api")
    process.kill()
    psutil.wait_procs([process], timeout=30)
    gateway.wait_until_ready()
