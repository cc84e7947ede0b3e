"""The viewer in a real browser, as a phone, before a real gateway that has read real files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import PASSWORD
from tests.peers.phone import FLAGS, Phone, phone
from tests.peers.programs import program
from tests.peers.synthetic import Exam
from tests.system.small_breasts import small_study
from tests.system.viewer_world import OTHERS, World, box, grey, listed, opened, running_world, seen

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

# The paths of all that the browser's Cache Storage holds.
KEPT = """async () => {
    const paths = [];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const kept of await cache.keys()) paths.push(new URL(kept.url).pathname);
    }
    return paths;
}"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("viewer")) as world:
        yield world


@pytest.fixture
def held(world: World) -> Iterator[Phone]:
    """A phone that has just been unlocked. Afterwards: it broke no policy, asked nobody else, and had no error."""
    with phone(world.browser, world.gateway.url) as held:
        yield held
        assert held.wrongs == []


def test_a_wrong_password_is_told_and_the_right_one_opens_the_list(world: World, held: Phone) -> None:
    page = held.page
    page.goto(held.url)
    page.get_by_label("Name").fill("doctor")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Log in").tap()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    assert held.barriers() == []
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Reading list")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_the_list_has_the_feeds_order_and_says_which_to_read_first(world: World, held: Phone) -> None:
    listed(held, world)
    rows = held.page.locator("[data-study]")
    expect(rows).to_have_count(len(OTHERS) + 1)
    with world.gateway.client() as client:
        in_feed = [item["study_instance_uid"] for item in client.get("/api/v1/studies").json()["items"]]
    assert [row.get_attribute("data-study") for row in rows.all()] == in_feed
    assert [row.inner_text().startswith("READ FIRST") for row in rows.all()] == [True, False, False, False]
    # The truncated view, and the study that failed as a whole.
    expect(held.page.get_by_text("2 studies could not be read in full")).to_be_visible()
    expect(held.page.get_by_text("Live", exact=True)).to_be_visible()
    assert held.barriers() == []


def test_a_study_that_arrives_appears_by_itself(world: World, held: Phone, tmp_path: Path) -> None:
    listed(held, world)
    expect(held.page.get_by_text("Live", exact=True)).to_be_visible()
    held.page.evaluate("window.isThisPage = true")
    arriving = small_study(tmp_path, exam=Exam(patient_name="Arriving^Ada"), views=(("R", "CC"),))
    assert dcmsend(world.gateway.dicom_port, arriving.folder).returncode == 0
    row = held.page.locator(f"[data-study='{arriving.exam.study_instance_uid}']")
    expect(row).to_contain_text("Arriving, Ada", timeout=30_000)
    assert held.page.evaluate("window.isThisPage")


def test_four_views_hang_back_to_back_with_the_nipples_outward(world: World, held: Phone) -> None:
    page = opened(held, world)
    boxes = {name: box(page.locator(f"[data-view='{name}']")) for name in ("R CC", "L CC", "R MLO", "L MLO")}
    assert boxes["R CC"]["x"] == boxes["R MLO"]["x"] < boxes["L CC"]["x"] == boxes["L MLO"]["x"]
    assert boxes["R CC"]["y"] == boxes["L CC"]["y"] < boxes["R MLO"]["y"] == boxes["L MLO"]["y"]
    for name, wall in (("R CC", "right"), ("L CC", "left")):
        picture = grey(seen(page.locator(f"[data-view='{name}'] .frame")))
        middle = picture[len(picture) // 2]
        edges = {"left": middle[: len(middle) // 8].mean(), "right": middle[-len(middle) // 8 :].mean()}
        assert edges[wall] > 60 > 10 > min(edges.values()), (name, edges)
    expect(page.get_by_text("Research use only, not a medical device")).to_be_visible()
    expect(page.get_by_text("not for primary interpretation")).to_be_visible()
    expect(page.locator("[data-view='R CC'] .badge")).to_have_text(re.compile(r"preview 1:\d+"))
    assert held.barriers() == []


def test_a_study_that_has_changed_since_it_was_listed_is_shown_as_it_is_now(world: World, held: Phone) -> None:
    """The list shows it at once as it was; what the gateway says then is arranged anew, on fresh canvases."""
    asked: list[Route] = []
    held.page.route(f"**/api/v1/studies/{world.uid}", lambda route: asked.append(route))
    page = listed(held, world)
    page.locator(f"[data-study='{world.uid}']").tap()
    canvas = page.locator("[data-view='R CC'] canvas:not(.empty)")
    expect(canvas).to_be_visible()
    (route,) = asked
    route.fulfill(json={**world.reported, "flags": ["The view L MLO came twice."]})
    expect(page.locator(".warnings")).to_contain_text("The view L MLO came twice.")
    expect(canvas).to_be_visible()
    page.get_by_role("button", name="Open R CC").tap()
    page.get_by_role("application").wait_for()
    expect(canvas).to_be_visible()


def test_what_was_read_and_what_could_not_be_read_stands_in_words(world: World, held: Phone) -> None:
    page = opened(held, world)
    failed = next(view for view in world.reported["views"] if view["failure"])
    warnings = page.locator(".warnings")
    expect(warnings).to_contain_text("What the AI could not read")
    expect(warnings).to_contain_text(failed["failure"])
    for flag in world.reported["flags"]:
        expect(warnings).to_contain_text(flag)
    read = page.get_by_role("article", name="R CC")
    read.get_by_text("Probabilities").tap()
    view = next(view for view in world.reported["views"] if (view["laterality"], view["view"]) == ("R", "CC"))
    for name, value in view["probabilities"].items():
        expect(read).to_contain_text(name.replace("_", " "))
        expect(read).to_contain_text(f"{value:.2f}")
    assert held.barriers() == []


def test_a_browser_finds_nothing_that_speaks_against_installing_it(world: World, tmp_path: Path) -> None:
    # A profile of its own: in a window that forgets everything, as other tests have, nothing can be installed.
    browser = world.browser.browser_type
    held = browser.launch_persistent_context(tmp_path, executable_path=program("chromium"), args=list(FLAGS))
    try:
        page = held.pages[0]
        page.goto(world.gateway.url)
        page.evaluate("navigator.serviceWorker.ready")
        session = held.new_cdp_session(page)
        assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
        manifest = session.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert manifest["url"] == f"{world.gateway.url}/manifest.webmanifest"
    finally:
        held.close()


@pytest.mark.long
def test_the_keyboard_does_what_fingers_do(world: World, held: Phone) -> None:
    page = opened(held, world)
    page.get_by_role("button", name="Open R CC").focus()
    page.keyboard.press("Enter")
    frame = page.get_by_role("application")
    expect(frame).to_be_focused()
    first, figures = seen(frame), page.locator(".window output").inner_text()
    for keys in (["ArrowLeft"], ["+", "+"], ["1"]):
        for key in keys:
            page.keyboard.press(key)
        assert seen(frame) != first, keys
        page.keyboard.press("0")
    page.keyboard.press("w")
    page.keyboard.press("ArrowRight")
    assert page.locator(".window output").inner_text() != figures
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Open L CC")).to_be_visible()


def test_only_the_shell_is_kept_on_the_phone(world: World, held: Phone) -> None:
    page = opened(held, world)
    page.evaluate("navigator.serviceWorker.ready")
    page.reload()
    expect(page.locator("[data-view='R CC'] canvas:not(.empty)")).to_be_visible()
    kept = page.evaluate(KEPT)
    assert "/" in kept
    assert [path for path in kept if path.startswith(("/api", "/dicom"))] == []
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_text("The gateway can't be reached")).to_be_visible()
    page.context.set_offline(False)


def test_logging_out_leaves_nothing_behind(world: World, held: Phone) -> None:
    held.log_in("doctor", PASSWORD)
    held.page.locator(f"[data-study='{world.uid}']").tap()
    held.page.get_by_role("link", name="Reading list").tap()
    held.page.get_by_role("button", name="Log out").tap()
    expect(held.page.get_by_label("Password")).to_be_visible()
    held.page.go_back()
    expect(held.page.get_by_label("Password")).to_be_visible()
    expect(held.page.get_by_text("Read, Rita")).to_have_count(0)
    assert held.page.context.cookies() == []


def test_a_session_that_ends_elsewhere_is_told_and_asks_for_the_password(world: World, held: Phone) -> None:
    listed(held, world)
    held.page.context.clear_cookies()
    # By its address: the list may notice first, and be gone before a finger is there.
    held.page.evaluate("uid => { location.hash = `#/study/${uid}`; }", world.uid)
    expect(held.page.get_by_role("alert")).to_have_text("Your session has ended. Log in again.")
    expect(held.page.get_by_text("Read, Rita")).to_have_count(0)


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.long), "dark"])
def test_nobody_is_kept_out_sideways_in_either_scheme_or_with_large_text(world: World, scheme: Any) -> None:
    with phone(world.browser, world.gateway.url, viewport={"width": 839, "height": 412}, color_scheme=scheme) as held:
        listed(held, world)
        assert held.barriers() == []
        held.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert held.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        held.page.locator(f"[data-study='{world.uid}']").tap()
        expect(held.page.locator("[data-view='R CC'] canvas:not(.empty)")).to_be_visible()
        assert held.barriers() == []
        assert held.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert held.wrongs == []
