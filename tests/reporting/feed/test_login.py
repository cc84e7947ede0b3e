"""Login, sessions, lockout, and requests from other people's pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from reporting.feed.credentials import Passwords, digest
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.world import CHEAP, PASSWORD, Browser, World

LOGIN = "/api/v1/auth/login"
RETRY = "/api/v1/operations/retry"


def log_in(browser: Browser, name: str = "doctor", password: str = PASSWORD) -> httpx.Response:
    return browser.post(LOGIN, json={"name": name, "password": password})


def test_a_login_opens_a_session_that_reads_studies(world: World) -> None:
    browser = world.stranger()
    answer = log_in(browser)
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "doctor",
        "role": "doctor",
        "rights": ["read_studies", "upload"],
        "expires_at": "2026-11-23T20:00:00Z",
    }
    assert browser.get("/api/v1/studies").status_code == 200
    assert browser.get("/api/v1/auth/me").json() == answer.json()


def test_the_cookie_is_bound_to_the_host_and_hidden_from_scripts(world: World) -> None:
    cookie = log_in(world.stranger()).headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "__Host-mammogate"
    assert {part.strip().lower() for part in rest.split(";")[1:]} == {"httponly", "secure", "samesite=strict", "path=/"}


def test_without_tls_the_cookie_has_another_name_when_the_site_says_so(tmp_path: Path) -> None:
    cookie = log_in(World(tmp_path, FeedSettings(secure_cookies=False)).stranger()).headers["set-cookie"]
    assert cookie.startswith("mammogate=")
    assert "Secure" not in cookie


def test_only_digests_of_sessions_are_stored(world: World) -> None:
    browser = world.stranger()
    log_in(browser)
    session_id = browser.cookies["__Host-mammogate"]
    assert list(world.accounts.sessions) == [digest(session_id)]
    assert session_id not in repr(vars(world.accounts))


def test_a_login_closes_the_old_session_of_the_same_browser(world: World) -> None:
    browser = world.stranger()
    log_in(browser)
    log_in(browser)
    assert len(world.accounts.sessions) == 1


def test_a_logout_closes_the_session_and_not_only_the_cookie(world: World) -> None:
    browser = world.stranger()
    log_in(browser)
    stolen = browser.cookies["__Host-mammogate"]
    assert browser.post("/api/v1/auth/logout").status_code == 204
    assert browser.get("/api/v1/auth/me").status_code == 401
    assert world.stranger().get("/api/v1/auth/me", headers={"Cookie": f"__Host-mammogate={stolen}"}).status_code == 401


def test_a_session_ends_after_half_an_hour_without_use(world: World) -> None:
    browser = world.stranger()
    log_in(browser)
    for _ in range(5):
        world.clock.advance(minutes=29)
        assert browser.get("/api/v1/auth/me").status_code == 200
    world.clock.advance(minutes=30)
    assert browser.get("/api/v1/auth/me").status_code == 401
    assert world.accounts.sessions == {}


def test_a_session_ends_after_twelve_hours_however_much_it_is_used(world: World) -> None:
    browser = world.stranger()
    log_in(browser)
    for _ in range(12 * 3 - 1):
        world.clock.advance(minutes=20)
        assert browser.get("/api/v1/auth/me").status_code == 200
    world.clock.advance(minutes=20)
    assert browser.get("/api/v1/auth/me").status_code == 401


@pytest.mark.parametrize(("name", "password"), [("doctor", "wrong"), ("nobody", PASSWORD), ("", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(world: World, name: str, password: str) -> None:
    answer = log_in(world.stranger(), name or "Doctor ", password)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"code": "wrong_login", "message": "The name or the password is wrong."}}


def test_an_unknown_user_costs_as_much_work_as_a_known_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    verify: Callable[..., tuple[bool, str | None]] = CHEAP.verify_and_update

    def counted(password: str, password_hash: str) -> tuple[bool, str | None]:
        verified.append(password_hash)
        return verify(password, password_hash)

    monkeypatch.setattr(CHEAP, "verify_and_update", counted)
    log_in(world.stranger(), "nobody")
    log_in(world.stranger(), "doctor", "wrong")
    assert len(verified) == 2
    assert verified[0].split("$")[:4] == verified[1].split("$")[:4]  # the same parameters


def test_five_wrong_passwords_lock_the_user_out_from_that_address_even_with_the_right_one(world: World) -> None:
    browser = world.stranger()
    assert [log_in(browser, password="wrong").status_code for _ in range(6)] == [401] * 5 + [429]
    locked = log_in(browser)
    assert locked.status_code == 429
    assert locked.json()["error"]["code"] == "too_many_logins"
    assert int(locked.headers["retry-after"]) == 15 * 60
    assert log_in(browser, "radiologist").status_code == 200
    world.clock.advance(minutes=15)
    assert log_in(browser).status_code == 200


def test_a_right_password_forgets_the_failures_before_it(world: World) -> None:
    browser = world.stranger()
    for _ in range(3):
        assert [log_in(browser, password="wrong").status_code for _ in range(4)] == [401] * 4
        assert log_in(browser).status_code == 200


def test_trying_one_password_with_many_names_is_stopped_too(world: World) -> None:
    browser = world.stranger()
    answers = [log_in(browser, f"name{number}", "Winter2026!!").status_code for number in range(101)]
    assert answers == [401] * 100 + [429]


def test_logins_are_audited_and_what_was_typed_as_an_unknown_name_is_not_written_down(world: World) -> None:
    browser = world.stranger()
    log_in(browser, password="wrong")
    log_in(browser, "my secret passphrase")
    log_in(browser)
    browser.post("/api/v1/auth/logout")
    assert [(e.action, e.outcome, e.user, e.address) for e in world.accounts.trail] == [
        ("login", "failed", "doctor", "10.0.0.1"),
        ("login", "failed", None, "10.0.0.1"),
        ("login", "ok", "doctor", "10.0.0.1"),
        ("logout", "ok", "doctor", "10.0.0.1"),
    ]
    assert "passphrase" not in repr(world.accounts.trail) + repr(world.accounts.failures)


def test_a_password_that_is_typed_into_the_wrong_field_does_not_come_back(world: World) -> None:
    answer = world.stranger().post(LOGIN, json={"name": {"x": PASSWORD}, "password": [PASSWORD], PASSWORD: 1})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert log_in(world.stranger(), password="x" * 2000).status_code == 400
    assert "xxx" not in log_in(world.stranger(), password="x" * 2000).text


def test_a_form_of_another_page_cannot_log_anybody_in(world: World) -> None:
    body = {"name": "doctor", "password": PASSWORD}
    assert world.stranger().post(LOGIN, data=body).status_code == 400
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert world.stranger().post(LOGIN, json=body, headers=evil).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://feed.example"}, 200),
        ({"Origin": "https://feed.example"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.feed.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://front.example"}, 200),
    ],
)
def test_a_post_with_a_cookie_is_taken_from_our_own_pages_only(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    world = World(tmp_path, FeedSettings(allowed_origins=("https://front.example",)))
    answer = world.logged_in("operator").post(RETRY, json={"study_instance_uid": "1.2.3"}, headers=headers)
    assert answer.status_code == status
    assert world.operations.retried == (["1.2.3"] if status == 200 else [])


def test_a_token_is_good_from_anywhere_because_no_browser_adds_it_by_itself(world: World) -> None:
    evil = {"Origin": "https://elsewhere.example"}
    client = world.with_token("operator")
    assert client.post(RETRY, json={"study_instance_uid": "1.2.3"}, headers=evil).status_code == 200


def test_new_passwords_are_argon2id_and_long_enough() -> None:
    passwords = Passwords()
    made = passwords.hash("ten chars.")
    assert made.startswith("$argon2id$")
    assert passwords.verify("ten chars.", made, lambda _: None)
    assert not passwords.verify("ten charS.", made, lambda _: None)
    assert not passwords.verify("ten chars.", "not a hash", lambda _: None)
    with pytest.raises(ValueError, match="10 characters"):
        passwords.hash("nine char")


def test_a_weak_hash_is_renewed_at_the_next_login() -> None:
    renewed: list[str] = []
    assert Passwords().verify(PASSWORD, CHEAP.hash(PASSWORD), renewed.append)
    assert len(renewed) == 1
    assert "m=65536" in renewed[0]
