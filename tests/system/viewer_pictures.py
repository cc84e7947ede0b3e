"""Pictures of each screen of the viewer with the demonstration study, for the documents: `python -m ... FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from gateway.demo.study import write_study
from tests.peers.dcmtk import dcmsend, running_storescp
from tests.peers.gateway import PASSWORD, Gateway, destination, running_gateway
from tests.peers.phone import chromium, phone
from tests.peers.ports import LOOPBACK, free_port
from tests.system.board_world import add_person, add_work
from tests.system.viewer_studies import Listed, add_to_list, wait_for_pictures

SCREENS: dict[str, dict[str, Any]] = {
    "portrait": {},
    "landscape": {"viewport": {"width": 839, "height": 412}, "color_scheme": "dark"},
}
# Imaginary women; each stands for one kind of line in the list.
OTHERS = (
    Listed("Example^Dora", "medium", "benign_calcification", 0.41, date(1955, 11, 2)),
    Listed("Example^Mia", "medium", "malignant_mass", 0.38, date(1968, 6, 21), "The view L MLO is missing."),
    Listed("Example^Lea", "low", "benign_mass", 0.22, date(1973, 1, 30)),
    Listed("Example^Nora", "none", "normal", 0.05, date(1960, 8, 15)),
    Listed("Example^Olga", "none", None, None, date(1958, 4, 4)),
)


def main(folder: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as place,
        running_storescp(Path(place) / "pacs", ae_title="PACS") as pacs,
        running_gateway(
            Path(place) / "gateway",
            destinations=[
                destination("pacs", "dicom", host=LOOPBACK, port=pacs.port, ae_title="PACS"),
                destination("ghost", "dicom", host=LOOPBACK, port=free_port(), ae_title="GHOST"),
            ],
            settings={"MAMMOGATE_HTTP__SECURE_COOKIES": "true"},
        ) as gateway,
    ):
        sent = write_study(Path(place) / "study", datetime.now().astimezone())
        assert dcmsend(gateway.dicom_port, Path(place) / "study").returncode == 0
        add_to_list(gateway, OTHERS)
        uid = sent.study_instance_uid
        study = gateway.wait_for(uid, lambda found: found["status"] == "reported", 300)
        wait_for_pictures(gateway, study)
        with chromium() as browser:
            for shape, options in SCREENS.items():
                picture_screens(browser, gateway, uid, folder, shape, options)
            picture_board(browser, gateway, folder)


def picture_screens(
    browser: Browser, gateway: Gateway, uid: str, folder: Path, shape: str, options: dict[str, Any]
) -> None:
    with phone(browser, gateway.url, **options) as held:
        page = held.page

        def picture(screen: str) -> None:
            page.wait_for_timeout(1500)  # what comes by itself has begun to come
            expect(page.locator("[aria-busy='true']")).to_have_count(0, timeout=60_000)
            page.wait_for_timeout(500)
            page.screenshot(path=folder / f"viewer-{screen}-{shape}.png", scale="css")

        page.goto(gateway.url)
        page.get_by_label("Name").wait_for()
        picture("login")
        held.log_in("doctor", PASSWORD)
        page.locator(f"[data-study='{uid}']").wait_for()
        picture("list")
        page.locator(f"[data-study='{uid}']").tap()
        for view in ("R CC", "L CC", "R MLO", "L MLO"):
            expect(page.locator(f"[data-view='{view}'] canvas:not(.empty)")).to_be_visible(timeout=30_000)
        picture("study")
        page.get_by_role("button", name="Heat map").tap()
        page.get_by_role("button", name="Marks").tap()
        picture("layers")
        page.get_by_role("button", name="Heat map").tap()
        page.get_by_role("button", name="Open R MLO").tap()
        page.get_by_role("button", name="load lossless").tap()
        expect(page.get_by_text("lossless 1:1")).to_be_visible(timeout=30_000)
        picture("focus")
        page.get_by_role("heading", name="What the AI read").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('.results').scrollIntoView()")
        picture("results")
        say_something(page)
        picture("feedback")
        assert held.wrongs == []


def say_something(page: Page) -> None:
    """Disagree with the first finding, and bring that onto the screen."""
    page.locator(".feedback summary").first.tap()
    form = page.locator(".feedback form").first
    form.get_by_label("Disagree").check()
    form.get_by_label("Comment").fill("A skin fold; nothing there on the other view")
    form.get_by_role("button", name="Send feedback").tap()
    page.locator(".feedback ol li").first.wait_for()
    page.locator(".feedback").first.evaluate("(one) => one.closest('article').scrollIntoView()")


def picture_board(browser: Browser, gateway: Gateway, folder: Path) -> None:
    """The operators' board, on a wide screen, with work and failures that were written into the tables."""
    add_work(gateway)
    cookie = {"name": "__Host-mammogate", "value": add_person(gateway, "operator")}
    wide = {"viewport": {"width": 1440, "height": 1000}, "is_mobile": False, "device_scale_factor": 1}
    with phone(browser, gateway.url, **wide) as held:
        held.page.context.add_cookies([{**cookie, "url": gateway.url.replace("http://", "https://")}])
        held.page.goto(gateway.url)
        held.page.get_by_role("button", name="Check pacs now").click()
        held.page.get_by_text("It answers.").wait_for()
        held.page.screenshot(path=folder / "viewer-board.png")
        assert held.wrongs == []


if __name__ == "__main__":
    main(Path(sys.argv[1]))
