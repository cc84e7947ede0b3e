"""A phone: Debian's chromium as a Pixel with touch, driven by Playwright; it tells what a page should not do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.peers.programs import program

_PATIENCE_MS = 45_000  # a processor draws here, and it may be busy with other tests
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-angle=swiftshader",  # WebGL2 without a graphics card
    "--enable-unsafe-swiftshader",
)


@dataclass
class Phone:
    """A page on a phone, and what it did that it should not have done."""

    page: Page
    url: str
    wrongs: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)

    def log_in(self, name: str, password: str) -> None:
        self.page.goto(self.url)
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in", exact=True).tap()
        self.page.get_by_role("heading", name="Reading list").wait_for()

    def barriers(self) -> list[str]:
        """What axe-core finds on the screen as it is now: nothing, when everybody can use it."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [f"{item['id']}: {node['target']} {node['failureSummary']}" for item in found for node in item["nodes"]]

    def _requested(self, request: Request) -> None:
        self.requested.append(request.url)
        if not request.url.startswith((f"{self.url}/", "blob:")):
            self.wrongs.append(f"asked for {request.url}")

    def _said(self, message: ConsoleMessage) -> None:
        # The browser itself reports every answer that is no success; what they mean is on the screen.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.wrongs.append(message.text)


@contextmanager
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def phone(browser: Browser, url: str, **options: Any) -> Iterator[Phone]:
    """A fresh phone without cookies; `options` are those of a browser context (viewport, color_scheme, ...)."""
    pixel = {
        "viewport": {"width": 412, "height": 839},
        "device_scale_factor": 2.625,
        "is_mobile": True,
        "has_touch": True,
        **options,
    }
    context = browser.new_context(**pixel)
    context.set_default_timeout(_PATIENCE_MS)
    page = context.new_page()
    held = Phone(page, url)
    context.on("request", held._requested)
    page.on("console", held._said)
    page.on("pageerror", lambda error: held.wrongs.append(str(error)))
    try:
        yield held
    finally:
        context.close()
