"""What the tests of the viewer look at: a gateway with studies in it, a browser, and what can be done with both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Locator, Page, expect
from pydicom import dcmread

from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import PASSWORD, Gateway, running_gateway
from tests.peers.phone import Phone, chromium, phone
from tests.peers.synthetic import Exam, WrittenStudy, write
from tests.system.small_breasts import small_study, truncate_pixels
from tests.system.viewer_studies import Listed, add_to_list, wait_for_pictures

# Six centimetres high, however many pixels that are: read in a moment.
SPACING = {"ImagerPixelSpacing": [0.04, 0.04], "PixelSpacing": [0.04, 0.04]}
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


@contextmanager
def running_world(folder: Path) -> Iterator[World]:
    """A study of four views of which one can't be read, and others that a list is made of."""
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


def seen(frame: Locator) -> bytes:
    """What is on the screen there, once it does not change any more."""
    before, now = b"", frame.screenshot(scale="css")
    while before != now:
        before, now = now, frame.screenshot(scale="css")
    return now


def box(frame: Locator) -> dict[str, float]:
    found = frame.bounding_box()
    assert found is not None
    return dict(found)


def grey(png: bytes) -> np.ndarray[Any, Any]:
    return colours(png).mean(axis=2)


def colours(png: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))
