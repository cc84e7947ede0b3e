"""Logging in with the hospital's account, as far as the feed is concerned; the provider itself is in memory."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from reporting.feed.login_stores import ProviderLoginError, ProviderTrip
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import LoginLimits
from tests.reporting.feed.login_fakes import MemoryProvider
from tests.reporting.feed.world import Browser, World

START = "/api/v1/auth/oidc/start"
CALLBACK = "/api/v1/auth/oidc/callback"


@pytest.fixture
def provider() -> MemoryProvider:
    return MemoryProvider()


@pytest.fixture
def world(tmp_path: Path, provider: MemoryProvider) -> World:
    return World(tmp_path, provider=provider)


def come_back(browser: Browser, state: str = "state-0", code: str = "code") -> str:
    """Where the gateway leads to after the provider."""
    answer = browser.get(f"{CALLBACK}?state={state}&code={code}")
    assert answer.status_code == 303
    return answer.headers["location"]


def test_whoever_the_provider_vouches_for_is_logged_in_with_their_role(world: World, provider: MemoryProvider) -> None:
    browser = world.stranger()
    begun = browser.get(START)
    assert (begun.status_code, begun.headers["location"]) == (303, "https://login.example/?n=0")
    cookie = begun.headers["set-cookie"].lower()
    assert cookie.startswith("__host-mammogate-login=")
    assert all(word in cookie for word in ("httponly", "secure", "samesite=lax", "path=/", "max-age=600"))
    assert come_back(browser) == "/"
    assert browser.get("/api/v1/auth/me").json()["name"] == "anna"
    assert browser.get("/api/v1/studies").status_code == 200
    assert [(trip.nonce, code) for trip, code in provider.finished] == [("nonce-0", "code")]
    provider.identity = replace(provider.identity, role="operator")
    browser.get(START)
    assert come_back(browser, "state-1") == "/"
    assert browser.get("/api/v1/studies").status_code == 403


def test_a_wrong_state_a_second_use_and_another_browser_log_nobody_in(world: World, provider: MemoryProvider) -> None:
    browser = world.stranger()
    browser.get(START)
    assert come_back(world.stranger()) == "/#/login/login_expired"
    assert come_back(browser, state="state-1") == "/#/login/login_expired"
    assert come_back(browser) == "/#/login/login_expired"  # what fitted was taken by the try before
    assert provider.finished == []
    browser.get(START)
    kept = browser.cookies["__Host-mammogate-login"]
    assert come_back(browser, "state-1") == "/"
    again = world.stranger()
    again.cookies.set("__Host-mammogate-login", kept, domain="feed.example", path="/")
    assert come_back(again, "state-1") == "/#/login/login_expired"
    assert again.get("/api/v1/auth/me").status_code == 401


def test_coming_back_too_late_logs_nobody_in(world: World) -> None:
    browser = world.stranger()
    browser.get(START)
    world.clock.advance(minutes=10)
    assert come_back(browser) == "/#/login/login_expired"


def test_a_refusal_of_the_provider_is_told(world: World) -> None:
    browser = world.stranger()
    browser.get(START)
    answer = browser.get(f"{CALLBACK}?state=state-0&error=access_denied")
    assert answer.headers["location"] == "/#/login/provider_refused"


@pytest.mark.parametrize("code", ["provider_away", "provider_refused", "unknown_role", "no_name"])
def test_the_providers_troubles_lead_back_with_a_code(world: World, provider: MemoryProvider, code: str) -> None:
    browser = world.stranger()
    browser.get(START)
    provider.trouble = ProviderLoginError(code, "why")  # type: ignore[arg-type]  # one of the literals
    assert come_back(browser) == f"/#/login/{code}"
    assert world.stranger().get(START).headers["location"] == f"/#/login/{code}"
    assert [entry.detail for entry in world.accounts.trail] == [f"hospital account: {code}"] * 2


def test_a_local_user_is_not_taken_over_by_an_account_of_the_same_name(world: World, provider: MemoryProvider) -> None:
    provider.identity = replace(provider.identity, name="admin")
    browser = world.stranger()
    browser.get(START)
    assert come_back(browser) == "/#/login/name_taken"
    assert world.accounts.users["admin"].role == "admin"


def test_a_disabled_user_stays_out_whatever_the_provider_says(world: World) -> None:
    browser = world.stranger()
    browser.get(START)
    come_back(browser)
    world.accounts.users["anna"] = replace(world.accounts.users["anna"], active=False)
    again = world.stranger()
    again.get(START)
    assert come_back(again, "state-1") == "/#/login/user_disabled"


def test_an_account_of_the_hospital_has_no_password_here(world: World) -> None:
    browser = world.stranger()
    browser.get(START)
    come_back(browser)
    for password in ("x", "!" * 12):
        answer = world.stranger().post("/api/v1/auth/login", json={"name": "anna", "password": password})
        assert answer.status_code == 401


def test_beginning_without_end_is_stopped_for_that_address_and_a_success_frees_it(world: World) -> None:
    for _ in range(60):
        assert world.stranger().get(START).headers["location"].startswith("https://login.example/")
    browser = world.stranger()
    browser.get(START)
    assert come_back(browser, "state-60") == "/"
    for _ in range(100):
        assert world.stranger().get(START).headers["location"].startswith("https://login.example/")
    assert world.stranger().get(START).headers["location"] == "/#/login/too_many_logins"


def test_without_a_provider_there_is_no_such_login(tmp_path: Path) -> None:
    bare = World(tmp_path)
    for path in (START, CALLBACK):
        assert bare.stranger().get(path).json()["error"]["code"] == "not_configured"


@pytest.mark.parametrize(
    "query", ["", "?state=", "?code=x", "?state=a&state=b", f"?state={'x' * 5000}", "?state=%ff&code=%00"]
)
def test_whatever_is_sent_to_the_callback_logs_nobody_in(world: World, query: str) -> None:
    browser = world.stranger()
    browser.get(START)
    assert browser.get(f"{CALLBACK}{query}").status_code in (303, 400)
    assert browser.get("/api/v1/auth/me").status_code == 401


class SilentProvider(MemoryProvider):
    """Lets everybody wait until `answers` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()

    def begin(self) -> ProviderTrip:
        assert self.answers.wait(30)
        return super().begin()


def test_a_provider_that_does_not_answer_holds_up_nobody_else_however_many_wait_for_it(tmp_path: Path) -> None:
    provider = SilentProvider()
    generous = FeedSettings(login_limits=LoginLimits(per_address=1000))
    world = World(tmp_path, generous, provider=provider)
    token = {"Authorization": f"Bearer {world.token('doctor')}"}

    async def wait_and_work() -> tuple[list[bool], int, list[int]]:
        transport = httpx.ASGITransport(world.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://feed.example") as client:
            waiting = [asyncio.create_task(client.get(START)) for _ in range(100)]
            await asyncio.sleep(0.2)
            works = await asyncio.wait_for(client.get("/api/v1/studies", headers=token), 10)
            waited = [task.done() for task in waiting]
            provider.answers.set()
            return waited, works.status_code, [(await task).status_code for task in waiting]

    waited, worked, begun = asyncio.run(wait_and_work())
    assert (any(waited), worked, begun) == (False, 200, [303] * 100)
