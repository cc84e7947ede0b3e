"""The viewer when requests are lost: it says so, and comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import PASSWORD
from tests.peers.phone import Phone, phone
from tests.peers.synthetic import Exam
from tests.system.small_breasts import small_study
from tests.system.viewer_world import World, focused, listed, running_world, seen

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
AWAY = "The gateway can't be reached. Check the connection."


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("viewer")) as world:
        yield world


@pytest.fixture
def held(world: World) -> Iterator[Phone]:
    with phone(world.browser, world.gateway.url, service_workers="block") as held:
        yield held
        assert held.wrongs == []


class Broken:
    """A route that fails the first `times` requests, in one way or another, and lets the others through."""

    def __init__(self, times: int, how: str = "abort") -> None:
        self.left = times
        self._how = how

    def __call__(self, route: Route) -> None:
        if self.left <= 0:
            route.continue_()
            return
        self.left -= 1
        if self._how == "abort":
            route.abort()
        elif self._how == "503":
            route.fulfill(status=503, json={"error": {"code": "store_unavailable", "message": "Try again soon."}})
        else:
            route.fulfill(status=200, content_type="application/json", body='{"items": [')


@pytest.mark.parametrize("how", ["abort", "broken off"])
def test_a_list_that_could_not_be_had_is_asked_for_again(world: World, held: Phone, how: str) -> None:
    held.page.context.add_cookies(world.cookies)
    held.page.route("**/api/v1/studies", Broken(2, how))  # the second: once the stream of events is open
    held.page.goto(held.url)
    expect(held.page.get_by_role("alert")).to_have_text(AWAY)
    expect(held.page.get_by_text("Live", exact=True)).to_have_count(0)
    held.page.locator(f"[data-study='{world.uid}']").wait_for()
    expect(held.page.get_by_role("alert")).to_have_count(0)
    expect(held.page.get_by_text("Live", exact=True)).to_be_visible()


def test_a_study_that_arrives_while_the_line_fails_appears_all_the_same(
    world: World, held: Phone, tmp_path: Path
) -> None:
    page = listed(held, world)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.route("**/api/v1/studies", Broken(1, "503"))
    arriving = small_study(tmp_path, exam=Exam(patient_name="Arriving^Ann"), views=(("R", "CC"),))
    assert dcmsend(world.gateway.dicom_port, arriving.folder).returncode == 0
    expect(page.locator(f"[data-study='{arriving.exam.study_instance_uid}']")).to_contain_text("Arriving, Ann")


def test_an_image_whose_description_was_lost_comes_by_itself(world: World, held: Phone) -> None:
    held.page.route("**/views/*/image", Broken(1))
    held.page.context.add_cookies(world.cookies)
    held.page.goto(f"{held.url}/#/study/{world.uid}")
    expect(held.page.locator(".pane-state", has_text=AWAY)).to_have_count(1)
    for view in ("R CC", "L CC", "R MLO"):
        expect(held.page.locator(f"[data-view='{view}'] canvas:not(.empty)")).to_be_visible()
    expect(held.page.locator(".pane-state", has_text=AWAY)).to_have_count(0)


def test_a_decoder_that_could_not_be_fetched_is_fetched_again(world: World, held: Phone) -> None:
    broken = Broken(2)  # the one that is fetched ahead, and the first that is needed
    held.page.context.route("**/decoder*.js", broken)
    with held.page.expect_event("requestfailed", lambda request: "decoder" in request.url):
        listed(held, world)
    held.page.locator(f"[data-study='{world.uid}']").tap()
    for view in ("R CC", "L CC", "R MLO"):
        expect(held.page.locator(f"[data-view='{view}'] canvas:not(.empty)")).to_be_visible()
    assert broken.left == 0


def test_a_heat_map_that_was_lost_is_said_and_drawn_once_it_is_there(world: World, held: Phone) -> None:
    frame = focused(held, world, "L CC")
    page = held.page
    without = seen(frame)
    page.route(f"**/views/{world.study.sop_instance_uids['L', 'CC']}/heat.png", Broken(1))
    page.get_by_role("button", name="Heat map").tap()
    expect(page.get_by_text("The heat map could not be loaded yet.")).to_be_visible()
    expect(page.get_by_text("The heat map could not be loaded yet.")).to_have_count(0)
    page.get_by_label("Heat map opacity").fill("100")
    assert seen(frame) != without


def test_a_heat_map_is_drawn_again_after_the_graphics_were_lost(world: World, held: Phone) -> None:
    frame = focused(held, world, "L CC")
    page = held.page
    with page.expect_response("**/heat.png"):
        page.get_by_role("button", name="Heat map").tap()
    page.wait_for_timeout(500)
    before = seen(frame)
    lost = frame.locator("canvas").evaluate_handle(
        "(one) => one.getContext('webgl2').getExtension('WEBGL_lose_context')"
    )
    lost.evaluate("(context) => context.loseContext()")
    expect(frame.locator("img.preview")).to_be_visible()
    with page.expect_response("**/heat.png"):
        lost.evaluate("(context) => context.restoreContext()")
    expect(frame.locator("canvas:not(.empty)")).to_be_visible()
    page.wait_for_timeout(500)
    assert seen(frame) == before


def test_what_one_person_was_sending_is_not_sent_by_the_next(world: World, held: Phone, tmp_path: Path) -> None:
    world.gateway.add_user("uploader", "uploader")
    study = small_study(tmp_path / "files", views=(("L", "CC"),))
    held.log_in("doctor", PASSWORD)
    page = held.page
    page.get_by_role("link", name="Upload").tap()
    page.get_by_label("Choose files").set_input_files(list(study.paths.values()))
    page.get_by_label("Reason for the examination").fill("Told to the doctor alone")
    page.context.clear_cookies()
    page.get_by_role("button", name="Send").tap()
    page.get_by_label("Name").fill("uploader")
    page.get_by_label("Password").fill(PASSWORD)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method) if "/uploads" in request.url else None)
    page.get_by_role("button", name="Log in", exact=True).tap()
    expect(page.get_by_text("No uploads yet.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert set(sent) == {"GET"}
