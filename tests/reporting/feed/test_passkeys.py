"""Passkeys: an authenticator in software against the feed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reporting.feed.settings import FeedSettings
from tests.peers.authenticator import Authenticator
from tests.reporting.feed.world import Browser, World

ORIGIN = "https://feed.example"
LISTED = "/api/v1/auth/passkeys"
BEGIN_ADDING = f"{LISTED}/challenge"
BEGIN_LOGIN = "/api/v1/auth/passkey/challenge"
LOGIN = "/api/v1/auth/passkey/login"


def added(world: World, browser: Browser, **traits: Any) -> Authenticator:
    authenticator = Authenticator(ORIGIN, **traits)
    answer = browser.post(LISTED, json=authenticator.create(browser.post(BEGIN_ADDING).json()))
    assert answer.status_code == 201, answer.text
    return authenticator


def shown(browser: Browser, authenticator: Authenticator) -> int:
    """The status of a login with the passkey."""
    return browser.post(LOGIN, json=authenticator.get(browser.post(BEGIN_LOGIN).json())).status_code


def reasons(world: World) -> list[str]:
    return [entry.detail for entry in world.accounts.trail if entry.outcome != "ok"]


def test_a_passkey_that_was_added_logs_in_and_can_be_removed(world: World) -> None:
    doctor = world.logged_in("doctor")
    authenticator = added(world, doctor)
    browser = world.stranger()
    options = browser.post(BEGIN_LOGIN).json()
    assert (options["rpId"], options["userVerification"]) == ("feed.example", "required")
    answer = browser.post(LOGIN, json=authenticator.get(options))
    assert (answer.status_code, answer.json()["name"]) == (200, "doctor")
    assert {part.strip().lower() for part in answer.headers.get_list("set-cookie")[-1].split(";")[1:]} == {
        "httponly", "secure", "samesite=strict", "path=/",
    }  # fmt: skip
    assert browser.get("/api/v1/studies").status_code == 200
    (kept,) = doctor.get(LISTED).json()["items"]
    assert kept["last_used_at"] is not None
    assert world.logged_in("admin").delete(f"{LISTED}/{kept['id']}").status_code == 404  # another's
    assert doctor.delete(f"{LISTED}/{kept['id']}").status_code == 204
    assert shown(world.stranger(), authenticator) == 401
    assert [(entry.action, entry.user) for entry in world.accounts.trail if entry.outcome == "ok"] == [
        ("passkey_added", "doctor"),
        ("login", "doctor"),
        ("passkey_removed", "doctor"),
    ]


def test_a_new_passkey_must_be_discoverable_and_verify_its_user(world: World) -> None:
    options = world.logged_in("doctor").post(BEGIN_ADDING).json()
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["attestation"] == "none"
    assert options["user"]["name"] == "doctor"


def test_all_passkeys_of_a_user_have_one_handle_and_none_is_added_twice(world: World) -> None:
    doctor = world.logged_in("doctor")
    first, second = added(world, doctor), added(world, doctor)
    assert first.handle == second.handle != added(world, world.logged_in("admin")).handle
    options = doctor.post(BEGIN_ADDING).json()
    assert len(options["excludeCredentials"]) == 2
    assert doctor.post(LISTED, json=first.create(options)).json()["error"]["code"] == "passkey_exists"
    for _ in range(8):
        added(world, doctor)
    assert doctor.post(BEGIN_ADDING).status_code == 409


def test_a_token_adds_no_passkey(world: World) -> None:
    answer = world.with_token("doctor").post(BEGIN_ADDING)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "session_needed")


def test_without_user_verification_neither_adding_nor_login_works(world: World) -> None:
    doctor = world.logged_in("doctor")
    careless = Authenticator(ORIGIN, verifies=False)
    assert doctor.post(LISTED, json=careless.create(doctor.post(BEGIN_ADDING).json())).status_code == 400
    authenticator = added(world, doctor)
    authenticator.verifies = False
    assert shown(world.stranger(), authenticator) == 401


def test_a_sign_count_that_goes_back_is_refused_and_told(world: World) -> None:
    authenticator = added(world, world.logged_in("doctor"))
    assert shown(world.stranger(), authenticator) == 200
    copied = copy.copy(authenticator)
    assert shown(world.stranger(), authenticator) == 200
    assert shown(world.stranger(), copied) == 401
    assert "there may be a copy" in reasons(world)[-1]
    assert shown(world.stranger(), authenticator) == 200


def test_an_authenticator_that_does_not_count_is_good_again_and_again(world: World) -> None:
    authenticator = added(world, world.logged_in("doctor"), counts=False)
    assert [shown(world.stranger(), authenticator) for _ in range(3)] == [200] * 3


def test_a_challenge_is_good_once_for_one_browser_and_a_while(world: World) -> None:
    authenticator = added(world, world.logged_in("doctor"))
    browser = world.stranger()
    answer = authenticator.get(browser.post(BEGIN_LOGIN).json())
    assert world.stranger().post(LOGIN, json=answer).json()["error"]["code"] == "login_expired"
    kept = browser.cookies["__Host-mammogate-login"]
    assert browser.post(LOGIN, json=answer).status_code == 200
    browser.cookies.set("__Host-mammogate-login", kept, domain="feed.example", path="/")
    assert browser.post(LOGIN, json=answer).json()["error"]["code"] == "login_expired"
    late = world.stranger()
    answer = authenticator.get(late.post(BEGIN_LOGIN).json())
    world.clock.advance(minutes=10)
    assert late.post(LOGIN, json=answer).json()["error"]["code"] == "login_expired"


def test_what_one_session_began_another_does_not_finish(world: World) -> None:
    doctor, thief = world.logged_in("doctor"), world.logged_in("radiologist")
    authenticator = Authenticator(ORIGIN)
    answer = authenticator.create(doctor.post(BEGIN_ADDING).json())
    secret = doctor.cookies["__Host-mammogate-login"]
    thief.cookies.set("__Host-mammogate-login", secret, domain="feed.example", path="/")
    assert thief.post(LISTED, json=answer).json()["error"]["code"] == "login_expired"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: setattr(one, "origin", "https://feed.example.evil.example"),
        lambda one: setattr(one, "_key", Authenticator(ORIGIN)._key),
        lambda one: setattr(one, "handle", b"another"),
        lambda one: setattr(one, "credential_id", b"unknown"),
    ],
    ids=["another site", "another key", "another user", "unknown"],
)
def test_a_passkey_that_is_not_right_gets_the_same_answer_whatever_is_wrong(
    world: World, spoil: Callable[[Authenticator], None]
) -> None:
    authenticator = added(world, world.logged_in("doctor"))
    spoil(authenticator)
    browser = world.stranger()
    answer = browser.post(LOGIN, json=authenticator.get(browser.post(BEGIN_LOGIN).json()))
    expected = {"error": {"code": "wrong_passkey", "message": "This passkey can't be used here."}}
    assert (answer.status_code, answer.json()) == (401, expected)
    assert browser.get("/api/v1/studies").status_code == 401


def test_the_passkey_of_a_disabled_user_opens_nothing(world: World) -> None:
    authenticator = added(world, world.logged_in("doctor"))
    world.accounts.users["doctor"] = replace(world.accounts.users["doctor"], active=False)
    assert shown(world.stranger(), authenticator) == 401


def test_trying_a_passkey_again_and_again_is_stopped(world: World) -> None:
    authenticator = added(world, world.logged_in("doctor"))
    right, authenticator._key = authenticator._key, Authenticator(ORIGIN)._key
    assert [shown(world.stranger(), authenticator) for _ in range(5)] == [401] * 5
    authenticator._key = right
    assert shown(world.stranger(), authenticator) == 429
    world.clock.advance(minutes=15)
    assert shown(world.stranger(), authenticator) == 200


def test_asking_for_challenges_without_end_is_stopped_for_that_address(world: World) -> None:
    assert {world.stranger().post(BEGIN_LOGIN).status_code for _ in range(100)} == {200}
    assert world.stranger().post(BEGIN_LOGIN).status_code == 429


def test_without_an_address_of_the_site_there_are_no_passkeys(tmp_path: Path) -> None:
    world = World(tmp_path, FeedSettings())
    assert world.stranger().post(BEGIN_LOGIN).status_code == 404
    assert world.logged_in("doctor").post(BEGIN_ADDING).status_code == 404


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    registering=st.booleans(),
    field=st.integers(0, 3),
    place=st.floats(0, 1, exclude_max=True),
    how=st.sampled_from(["cut", "insert", "change"]),
)
def test_a_spoiled_answer_is_refused_in_plain_words_and_never_a_defect(
    world: World, registering: bool, field: int, place: float, how: str
) -> None:
    world.accounts.failures.clear()
    world.accounts.kept_passkeys.clear()
    doctor = world.logged_in("doctor")
    if registering:
        answer = Authenticator(ORIGIN).create(doctor.post(BEGIN_ADDING).json())
    else:
        answer = added(world, doctor).get(doctor.post(BEGIN_LOGIN).json())
    names = sorted(answer["response"])
    name = names[field % len(names)]
    text = answer["response"][name]
    at = int(place * len(text))
    spoiled = {"cut": "", "insert": f"A{text[at:]}", "change": ("B" if text[at] != "B" else "C") + text[at + 1 :]}
    answer["response"][name] = text[:at] + spoiled[how]
    status = doctor.post(LISTED if registering else LOGIN, json=answer).status_code
    # Padding bits of base64 and what is not signed (a name, a format) may change without harm.
    assert status in (200, 201, 400, 401)
