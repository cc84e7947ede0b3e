"""Pictures of each screen of the viewer with the demonstration study, for the documents: `python -m ... FOLDER`."""

from __future__ import annotations

import re
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, expect

from gateway.demo.study import write_study
from tests.peers.bad_line import bad_line
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
            start=False,
        ) as gateway,
    ):
        gateway.settings |= every_way_to_log_in(gateway, Path(place))
        gateway.start()
        sent = write_study(Path(place) / "study", datetime.now().astimezone())
        assert dcmsend(gateway.dicom_port, Path(place) / "study").returncode == 0
        add_to_list(gateway, OTHERS)
        log_in_elsewhere(gateway)
        uid = sent.study_instance_uid
        study = gateway.wait_for(uid, lambda found: found["status"] == "reported", 300)
        wait_for_pictures(gateway, study)
        with chromium() as browser:
            for shape, options in SCREENS.items():
                picture_access(browser, gateway, folder, shape, options)
                picture_screens(browser, gateway, uid, folder, shape, options)
            for shape, options in SCREENS.items():
                picture_uploads(browser, gateway, Path(place) / "study", folder, shape, options)
            picture_board(browser, gateway, folder)


def every_way_to_log_in(gateway: Gateway, place: Path) -> dict[str, str]:
    """Settings with passkeys and a provider, which nobody asks anything of."""
    (place / "secret").write_text("s3cret")
    return {
        "MAMMOGATE_HTTP__PUBLIC_URL": f"http://localhost:{gateway.http_port}",
        "MAMMOGATE_HTTP__OIDC__ISSUER": "https://login.hospital",
        "MAMMOGATE_HTTP__OIDC__CLIENT_ID": "mammogate",
        "MAMMOGATE_HTTP__OIDC__CLIENT_SECRET_FILE": str(place / "secret"),
        "MAMMOGATE_HTTP__OIDC__ROLES": '[{"value": "mammo-doctors", "role": "doctor"}]',
    }


def log_in_elsewhere(gateway: Gateway) -> None:
    """A second device, for the list of them."""
    desk = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    body = {"name": "doctor", "password": PASSWORD}
    headers = {"User-Agent": desk}
    assert httpx.post(
        f"{gateway.url}/api/v1/auth/login", json=body, headers=headers, trust_env=False, timeout=60
    ).is_success


def save_picture(page: Page, file: Path) -> None:
    page.wait_for_timeout(1500)  # what comes by itself has begun to come
    expect(page.locator("[aria-busy='true']")).to_have_count(0, timeout=60_000)
    page.wait_for_timeout(500)
    page.screenshot(path=file, scale="css")


def picture_access(browser: Browser, gateway: Gateway, folder: Path, shape: str, options: dict[str, Any]) -> None:
    """The login screen with every way to log in, and the settings."""
    with phone(browser, gateway.url, **options) as held:
        held.page.goto(gateway.url)
        held.page.get_by_role("link", name="Log in with the hospital's account").wait_for()
        save_picture(held.page, folder / f"viewer-login-{shape}.png")
        held.log_in("doctor", PASSWORD)
        held.page.get_by_role("link", name="Settings").tap()
        held.page.get_by_role("heading", name="Passkeys").wait_for()
        save_picture(held.page, folder / f"viewer-settings-{shape}.png")
        assert held.wrongs == []


def picture_screens(
    browser: Browser, gateway: Gateway, uid: str, folder: Path, shape: str, options: dict[str, Any]
) -> None:
    with phone(browser, gateway.url, **options) as held:
        page = held.page

        def picture(screen: str) -> None:
            save_picture(page, folder / f"viewer-{screen}-{shape}.png")

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


def picture_uploads(
    browser: Browser, gateway: Gateway, sent: Path, folder: Path, shape: str, options: dict[str, Any]
) -> None:
    """A new upload, one whose line is broken, and what became of it."""
    letter = sent.parent / "letter.pdf"
    letter.write_bytes(b"%PDF-1.7")
    files = [*sorted(path for path in sent.rglob("*") if path.is_file()), letter]
    with (
        bad_line(gateway.http_port, delay=0.004) as line,
        phone(browser, f"http://127.0.0.1:{line.port}", **options) as held,
    ):
        page = held.page
        page.goto(held.url)
        held.log_in("doctor", PASSWORD)
        page.get_by_role("link", name="Upload").tap()
        page.get_by_label("Choose files").set_input_files(files)
        page.get_by_label("Age in years").fill("58")
        page.get_by_label("Reason for the examination").fill("Lump on the left, noticed in August")
        page.get_by_label("History").fill("Mother had breast cancer at 52. No earlier mammogram.")
        _picture(page, folder, f"upload-{shape}")
        page.get_by_role("button", name="Send").tap()
        expect(page.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"^[4-9]\d$"), timeout=120_000)
        page.context.set_offline(True)
        expect(page.get_by_text("It goes on by itself.")).to_be_visible()
        _picture(page, folder, f"sending-{shape}")
        line.delay = 0.0
        page.context.set_offline(False)
        uploads = list(SCREENS).index(shape) + 1
        expect(page.get_by_text("1 file not taken")).to_have_count(uploads, timeout=120_000)
        expect(page.get_by_text("Read by the AI")).to_have_count(uploads, timeout=120_000)
        _picture(page, folder, f"uploaded-{shape}")
        assert held.wrongs == []


def _picture(page: Page, folder: Path, name: str) -> None:
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(500)
    page.screenshot(path=folder / f"viewer-{name}.png", scale="css")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
