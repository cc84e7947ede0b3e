"""The viewer in a real browser, as a phone, before a real gateway that has read real files."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect
from pydicom import dcmread

from preprocessing.display.overview import Overview
from preprocessing.display.windows import Window
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import PASSWORD, Gateway, running_gateway
from tests.peers.phone import FLAGS, Phone, chromium, phone
from tests.peers.programs import program
from tests.peers.synthetic import Exam, WrittenStudy, write
from tests.system.small_breasts import small_study, truncate_pixels
from tests.system.viewer_studies import Listed, add_to_list, wait_for_pictures

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

# Six centimetres high, however many pixels that are: read in a moment.
SPACING = {"ImagerPixelSpacing": [0.04, 0.04], "PixelSpacing": [0.04, 0.04]}
# The paths of all that the browser's Cache Storage holds.
KEPT = """async () => {
    const paths = [];
    for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const kept of await cache.keys()) paths.push(new URL(kept.url).pathname);
    }
    return paths;
}"""
# What the canvas holds right after it was drawn: a screenshot would show it through a phone that is played.
DRAWN = """(frame) => new Promise((tell) => {
    frame.dispatchEvent(new KeyboardEvent("keydown", { key: "1" }));
    requestAnimationFrame(() => tell(frame.querySelector("canvas").toDataURL()));
})"""
OTHERS = (
    Listed("High^Hanna", "high", "malignant_mass", 0.7),
    Listed("Low^Lea", "low", "benign_mass", 0.2),
    Listed("Nobody^Nora", "none"),
)


@dataclass
class World:
    gateway: Gateway
    browser: Browser
    study: WrittenStudy
    reported: dict[str, Any]
    cookies: Any
    """Of a doctor who is logged in: most tests are not about that."""

    @property
    def uid(self) -> str:
        return self.study.exam.study_instance_uid


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A study of four views of which one can't be read, and others that a list is made of."""
    folder = tmp_path_factory.mktemp("viewer")
    # As in a hospital: chromium takes a Secure cookie from loopback.
    settings = {"MAMMOGATE_HTTP__SECURE_COOKIES": "true"}
    with running_gateway(folder / "gateway", settings=settings) as gateway, chromium() as browser:
        exam = Exam(patient_name="Read^Rita")
        study = small_study(folder / "study", exam=exam, rows=1500, columns=1200, tags=SPACING)
        broken = study.paths["L", "MLO"]
        write(truncate_pixels(dcmread(broken)), broken)
        assert dcmsend(gateway.dicom_port, study.folder).returncode == 0
        add_to_list(gateway, OTHERS)
        uid = study.exam.study_instance_uid
        reported = gateway.wait_for(uid, lambda found: found["status"] == "reported", 240)
        wait_for_pictures(gateway, reported)
        with phone(browser, gateway.url) as first:
            first.log_in("doctor", PASSWORD)
            cookies = first.page.context.cookies()
        yield World(gateway, browser, study, reported, cookies)


@pytest.fixture
def held(world: World) -> Iterator[Phone]:
    """A phone that has just been unlocked. Afterwards: it broke no policy, asked nobody else, and had no error."""
    with phone(world.browser, world.gateway.url) as held:
        yield held
        assert held.wrongs == []


def listed(held: Phone, world: World) -> Page:
    held.page.context.add_cookies(world.cookies)
    held.page.goto(held.url)
    held.page.locator(f"[data-study='{world.uid}']").wait_for()
    return held.page


def opened(held: Phone, world: World) -> Page:
    held.page.context.add_cookies(world.cookies)
    held.page.goto(f"{held.url}/#/study/{world.uid}")
    expect(held.page.locator("[data-view='R CC'] canvas:not(.empty)")).to_be_visible()
    return held.page


def focused(held: Phone, world: World, view: str = "R CC") -> Locator:
    page = opened(held, world)
    page.get_by_role("button", name=f"Open {view}").tap()
    frame = page.get_by_role("application")
    frame.wait_for()
    expect(frame).to_have_attribute("aria-busy", "false")
    return frame


def drag(page: Page, frame: Locator, dx: float, dy: float) -> None:
    """One finger, by the browser's own input."""
    x, y = _middle(frame)
    _touch(page, [[(x + dx * step / 5, y + dy * step / 5)] for step in range(6)])


def pinch(page: Page, frame: Locator, factor: float) -> None:
    """Two fingers, moved apart."""
    x, y = _middle(frame)
    reaches = [40 * (1 + (factor - 1) * step / 5) for step in range(6)]
    _touch(page, [[(x - reach, y), (x + reach, y)] for reach in reaches])


def _box(frame: Locator) -> dict[str, float]:
    box = frame.bounding_box()
    assert box is not None
    return dict(box)


def _middle(frame: Locator) -> tuple[float, float]:
    box = _box(frame)
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _touch(page: Page, places: list[list[tuple[float, float]]]) -> None:
    session = page.context.new_cdp_session(page)
    for number, points in enumerate(places):
        fingers = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
        kind = "touchMove" if number else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


def seen(frame: Locator) -> bytes:
    """What is on the screen there, once it does not change any more."""
    before, now = b"", frame.screenshot(scale="css")
    while before != now:
        before, now = now, frame.screenshot(scale="css")
    return now


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
    boxes = {name: _box(page.locator(f"[data-view='{name}']")) for name in ("R CC", "L CC", "R MLO", "L MLO")}
    assert boxes["R CC"]["x"] == boxes["R MLO"]["x"] < boxes["L CC"]["x"] == boxes["L MLO"]["x"]
    assert boxes["R CC"]["y"] == boxes["L CC"]["y"] < boxes["R MLO"]["y"] == boxes["L MLO"]["y"]
    for name, wall in (("R CC", "right"), ("L CC", "left")):
        grey = _grey(seen(page.locator(f"[data-view='{name}'] .frame")))
        middle = grey[len(grey) // 2]
        edges = {"left": middle[: len(middle) // 8].mean(), "right": middle[-len(middle) // 8 :].mean()}
        assert edges[wall] > 60 > 10 > min(edges.values()), (name, edges)
    expect(page.get_by_text("Research use only, not a medical device")).to_be_visible()
    expect(page.get_by_text("not for primary interpretation")).to_be_visible()
    expect(page.locator("[data-view='R CC'] .badge")).to_have_text(re.compile(r"preview 1:\d+"))
    assert held.barriers() == []


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


def test_the_window_changes_what_is_seen_and_moving_does_not_change_the_window(world: World, held: Phone) -> None:
    frame = focused(held, world)
    page = held.page
    figures = page.locator(".window output")
    page.get_by_role("button", name="Fit").tap()  # the image has no focus now, and no frame around it
    start, first = figures.inner_text(), seen(frame)
    drag(page, frame, 60, 30)
    assert figures.inner_text() == start
    assert seen(frame) != first
    page.get_by_role("button", name="Fit").tap()
    assert seen(frame) == first
    page.get_by_role("button", name="Window").tap()
    drag(page, frame, -80, 0)
    assert figures.inner_text() != start
    # A narrower window takes every grey further from the middle one.
    assert np.abs(_grey(seen(frame)) - 127.5).mean() > np.abs(_grey(first) - 127.5).mean() + 1
    page.get_by_label("Window preset").select_option("0")
    assert figures.inner_text() == start
    assert seen(frame) == first
    assert held.barriers() == []


def test_four_images_that_can_be_windowed_come_in_one_file_each_and_few_bytes(world: World, held: Phone) -> None:
    page = listed(held, world)
    answered: list[tuple[str, int]] = []

    def note(request: Request) -> None:
        sizes = request.sizes()
        if f"/{world.uid}" in request.url:
            answered.append((request.url.rpartition("/")[2], sizes["responseBodySize"] + sizes["responseHeadersSize"]))

    page.context.on("requestfinished", note)
    page.locator(f"[data-study='{world.uid}']").tap()
    for name in ("R CC", "L CC", "R MLO"):
        expect(page.locator(f"[data-view='{name}'] canvas:not(.empty)")).to_be_visible()
        expect(page.locator(f"[data-view='{name}'] .frame")).to_have_attribute("aria-busy", "false")
    page.context.remove_listener("requestfinished", note)
    files = [name for name, _ in answered]
    assert files.count("overview.jph") >= 3
    assert not {"pixels.jph", "preview.webp"} & set(files)
    assert sum(size for _, size in answered) < 200_000


def test_the_overview_is_drawn_with_the_values_that_the_server_decodes(world: World, held: Phone) -> None:
    """The lossy picture too is windowed as the server would: same decoder's values, same slope, same window."""
    uid = world.study.sop_instance_uids["L", "CC"]
    with world.gateway.client() as client:
        image = client.get(f"/api/v1/studies/{world.uid}/views/{uid}/image").json()
        content = client.get(f"/api/v1/studies/{world.uid}/views/{uid}/overview.jph").content
    small = image["overview"]
    made = Overview(small["rows"], small["columns"], content, small["slope"], small["intercept"])
    expected = Window(**image["windows"][0]).shown(made.served(imagecodecs.htj2k_decode(content))) * 255
    page = opened(held, world)
    frame = page.locator("[data-view='L CC'] .frame")
    expect(frame).to_have_attribute("aria-busy", "false")
    page.evaluate("document.querySelectorAll('.badge, .open').forEach((over) => { over.style.visibility = 'hidden'; })")
    drawn, breast = _lit(_grey(seen(frame))[4:-4, 4:-4]), _lit(expected)  # without the frame's own border
    rows, columns = drawn.shape
    fitted = cv2.resize(breast.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    inner = (slice(rows // 3, -rows // 3), slice(columns // 8, columns // 2))
    assert np.abs(fitted[inner].mean() - drawn[inner].mean()) < 4


def _lit(picture: Any) -> Any:
    """Without the rows and columns that are black."""
    return picture[picture.max(axis=1) > 8][:, picture.max(axis=0) > 8]


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
def test_two_fingers_zoom_the_image_and_not_the_page(world: World, held: Phone) -> None:
    frame = focused(held, world)
    first = seen(frame)
    pinch(held.page, frame, 2.0)
    assert seen(frame) != first
    assert held.page.evaluate("visualViewport.scale") == 1


def test_the_lossless_level_is_what_the_machine_stored(world: World, held: Phone) -> None:
    """The gateway's checksum is that of the stored pixels, and the browser has decoded just these."""
    uid = world.study.sop_instance_uids["R", "CC"]
    with world.gateway.client() as client:
        image = client.get(f"/api/v1/studies/{world.uid}/views/{uid}/image").json()
    column, row, width, height = image["box"]
    stored = dcmread(world.study.paths["R", "CC"]).pixel_array[row : row + height, column : column + width]
    pixels = np.ascontiguousarray(stored, dtype="<u2")
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == image["codestream"]["pixel_sha256"]
    frame = focused(held, world)
    frame.dblclick()
    badge = held.page.locator("[data-view='R CC'] .badge")
    expect(badge).to_have_text("lossless 1:1")
    expect(held.page.get_by_text("not for primary interpretation")).to_have_count(0)
    # One stored pixel on one of the canvas: what is drawn there are the stored values through the window.
    grey = _grey(base64.b64decode(frame.evaluate(DRAWN).partition(",")[2]))
    # What the server itself makes of them with its window.
    shown = Window(**image["windows"][0]).shown(pixels) * 255
    patch = grey[grey.shape[0] // 2 - 40 :, grey.shape[1] // 2 - 40 :][:80, :80].astype(np.float32)
    assert _difference(patch, shown) < 1
    # It would be seen if pixels were mixed, or enlarged by the browser.
    assert _difference(np.asarray(cv2.blur(patch, (2, 2))), shown) > 4


def test_pixels_that_are_not_those_that_were_stored_are_never_called_lossless(world: World, held: Phone) -> None:
    def falsify(route: Route) -> None:
        with world.gateway.client() as client:
            answer = client.get(route.request.url)
        image = answer.json()
        if answer.is_success:
            image["codestream"]["pixel_sha256"] = "0" * 64
        route.fulfill(status=answer.status_code, json=image)

    held.page.route("**/image", falsify)
    frame = focused(held, world)
    frame.dblclick()
    expect(held.page.get_by_text("The pixels are not those that were stored")).to_be_visible()
    expect(held.page.get_by_text("lossless 1:1")).to_have_count(0)
    expect(held.page.get_by_text("not for primary interpretation")).to_be_visible()


@pytest.mark.long
def test_a_lost_graphics_context_leaves_the_preview_and_comes_back(world: World, held: Phone) -> None:
    frame = focused(held, world)
    canvas = frame.locator("canvas")
    before = seen(frame)
    lost = canvas.evaluate_handle("(one) => one.getContext('webgl2').getExtension('WEBGL_lose_context')")
    lost.evaluate("(context) => context.loseContext()")
    expect(frame.locator("img.preview")).to_be_visible()
    expect(held.page.get_by_text("not for primary interpretation")).to_be_visible()
    assert _grey(seen(frame)).max() > 100
    lost.evaluate("(context) => context.restoreContext()")
    expect(frame.locator("canvas:not(.empty)")).to_be_visible()
    expect(frame).to_have_attribute("aria-busy", "false")
    assert seen(frame) == before


@pytest.mark.long
def test_marks_and_heat_map_are_off_until_asked_for(world: World, held: Phone) -> None:
    frame = focused(held, world, "L CC")
    page = held.page
    without = seen(frame)
    assert page.locator(".marks").count() == 0
    page.get_by_role("button", name="Heat map").tap()
    page.wait_for_timeout(500)
    page.get_by_label("Heat map opacity").fill("100")
    warm = seen(frame)
    assert _colour(warm) > _colour(without)
    assert held.barriers() == []
    page.get_by_label("Heat map opacity").fill("0")
    assert seen(frame) == without
    page.get_by_role("button", name="Heat map").tap()
    page.get_by_role("button", name="Marks").tap()
    view = next(view for view in world.reported["views"] if (view["laterality"], view["view"]) == ("L", "CC"))
    expect(page.locator("[data-view='L CC'] .marks polygon:not(.halo)")).to_have_count(len(view["findings"]))


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


@pytest.mark.long
def test_an_operator_is_told_that_there_is_nothing_to_see_here(world: World, held: Phone) -> None:
    world.gateway.add_user("operator", "operator")
    held.page.goto(held.url)
    held.page.get_by_label("Name").fill("operator")
    held.page.get_by_label("Password").fill(PASSWORD)
    held.page.get_by_role("button", name="Log in").tap()
    expect(held.page.get_by_text("Your role may not see studies.")).to_be_visible()


def _grey(png: bytes) -> np.ndarray[Any, Any]:
    return _pixels(png).mean(axis=2)


def _colour(png: bytes) -> float:
    """How far from grey a picture is on average."""
    pixels = _pixels(png).astype(np.float32)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def _pixels(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))


def _difference(patch: np.ndarray[Any, Any], whole: np.ndarray[Any, Any]) -> float:
    """The mean squared difference between a patch and what it resembles most in an image."""
    return float(cv2.matchTemplate(whole.astype(np.float32), patch, cv2.TM_SQDIFF).min() / patch.size)
