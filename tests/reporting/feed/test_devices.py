"""Where somebody is logged in, and ending that."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.feed.device_names import device_name
from reporting.feed.events import stream
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import PASSWORD, Browser, World

DEVICES = "/api/v1/auth/devices"
PIXEL = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML) Chrome/126.0.0.0 Mobile Safari/537.36"


def log_in(world: World, name: str = "doctor", agent: str = PIXEL) -> Browser:
    browser = Browser(world.app, {"User-Agent": agent})
    answer = browser.post("/api/v1/auth/login", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200
    return browser


def test_each_login_is_a_device_with_name_times_and_address(world: World) -> None:
    log_in(world, "radiologist")
    desk = log_in(world, agent="Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
    world.clock.advance(minutes=5)
    phone = log_in(world)
    world.clock.advance(minutes=2)
    assert desk.get("/api/v1/auth/me").status_code == 200
    first, second = desk.get(DEVICES).json()["items"]
    assert [first["name"], second["name"]] == ["Firefox on Linux", "Chrome on Android (Pixel 8)"]
    assert [first["current"], second["current"]] == [True, False]
    assert (first["first_seen_at"], first["last_seen_at"]) == ("2026-11-23T08:00:00Z", "2026-11-23T08:07:00Z")
    assert (first["address"], first["user"]) == ("10.0.0.1", None)
    assert [item["current"] for item in phone.get(DEVICES).json()["items"]] == [False, True]


def test_a_login_that_has_ended_by_itself_is_no_device(world: World) -> None:
    log_in(world)
    world.clock.advance(minutes=31)
    assert len(log_in(world).get(DEVICES).json()["items"]) == 1


def test_a_revoked_device_can_not_read_and_the_others_go_on(world: World) -> None:
    phone, desk = log_in(world), log_in(world)
    lost = next(item["id"] for item in desk.get(DEVICES).json()["items"] if not item["current"])
    assert desk.delete(f"{DEVICES}/{lost}").status_code == 204
    for path in ("/api/v1/studies", "/api/v1/studies/1.2.3", "/api/v1/events?last_event_id=x", "/api/v1/auth/me"):
        assert phone.get(path).status_code == 401
    assert desk.get("/api/v1/studies").status_code == 200
    assert desk.delete(f"{DEVICES}/{lost}").status_code == 404
    (entry,) = [entry for entry in world.accounts.trail if entry.action == "device_revoked"]
    assert (entry.user, entry.outcome, entry.detail) == ("doctor", "ok", f"{lost} of doctor")


def test_whoever_revokes_the_own_device_is_out(world: World) -> None:
    phone = log_in(world)
    (own,) = phone.get(DEVICES).json()["items"]
    assert phone.delete(f"{DEVICES}/{own['id']}").status_code == 204
    assert phone.get(DEVICES).status_code == 401


def test_only_an_admin_sees_and_revokes_what_is_not_theirs(world: World) -> None:
    phone = log_in(world)
    (own,) = phone.get(DEVICES).json()["items"]
    for role in ("doctor", "radiologist", "operator", "uploader"):
        assert world.logged_in(role).get(f"{DEVICES}/all").status_code == 403
        if role != "doctor":
            assert world.logged_in(role).delete(f"{DEVICES}/{own['id']}").status_code == 404
    assert phone.get("/api/v1/auth/me").status_code == 200
    admin = world.logged_in("admin")
    listed = {item["id"]: item["user"] for item in admin.get(f"{DEVICES}/all").json()["items"]}
    assert listed[own["id"]] == "doctor"
    assert admin.delete(f"{DEVICES}/{own['id']}").status_code == 204
    assert phone.get("/api/v1/auth/me").status_code == 401


@pytest.mark.parametrize("number", ["", "x", "0" * 31, "0" * 33, "%2e%2e", "G" * 32])
def test_a_device_that_can_not_be_is_not_found_or_wrong(world: World, number: str) -> None:
    assert world.logged_in("admin").delete(f"{DEVICES}/{number}").status_code in (400, 404, 405)


def test_an_open_stream_ends_as_soon_as_its_device_is_revoked(tmp_path: Path) -> None:
    """Long before the heartbeat, at which the login is looked at anyway."""
    settings = FeedSettings(event_poll=timedelta(milliseconds=20), heartbeat=timedelta(hours=1))
    world = World(tmp_path, settings)
    phone, desk = log_in(world), log_in(world)

    async def listen() -> list[bytes]:
        heard: list[bytes] = []

        async def still_allowed() -> bool:
            return (await asyncio.to_thread(phone.get, "/api/v1/auth/me")).status_code == 200

        async for block in stream(world.app.state.watch, 0, settings.heartbeat, still_allowed):
            heard.append(block)
            if len(heard) == 2:
                lost = next(
                    item["id"]
                    for item in (await asyncio.to_thread(desk.get, DEVICES)).json()["items"]
                    if not item["current"]
                )
                assert (await asyncio.to_thread(desk.delete, f"{DEVICES}/{lost}")).status_code == 204
        return heard

    world.studies.happen()
    heard = asyncio.run(asyncio.wait_for(listen(), 60))
    assert len(heard) == 2


def test_the_ways_to_log_in_are_told_to_strangers_and_the_version_is_not(tmp_path: Path, world: World) -> None:
    methods = "/api/v1/auth/methods"
    assert world.stranger().get(methods).json() == {"password": True, "oidc": False, "passkey": True}
    bare = World(tmp_path, FeedSettings())
    assert bare.stranger().get(methods).json() == {"password": True, "oidc": False, "passkey": False}
    assert world.logged_in("operator").get("/api/v1/about").json() == {
        "version": "1.2.3",
        "notice": "Research use only, not a medical device.",
    }


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (PIXEL, "Chrome on Android (Pixel 8)"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537 Chrome/126.0 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0 Safari/537 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox on Mac"),
        (f"python-httpx/{httpx.__version__}", "Python"),
        ("", "Unknown device"),
    ],
)  # fmt: skip
def test_a_device_is_called_after_its_browser_and_system(agent: str, name: str) -> None:
    assert device_name(agent) == name


@given(st.text(max_size=300))
def test_whatever_a_browser_calls_itself_becomes_a_short_name(agent: str) -> None:
    for text in (agent, f"Android 14; {agent})"):
        assert 0 < len(device_name(text)) <= 64
