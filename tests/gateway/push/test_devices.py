"""Switching messages on and off over HTTP: for one's own devices, and only to where messages may go."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from config.settings import PushSettings
from gateway.database.account_models import LoginSession
from gateway.database.push_models import PushSubscription
from gateway.feed.accounts import Accounts
from gateway.feed.push import MOST_DEVICES, PushDevices
from gateway.feed.revocations import end_sessions_of
from gateway.push.recipients import SessionLimits
from gateway.push.switch import Off, On
from gateway.push.vapid_key import make_vapid_key
from reporting.feed.credentials import digest, new_session_id
from reporting.feed.push_routes import build_push_router
from tests.gateway.feed.rows import Gateway
from tests.gateway.feed.served import served, someone, trail
from tests.peers.push_service import PushService
from tests.reporting.feed.world import Browser

PATH = "/api/v1/push"
SUBSCRIPTION = PushService("https://fcm.googleapis.com", Path()).subscription()


class Site:
    """A feed with messages, which can be switched off, and browsers that are logged in to it."""

    def __init__(self, gateway: Gateway) -> None:
        gateway.folders.root.mkdir()
        self.gateway = gateway
        self.switch: On | Off = On(make_vapid_key(gateway.folders), "mailto:it@hospital.example")
        limits = SessionLimits(timedelta(hours=12), timedelta(minutes=30))
        store = PushDevices(gateway.database, PushSettings(), limits, lambda: self.switch)
        self.app: FastAPI = served(gateway, [build_push_router(store)])
        self.users: dict[str, int] = {}

    def browser(self, name: str, role: str = "doctor") -> Browser:
        user_id = self.users.get(name) or self.gateway.add_user(name, role)
        self.users[name] = user_id
        secret, at = new_session_id(), datetime.now(UTC)
        self.gateway.add(LoginSession(secret_sha256=digest(secret), user_id=user_id, created_at=at, last_used_at=at))
        browser = Browser(self.app, {"User-Agent": "Pixel"})
        browser.cookies.set("__Host-mammogate", secret, domain="feed.example", path="/")
        return browser


@pytest.fixture
def site(gateway: Gateway) -> Site:
    return Site(gateway)


def switch_on(browser: Browser, **changed: Any) -> httpx.Response:
    return browser.post(f"{PATH}/subscriptions", json={**SUBSCRIPTION, **changed})


def test_a_device_is_switched_on_and_off_again_and_both_are_audited(site: Site) -> None:
    doctor = site.browser("anna")
    assert doctor.get(PATH).json()["devices"] == []
    kept = switch_on(doctor, least_attention="medium")
    assert kept.status_code == 201
    known = hashlib.sha256(SUBSCRIPTION["endpoint"].encode()).hexdigest()
    state = doctor.get(PATH).json()
    assert (state["available"], state["why_not"], len(state["public_key"])) == (True, None, 87)
    assert [(d["id"], d["device"], d["least_attention"], d["current"]) for d in state["devices"]] == [
        (known, "Pixel", "medium", True)
    ]
    assert doctor.request("DELETE", f"{PATH}/subscriptions/{known}").status_code == 204
    assert doctor.request("DELETE", f"{PATH}/subscriptions/{known}").status_code == 404
    assert [(actor, action) for actor, action, _, _ in trail(site.gateway)] == [
        ("anna", "push_on"),
        ("anna", "push_off"),
    ]


def test_a_browser_is_kept_once_and_belongs_to_who_is_logged_in_there_now(site: Site) -> None:
    anna, bert = site.browser("anna"), site.browser("bert")
    for browser in (anna, anna, bert):
        assert switch_on(browser).status_code == 201
    assert anna.get(PATH).json()["devices"] == []
    assert len(bert.get(PATH).json()["devices"]) == 1
    again = site.browser("bert")
    assert [device["current"] for device in again.get(PATH).json()["devices"]] == [False]


def test_a_device_that_was_logged_out_is_not_among_those_that_are_told(site: Site) -> None:
    phone, desk = site.browser("anna"), site.browser("anna")
    switch_on(phone)
    phone.post("/api/v1/auth/logout")
    assert desk.get(PATH).json()["devices"] == []


def test_nobody_switches_off_a_device_of_somebody_else(site: Site) -> None:
    anna, bert = site.browser("anna"), site.browser("bert")
    known = switch_on(anna).json()["id"]
    assert bert.request("DELETE", f"{PATH}/subscriptions/{known}").status_code == 404
    assert len(anna.get(PATH).json()["devices"]) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"endpoint": "http://fcm.googleapis.com/x"},
        {"endpoint": "https://10.0.0.7/x"},
        {"endpoint": "https://localhost:5432/x"},
        {"keys": {"p256dh": "AAAA", "auth": SUBSCRIPTION["keys"]["auth"]}},
        {"keys": {"p256dh": "A" * 87, "auth": SUBSCRIPTION["keys"]["auth"]}},
        {"keys": {**SUBSCRIPTION["keys"], "auth": "AAAA"}},
        {"keys": {**SUBSCRIPTION["keys"], "auth": "A"}},
    ],
)
def test_what_nothing_can_be_sent_to_is_refused(site: Site, changed: dict[str, Any]) -> None:
    answer = switch_on(site.browser("anna"), **changed)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "subscription_unusable")


def test_while_messages_are_off_it_says_why(site: Site) -> None:
    site.switch = Off("There is no key yet: run `mammogate push key`.")
    doctor = site.browser("anna")
    state = doctor.get(PATH).json()
    assert (state["available"], state["public_key"]) == (False, None)
    assert "no key yet" in state["why_not"]
    answer = switch_on(doctor)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "push_off")


def test_only_roles_of_the_settings_and_only_browsers_are_told(site: Site) -> None:
    assert switch_on(site.browser("boss", "admin")).json()["error"]["code"] == "push_off"
    assert switch_on(site.browser("oskar", "operator")).status_code == 403
    program = someone(site.gateway, site.app, "anna", "doctor")
    assert switch_on(program).json()["error"]["code"] == "no_session"


def test_a_user_has_so_many_devices_and_no_more(site: Site) -> None:
    doctor = site.browser("anna")
    for number in range(MOST_DEVICES):
        assert switch_on(doctor, endpoint=f"https://fcm.googleapis.com/{number}").status_code == 201
    assert switch_on(doctor).json()["error"]["code"] == "too_many_devices"
    assert switch_on(doctor, endpoint="https://fcm.googleapis.com/0").status_code == 201


@pytest.mark.parametrize("noticed", [False, True], ids=["unnoticed", "noticed"])
@pytest.mark.parametrize("how", ["the password is changed", "the device is revoked"])
def test_a_lost_phone_is_told_no_more_even_if_its_session_had_ended_by_itself(
    site: Site, how: str, noticed: bool
) -> None:
    phone, desk = site.browser("anna"), site.browser("anna")
    assert switch_on(phone).status_code == 201
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    with site.gateway.database.write() as session:
        row = session.scalars(select(LoginSession)).first()
        assert row is not None
        device, row.last_used_at, row.created_at = row.device_id, long_ago, long_ago
        row.ended_at = long_ago + timedelta(minutes=40) if noticed else None
    if how == "the device is revoked":
        Accounts(site.gateway.database).revoke_device(device, "anna", datetime.now(UTC))
    else:
        with site.gateway.database.write() as session:
            end_sessions_of(session, site.users["anna"], datetime.now(UTC))
        desk = site.browser("anna")
    assert desk.get(PATH).json()["devices"] == []
    with site.gateway.database.read() as session:
        assert session.scalars(select(PushSubscription)).all() == []
