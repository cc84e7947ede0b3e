"""Opening a study from the reading list: when its images are on the screen, and what came over the line for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request

from benchmarks.failure import BenchmarkFailed
from benchmarks.viewer.lines import Line, speed_up

_PATIENCE_MS: Final = 120_000
# Looks once a frame: what was drawn in the frame before is on the screen by then. "sharp": nothing finer is on its way.
_WATCH: Final = """() => {
    if (window.watchesOpening) return;
    window.watchesOpening = true;
    const begin = (tapped) => { window.opening = { tapped, drawn: {}, sharp: {}, said: {} }; };
    begin(null);
    addEventListener("click", (event) => event.target.closest("[data-study]") && begin(performance.now()), true);
    const look = () => {
        const now = performance.now();
        const { drawn, sharp, said } = window.opening;
        for (const pane of document.querySelectorAll("[data-view]")) {
            if (pane.querySelector("canvas.empty")) continue;
            const name = pane.dataset.view;
            drawn[name] ??= now;
            if (pane.querySelector("[aria-busy='false']")) sharp[name] ??= now;
            said[name] = pane.querySelector(".badge")?.textContent ?? "";
        }
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
_ALL_SHARP: Final = "(count) => Object.keys(window.opening.sharp).length >= count"


@dataclass(frozen=True)
class Opening:
    """One study that was opened: milliseconds from the tap, and bytes of answers with their headers.

    `first`, `four`: an image with a window, and all of them, as sharp as the pane shows it (`sharpness`, the viewer's
    own words). `first_drawn`: the first one at any sharpness. `requests`: how many were answered.
    """

    first_drawn_ms: float
    first_ms: float
    four_ms: float
    bytes: int
    requests: int
    sharpness: tuple[str, ...]


def open_studies(page: Page, line: Line, study_uid: str, views: int, times: int) -> list[Opening]:
    """Open a study from the list again and again; the first time, which fills the browser's caches, does not count."""
    phone = page.context.new_cdp_session(page)
    page.evaluate(_WATCH)
    found = []
    for number in range(times + 1):
        row = page.locator(f"[data-study='{study_uid}']")
        row.wait_for()
        page.wait_for_timeout(1000)  # as long as somebody looks at the list, at least
        line.slow_down(phone)
        answered: list[Request] = []
        note = _noting(answered)
        page.context.on("requestfinished", note)
        row.tap()
        page.wait_for_function(_ALL_SHARP, arg=views, timeout=_PATIENCE_MS)
        page.context.remove_listener("requestfinished", note)
        seen: dict[str, Any] = page.evaluate("window.opening")
        speed_up(phone)
        if number:
            found.append(_opening(seen, answered))
        page.get_by_role("link", name="Reading list").tap()
    phone.detach()
    return found


def _noting(answered: list[Request]) -> Callable[[Request], None]:
    def note(request: Request) -> None:  # Playwright wants a function that it can mark
        answered.append(request)

    return note


def _opening(seen: dict[str, Any], answered: Sequence[Request]) -> Opening:
    tapped = seen["tapped"]
    if tapped is None:
        raise BenchmarkFailed("the tap on the study was not seen: the reading list has changed")
    of_feed = [request.sizes() for request in answered if urlsplit(request.url).path.startswith("/api/")]
    sharp = sorted(time - tapped for time in seen["sharp"].values())
    return Opening(
        first_drawn_ms=min(seen["drawn"].values()) - tapped,
        first_ms=sharp[0],
        four_ms=sharp[-1],
        bytes=sum(size["responseBodySize"] + size["responseHeadersSize"] for size in of_feed),
        requests=len(of_feed),
        sharpness=tuple(sorted(set(seen["said"].values()))),
    )
