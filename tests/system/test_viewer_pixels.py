"""The image in the viewer: the right pixels, windowed as the server would, moved by fingers, in few bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect
from pydicom import dcmread

from preprocessing.display.overview import Overview
from preprocessing.display.windows import Window
from tests.peers.phone import Phone, phone
from tests.system.viewer_world import World, box, colours, focused, grey, listed, opened, running_world, seen

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

# What the canvas holds right after it was drawn: a screenshot would show it through a phone that is played.
DRAWN = """(frame) => new Promise((tell) => {
    frame.dispatchEvent(new KeyboardEvent("keydown", { key: "1" }));
    requestAnimationFrame(() => tell(frame.querySelector("canvas").toDataURL()));
})"""


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


def drag(page: Page, frame: Locator, dx: float, dy: float) -> None:
    """One finger, by the browser's own input."""
    x, y = _middle(frame)
    _touch(page, [[(x + dx * step / 5, y + dy * step / 5)] for step in range(6)])


def pinch(page: Page, frame: Locator, factor: float) -> None:
    """Two fingers, moved apart."""
    x, y = _middle(frame)
    reaches = [40 * (1 + (factor - 1) * step / 5) for step in range(6)]
    _touch(page, [[(x - reach, y), (x + reach, y)] for reach in reaches])


def _middle(frame: Locator) -> tuple[float, float]:
    there = box(frame)
    return there["x"] + there["width"] / 2, there["y"] + there["height"] / 2


def _touch(page: Page, places: list[list[tuple[float, float]]]) -> None:
    session = page.context.new_cdp_session(page)
    for number, points in enumerate(places):
        fingers = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
        kind = "touchMove" if number else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    session.detach()


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
    assert np.abs(grey(seen(frame)) - 127.5).mean() > np.abs(grey(first) - 127.5).mean() + 1
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
    drawn, breast = _lit(grey(seen(frame))[4:-4, 4:-4]), _lit(expected)  # without the frame's own border
    rows, columns = drawn.shape
    fitted = cv2.resize(breast.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    inner = (slice(rows // 3, -rows // 3), slice(columns // 8, columns // 2))
    assert np.abs(fitted[inner].mean() - drawn[inner].mean()) < 4


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
    picture = grey(base64.b64decode(frame.evaluate(DRAWN).partition(",")[2]))
    # What the server itself makes of them with its window.
    shown = Window(**image["windows"][0]).shown(pixels) * 255
    patch = picture[picture.shape[0] // 2 - 40 :, picture.shape[1] // 2 - 40 :][:80, :80].astype(np.float32)
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
    assert grey(seen(frame)).max() > 100
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


def _lit(picture: Any) -> Any:
    """Without the rows and columns that are black."""
    return picture[picture.max(axis=1) > 8][:, picture.max(axis=0) > 8]


def _colour(png: bytes) -> float:
    """How far from grey a picture is on average."""
    pixels = colours(png).astype(np.float32)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


def _difference(patch: np.ndarray[Any, Any], whole: np.ndarray[Any, Any]) -> float:
    """The mean squared difference between a patch and what it resembles most in an image."""
    return float(cv2.matchTemplate(whole.astype(np.float32), patch, cv2.TM_SQDIFF).min() / patch.size)
