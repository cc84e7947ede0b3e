"""The operators' board and the feedback on findings, in a real browser before a real gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.database.account_models import UserRole
from tests.peers.dcmtk import StoreScp, dcmsend, running_storescp
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.phone import Phone, chromium, phone
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.push_service import PushService, running_push_service
from tests.peers.synthetic import Exam
from tests.system.board_world import (
    FAILED,
    FOUND,
    NOTHING_FOUND,
    PATIENT,
    UNDELIVERED,
    add_person,
    add_push_key,
    add_work,
    start_patiently,
)
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
WIDE = {"viewport": {"width": 1440, "height": 900}, "is_mobile": False, "device_scale_factor": 1}
SPACING = {"ImagerPixelSpacing": [0.04, 0.04], "PixelSpacing": [0.04, 0.04]}

# The browser's maker runs its push service on the internet, out of reach here: what the browser would get from there
# comes from our own push service instead. All else of the browser is its own.
SUBSCRIBED = """(given) => {
    let on = null;
    const subscription = { ...given, toJSON: () => given, unsubscribe: async () => ((on = null), true) };
    PushManager.prototype.getSubscription = async () => on;
    PushManager.prototype.subscribe = async (options) => {
        if (!options.userVisibleOnly || options.applicationServerKey.length !== 87) throw new Error("not so");
        return (on = subscription);
    };
}"""
SHOWN = """async () => {
    const registration = await navigator.serviceWorker.ready;
    return (await registration.getNotifications()).map((one) => [one.title, one.body]);
}"""


@dataclass
class World:
    gateway: Gateway
    browser: Browser
    archive: StoreScp
    push: PushService
    uid: str
    """Of a study that was read and delivered to the archive."""
    cookies: dict[str, Any]
    """Of somebody of each role who is logged in."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("board")
    with (
        running_storescp(folder / "archive", ae_title="ARCHIVE") as archive,
        running_push_service(folder / "push") as push,
    ):
        ports = {"archive": archive.port, "ghost": free_port()}
        destinations = [
            destination(name, "dicom", host=LOOPBACK, port=port, ae_title=name.upper(), reports=["mammography_cad_sr"])
            for name, port in ports.items()
        ]
        settings = {
            "MAMMOGATE_HTTP__SECURE_COOKIES": "true",
            "MAMMOGATE_SITE__ACCEPTS_RESEARCH_USE": "true",
            "MAMMOGATE_PUSH__CONTACT": "mailto:it@hospital.example",
            "MAMMOGATE_PUSH__ALSO_ALLOWED": json.dumps([push.origin]),
        }
        with (
            running_gateway(folder / "gateway", destinations=destinations, settings=settings, start=False) as gateway,
            chromium() as browser,
        ):
            add_push_key(gateway)
            start_patiently(gateway)
            study = small_study(folder / "study", views=(("R", "CC"),), rows=1500, columns=1200, tags=SPACING)
            assert dcmsend(gateway.dicom_port, study.folder).returncode == 0
            add_work(gateway)
            uid = study.exam.study_instance_uid
            roles: tuple[UserRole, ...] = ("doctor", "operator", "admin")
            cookies = {role: [_cookie(gateway, add_person(gateway, role))] for role in roles}
            gateway.wait_for(uid, lambda found: _is_at(found, "archive"), 240)
            yield World(gateway, browser, archive, push, uid, cookies)


def _is_at(study: dict[str, Any], name: str) -> bool:
    owed = [one for report in study["reports"] for one in report["deliveries"] if one["destination"] == name]
    return bool(owed) and all(one["status"] == "delivered" for one in owed)


def _cookie(gateway: Gateway, secret: str) -> dict[str, Any]:
    return {"name": "__Host-mammogate", "value": secret, "url": gateway.url.replace("http://", "https://")}


def opened(world: World, held: Phone, role: str, place: str = "/") -> Page:
    held.page.context.add_cookies(world.cookies[role])
    held.page.goto(f"{world.gateway.url}{place}")
    return held.page


@pytest.fixture
def desk(world: World) -> Iterator[Phone]:
    """A wide screen. Afterwards: it broke no policy, asked nobody else, and had no error."""
    with phone(world.browser, world.gateway.url, **WIDE) as held:
        yield held
        assert held.wrongs == []


@pytest.fixture
def held(world: World) -> Iterator[Phone]:
    with phone(world.browser, world.gateway.url) as held:
        yield held
        assert held.wrongs == []


def test_an_operator_lands_on_the_board_and_sees_what_failed_and_why_and_no_patient(world: World, desk: Phone) -> None:
    page = opened(world, desk, "operator")
    expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    failed = page.get_by_role("region", name="Failed")
    expect(failed.get_by_role("row", name=FAILED)).to_contain_text("The disk was full.")
    expect(failed.get_by_role("row", name=UNDELIVERED)).to_contain_text("deliver: ghost")
    expect(page.get_by_role("region", name="Quarantine")).to_contain_text("The header is unreadable.")
    expect(page.get_by_role("region", name="Needs a look")).to_contain_text("The view L MLO is missing.")
    expect(page.get_by_role("article", name="archive")).to_contain_text("1 delivered")
    expect(page.get_by_text("Research use only, not a medical device")).to_be_visible()
    assert "Sophie" not in page.content()
    assert PATIENT not in page.content()
    assert page.get_by_role("link", name="Reading list").count() == 0
    assert desk.barriers() == []


def test_a_destination_says_on_the_spot_whether_it_answers(world: World, desk: Phone) -> None:
    page = opened(world, desk, "operator")
    page.get_by_role("button", name="Check archive now").click()
    expect(page.get_by_text("archive answers.")).to_be_visible()
    page.get_by_role("button", name="Check ghost now").click()
    expect(page.get_by_role("article", name="ghost").locator(".error").last).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="ghost:")).to_be_visible()
    assert desk.barriers() == []


def test_a_study_is_sent_again_to_an_archive_that_has_lost_it(world: World, desk: Phone) -> None:
    (lost,) = world.archive.files()
    content = lost.read_bytes()
    lost.unlink()
    page = opened(world, desk, "operator")
    page.get_by_label("Study Instance UID").fill(world.uid)
    page.get_by_role("combobox", name="Destination").select_option("archive")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("1 object goes to archive again.")).to_be_visible()
    world.gateway.wait_for(world.uid, lambda found: _is_at(found, "archive"))
    (again,) = world.archive.files()
    assert (again.name, again.read_bytes()) == (lost.name, content)


def test_a_retry_takes_a_failure_off_the_board_by_itself(world: World, desk: Phone) -> None:
    page = opened(world, desk, "operator")
    page.evaluate("window.isThisPage = true")
    row = page.get_by_role("region", name="Failed").get_by_role("row", name=FAILED)
    row.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 thing is tried again.")).to_be_visible()
    # It has no images any more, so it fails again, for the reason that it has now.
    expect(row).not_to_contain_text("The disk was full.")
    assert page.evaluate("window.isThisPage")


def test_an_admin_goes_between_the_list_and_the_board_and_a_doctor_sees_no_board(world: World, desk: Phone) -> None:
    page = opened(world, desk, "admin")
    page.get_by_role("link", name="Operations").click()
    expect(page.get_by_role("region", name="Destinations")).to_be_visible()
    page.get_by_role("link", name="Reading list").click()
    expect(page.get_by_role("heading", name="Reading list")).to_be_visible()
    with phone(world.browser, world.gateway.url) as other:
        page = opened(world, other, "doctor", "/#/board")
        expect(page.get_by_role("heading", name="Reading list")).to_be_visible()
        assert page.get_by_role("link", name="Operations").count() == 0


def test_a_finding_is_disagreed_with_in_a_few_taps_and_the_history_stays_beside_it(world: World, held: Phone) -> None:
    page = opened(world, held, "doctor", f"/#/study/{FOUND}")
    page.get_by_text("Feedback on mass in R CC").tap()
    form = page.get_by_role("form", name="Your feedback on mass in R CC")
    expect(page.get_by_text("It is no sign-off")).to_be_visible()
    form.get_by_label("Disagree").check()
    form.get_by_label("Comment").fill("A skin fold")
    assert held.barriers() == []
    form.get_by_role("button", name="Send feedback").tap()
    history = page.get_by_role("list", name="What was said of mass in R CC")
    expect(history).to_contain_text("A skin fold")
    page.reload()
    page.get_by_text("Feedback on mass in R CC (1)").tap()
    expect(page.get_by_role("list", name="What was said of mass in R CC")).to_contain_text("Disagree doctor")
    assert held.barriers() == []


def test_feedback_that_was_kept_while_the_answer_was_lost_is_kept_once(world: World, held: Phone) -> None:
    page = opened(world, held, "doctor", f"/#/study/{NOTHING_FOUND}")
    page.get_by_text("Feedback on the result").tap()
    form = page.get_by_role("form", name="Your feedback on the result")
    lost: list[str] = []

    def lose_the_answer(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            lost.append(str(route.fetch().status))
            route.abort()
        else:
            route.continue_()

    page.route("**/feedback", lose_the_answer)
    form.get_by_label("Agree", exact=True).check()
    form.get_by_role("button", name="Send feedback").tap()
    expect(form.get_by_role("alert")).to_contain_text("can't be reached")
    form.get_by_role("button", name="Send feedback").tap()
    expect(page.get_by_text("Feedback on the result (1)")).to_be_visible()
    assert lost == ["201"]
    with world.gateway.client() as client:
        items = client.get(f"/api/v1/studies/{NOTHING_FOUND}/feedback").json()["items"]
    assert [(item["verdict"], item["author"]) for item in items] == [("agree", "doctor")]


def test_a_phone_that_asked_for_it_is_told_of_a_study_and_not_of_whom(
    world: World, held: Phone, tmp_path: Path
) -> None:
    page = held.page
    page.context.grant_permissions(["notifications"], origin=world.gateway.url)
    page.add_init_script(f"({SUBSCRIBED})({json.dumps(world.push.subscription())})")
    page = opened(world, held, "doctor")
    page.get_by_text("Messages on this device: off").tap()
    page.get_by_role("combobox", name="Tell me of").select_option("none")
    assert held.barriers() == []
    page.get_by_role("button", name="Switch on").tap()
    expect(page.get_by_text("This device will be told.")).to_be_visible()
    expect(page.get_by_text("Messages on this device: on")).to_be_visible()
    exam = Exam(patient_name="Unnamed^Ursula")
    sent = small_study(tmp_path, exam=exam, views=(("L", "CC"),), rows=1500, columns=1200, tags=SPACING)
    assert dcmsend(world.gateway.dicom_port, sent.folder).returncode == 0
    study = world.gateway.wait_for(exam.study_instance_uid, lambda found: found["status"] == "reported", 240)
    (message,) = world.push.wait_for(1)
    told = json.loads(message["text"])
    assert (sorted(told), told["u"]) == (["t", "u", "v"], study["attention"])
    assert message["signed_by"]
    # What reached the phone's push service is handed to its service worker, as the browser does it.
    _deliver(page, world.gateway.url, message["text"])
    deadline = time.monotonic() + 30
    while not (shown := page.evaluate(SHOWN)) and time.monotonic() < deadline:
        time.sleep(0.2)
    ((title, body),) = shown
    assert title == "mammogate"
    assert "Research use only, not a medical device" in body
    assert "Ursula" not in body
    page.get_by_role("button", name="Switch off").tap()
    expect(page.get_by_text("Messages on this device: off")).to_be_visible()
    with world.gateway.client() as client:
        assert client.get("/api/v1/push").json()["devices"] == []


def _deliver(page: Page, origin: str, text: str) -> None:
    session = page.context.new_cdp_session(page)
    known: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: known.extend(one["registrationId"] for one in event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    while not known:
        page.wait_for_timeout(100)
    session.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": known[0], "data": text})
