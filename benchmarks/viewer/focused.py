"""One image alone on the screen: how evenly it follows fingers, and the memory of the process that shows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, CDPSession, Page

from benchmarks.failure import BenchmarkFailed
from benchmarks.viewer.lines import FAST

_PATIENCE_MS: Final = 120_000
_FRAMES: Final = """() => {
    window.frames = { ms: [], next: 0 };
    let before = performance.now();
    const count = (now) => {
        window.frames.ms.push(now - before);
        before = now;
        window.frames.next = requestAnimationFrame(count);
    };
    window.frames.next = requestAnimationFrame(count);
}"""
_COUNTED: Final = "() => { cancelAnimationFrame(window.frames.next); return window.frames.ms.slice(2); }"


@dataclass(frozen=True)
class Focused:
    """`frame_p95_ms`: 19 of 20 frames of a drag and a pinch came sooner after the one before (milliseconds).

    `still_p95_ms`: the same while nothing moves, which is what this machine can do at best. `megabytes`: the renderer
    process with the lossless image, proportional set size, 10^6 bytes.
    """

    frame_p95_ms: float
    still_p95_ms: float
    megabytes: float


def look_closely(browser: Browser, page: Page, study_uid: str, view: str) -> Focused:
    """Open one view alone, move and zoom it with the phone's slow processor, then load the lossless image."""
    phone = page.context.new_cdp_session(page)
    page.locator(f"[data-study='{study_uid}']").tap()
    page.get_by_role("button", name=f"Open {view}").tap()
    frame = page.get_by_role("application")
    page.locator("[role='application'][aria-busy='false'] canvas:not(.empty)").wait_for(timeout=_PATIENCE_MS)
    box = frame.bounding_box()
    if box is None:
        raise BenchmarkFailed("the image that was opened is not on the screen")
    middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    FAST.slow_down(phone)
    still = _p95(_frames(page, phone, []))
    moved = _p95(
        _frames(
            page,
            phone,
            [
                ("Scroll", {**middle, "xDistance": 120, "yDistance": 80, "speed": 300, "repeatCount": 5}),
                ("Pinch", {**middle, "scaleFactor": 1.6, "relativeSpeed": 300}),
                ("Pinch", {**middle, "scaleFactor": 0.6, "relativeSpeed": 300}),
            ],
        )
    )
    page.get_by_role("button", name="Fit").tap()
    page.get_by_role("button", name="load lossless").tap()
    page.get_by_text("lossless 1:1").wait_for(timeout=_PATIENCE_MS)
    page.wait_for_timeout(1000)
    return Focused(moved, still, _renderer_megabytes(browser))


def _frames(page: Page, phone: CDPSession, gestures: list[tuple[str, dict[str, Any]]]) -> list[float]:
    page.evaluate(_FRAMES)
    for kind, arguments in gestures:
        phone.send(f"Input.synthesize{kind}Gesture", {"gestureSourceType": "touch", **arguments})
    if not gestures:
        page.wait_for_timeout(2000)
    frames: list[float] = page.evaluate(_COUNTED)
    return frames


def _p95(values: list[float]) -> float:
    return sorted(values)[max(0, int(len(values) * 0.95) - 1)]


def _renderer_megabytes(browser: Browser) -> float:
    """The largest renderer's memory: the page's, since there is one page."""
    session = browser.new_browser_cdp_session()
    told: list[dict[str, Any]] = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return max(_proportional_bytes(one["id"]) for one in told if one["type"] == "renderer") / 1e6


def _proportional_bytes(process: int) -> int:
    """Memory of a process; what it shares with others is divided among them (proc_pid_smaps_rollup(5))."""
    found = re.search(r"^Pss:\s+(\d+) kB$", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
