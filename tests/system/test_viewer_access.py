"""Logging in with a passkey and the hospital's account, and devices, in a real browser before a real gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.peers.gateway import PASSWORD, Gateway, running_gateway
from tests.peers.openid_provider import OpenIdProvider, openid_provider
from tests.peers.phone import Phone, chromium, phone

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PEOPLE = (
    {"sub": "anna", "preferred_username": "anna", "roles": ["mammo-doctors"]},
    {"sub": "nina", "preferred_username": "nina", "roles": ["kitchen"]},
)
ROLES = [{"value": "mammo-doctors", "role": "doctor"}]
# A phone's own authenticator, with a finger that is always there (Chrome DevTools Protocol).
FINGER = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@dataclass
class World:
    gateway: Gateway
    provider: OpenIdProvider
    browser: Browser

    @property
    def url(self) -> str:
        # A passkey is bound to a name; an address of numbers can't have any.
        return f"http://localhost:{self.gateway.http_port}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("access")
    (folder / "secret").write_text("s3cret\n")
    with (
        openid_provider(folder / "provider.log", PEOPLE) as provider,
        running_gateway(folder / "gateway", start=False) as gateway,
        chromium() as browser,
    ):
        world = World(gateway, provider, browser)
        gateway.settings |= {
            "MAMMOGATE_HTTP__SECURE_COOKIES": "true",
            "MAMMOGATE_HTTP__PUBLIC_URL": world.url,
            "MAMMOGATE_HTTP__OIDC__ISSUER": provider.issuer,
            "MAMMOGATE_HTTP__OIDC__CLIENT_ID": "mammogate",
            "MAMMOGATE_HTTP__OIDC__CLIENT_SECRET_FILE": str(folder / "secret"),
            "MAMMOGATE_HTTP__OIDC__ROLES": json.dumps(ROLES),
        }
        gateway.start(wait=False, only="api")
        wait_until_it_answers(gateway)
        yield world


def wait_until_it_answers(gateway: Gateway) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{gateway.url}/healthz", timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(gateway.log[-4000:], pytrace=False)


@pytest.fixture
def held(world: World) -> Iterator[Phone]:
    with phone(world.browser, world.url) as held:
        yield held
        # The provider's page is not ours; it asks for a style sheet from elsewhere.
        theirs = (f"asked for {world.provider.issuer}/", "/pico.min.css")
        assert [wrong for wrong in held.wrongs if not (wrong.startswith(theirs[0]) or wrong.endswith(theirs[1]))] == []


def settings_of(held: Phone) -> Page:
    held.page.get_by_role("link", name="Settings").tap()
    expect(held.page.get_by_role("heading", name="Where you are logged in")).to_be_visible()
    return held.page


def with_finger(held: Phone) -> tuple[Any, str]:
    """Give the phone an authenticator; return what commands it, and its id."""
    session = held.page.context.new_cdp_session(held.page)
    session.send("WebAuthn.enable")
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": FINGER})
    return session, added["authenticatorId"]


def test_a_passkey_is_added_in_the_settings_and_logs_in_until_it_is_removed(world: World, held: Phone) -> None:
    session, finger = with_finger(held)
    held.log_in("doctor", PASSWORD)
    page = settings_of(held)
    page.get_by_role("button", name="Add a passkey").tap()
    expect(page.get_by_role("status")).to_have_text("The passkey was added.")
    (credential,) = session.send("WebAuthn.getCredentials", {"authenticatorId": finger})["credentials"]
    assert credential["rpId"] == "localhost"
    assert held.barriers() == []
    page.get_by_role("button", name="Log out", exact=True).first.tap()
    page.get_by_role("button", name="Log in with a passkey").tap()
    expect(page.get_by_role("heading", name="Reading list")).to_be_visible()
    (used,) = session.send("WebAuthn.getCredentials", {"authenticatorId": finger})["credentials"]
    assert used["signCount"] > credential["signCount"]
    # A finger that is not the owner's.
    page.get_by_role("button", name="Log out", exact=True).tap()
    session.send("WebAuthn.setUserVerified", {"authenticatorId": finger, "isUserVerified": False})
    page.get_by_role("button", name="Log in with a passkey").tap()
    expect(page.get_by_role("alert")).to_have_text("No passkey was used. Try again, or log in another way.")
    assert held.barriers() == []
    session.send("WebAuthn.setUserVerified", {"authenticatorId": finger, "isUserVerified": True})
    page.get_by_role("button", name="Log in with a passkey").tap()
    page = settings_of(held)
    page.get_by_role("button", name="Remove Chrome").tap()
    expect(page.get_by_role("status")).to_contain_text("The passkey was removed.")
    page.get_by_role("button", name="Log out", exact=True).first.tap()
    page.get_by_role("button", name="Log in with a passkey").tap()
    expect(page.get_by_role("alert")).to_have_text("This passkey can't be used here.")


def test_a_device_that_is_logged_out_from_another_one_is_out_at_once(world: World, held: Phone) -> None:
    with phone(world.browser, world.url) as lost:
        lost.log_in("doctor", PASSWORD)
        expect(lost.page.get_by_text("Live", exact=True)).to_be_visible()
        held.log_in("doctor", PASSWORD)
        page = settings_of(held)
        expect(page.get_by_text("this device")).to_have_count(1)
        # Used last comes first: the other one that was used last is the lost one.
        entry = page.locator("[data-device]").filter(has_not_text="this device").first
        entry.get_by_role("button").tap()
        expect(page.get_by_role("status")).to_contain_text("Logged out on Chrome")
        expect(lost.page.get_by_role("alert")).to_have_text("Your session has ended. Log in again.")
        assert lost.page.evaluate("fetch('/api/v1/studies').then((answer) => answer.status)") == 401
    expect(page.get_by_text("Research use only, not a medical device")).to_be_visible()
    expect(page.get_by_text("mammogate 0.")).to_be_visible()
    assert held.barriers() == []


def test_an_open_event_stream_ends_when_its_device_is_revoked(world: World) -> None:
    def logged_in() -> httpx.Client:
        login = {"name": "doctor", "password": PASSWORD}
        answer = httpx.post(f"{world.gateway.url}/api/v1/auth/login", json=login, trust_env=False, timeout=60)
        # httpx keeps no Secure cookie over plain HTTP, as browsers do on loopback.
        cookie = answer.headers["set-cookie"].partition(";")[0]
        return httpx.Client(base_url=world.gateway.url, headers={"Cookie": cookie}, trust_env=False, timeout=60)

    with logged_in() as lost, logged_in() as desk, lost.stream("GET", "/api/v1/events") as events:
        assert events.status_code == 200
        blocks = events.iter_text()
        assert "listening" in next(blocks)
        devices = lost.get("/api/v1/auth/devices").json()["items"]
        own = next(device["id"] for device in devices if device["current"])
        assert desk.delete(f"/api/v1/auth/devices/{own}").status_code == 204
        began = time.monotonic()
        assert "".join(blocks).replace(": heartbeat", "").strip() == ""
        # The next look at the login itself would be a heartbeat away (15 s).
        assert time.monotonic() - began < 12
        assert lost.get("/api/v1/studies").status_code == 401
        assert desk.get("/api/v1/studies").status_code == 200


def test_people_come_in_with_the_hospitals_account_and_who_has_no_role_is_told(world: World, held: Phone) -> None:
    page = held.page
    page.goto(world.url)
    page.get_by_role("link", name="Log in with the hospital's account").tap()
    page.get_by_role("button", name="nina").tap()
    expect(page.get_by_role("alert")).to_contain_text("Your hospital account has no role here.")
    assert held.barriers() == []
    page.get_by_role("link", name="Log in with the hospital's account").tap()
    page.get_by_role("button", name="anna").tap()
    expect(page.get_by_role("heading", name="Reading list")).to_be_visible()
    assert "code=" not in page.url
    expect(settings_of(held).get_by_text("anna, doctor")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0
