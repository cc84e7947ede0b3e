"""Users, sessions, tokens, lockout and audit in the gateway's tables."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.database.account_models import ApiToken, AuditEntry, FailedLogin, LoginSession, User
from gateway.database.engine import Database, create_database_engine
from gateway.feed.accounts import Accounts
from reporting.feed import stores
from reporting.feed.stores import LoginAttempt, LoginLimits, StoreUnavailableError
from tests.gateway.feed.rows import START, Gateway, minutes

LIMITS = LoginLimits(window=timedelta(minutes=15), per_subject=3, per_address=5)


@pytest.fixture
def accounts(gateway: Gateway) -> Accounts:
    gateway.add_user("erna", "radiologist")
    return Accounts(gateway.database)


def test_a_user_is_found_by_the_exact_name(gateway: Gateway, accounts: Accounts) -> None:
    assert accounts.user("erna") == stores.User("erna", "radiologist", "$hash")
    assert accounts.user("Erna") is None
    accounts.replace_password_hash("erna", "$new")
    with gateway.database.write() as session:
        session.scalars(select(User)).one().disabled = True
    assert accounts.user("erna") == stores.User("erna", "radiologist", "$new", active=False)


def test_a_session_lives_from_its_opening_to_its_closing(gateway: Gateway, accounts: Accounts) -> None:
    accounts.open_session("d1", "erna", START, "Firefox" * 100)
    accounts.touch_session("d1", minutes(5))
    session = accounts.session("d1")
    assert session is not None
    assert (session.user.name, session.opened_at, session.last_seen_at) == ("erna", START, minutes(5))
    accounts.close_session("d1")
    assert accounts.session("d1") is None
    assert accounts.session("other") is None
    with gateway.database.read() as session_:
        assert len(session_.scalars(select(LoginSession.device)).one()) == 256


def test_a_token_is_good_until_it_is_revoked_and_its_use_is_noted(gateway: Gateway, accounts: Accounts) -> None:
    gateway.add(ApiToken(secret_sha256="t1", user_id=1, may_upload=True))
    token = accounts.token("t1")
    assert token is not None
    assert (token.user.name, token.may_upload) == ("erna", True)
    assert accounts.token("t2") is None
    with gateway.database.write() as session:
        row = session.get_one(ApiToken, "t1")
        assert row.last_used_at is not None
        row.revoked_at = START
    assert accounts.token("t1") is None


def test_failures_lock_a_name_and_an_address_until_they_are_old(accounts: Accounts) -> None:
    def attempt(minute: float, subject: str = "s", address: str = "10.0.0.1") -> timedelta | None:
        return accounts.begin_login(LoginAttempt(subject, address, minutes(minute)), LIMITS)

    assert [attempt(minute) for minute in (0, 1, 2)] == [None] * 3
    assert attempt(3) == timedelta(minutes=12)
    assert attempt(3, address="10.0.0.2") is None
    assert attempt(3, subject="other") is None
    assert attempt(4, subject="third") is None
    assert attempt(4, subject="fourth") == timedelta(minutes=11)  # five from this address
    assert attempt(14.9) is not None
    assert attempt(15) is None  # the first has grown old; a refused attempt was not counted
    assert attempt(15) == timedelta(minutes=1)


def test_a_right_password_forgets_failures_of_that_name_from_that_address_only(
    gateway: Gateway, accounts: Accounts
) -> None:
    for subject, address in (("s", "a"), ("s", "b"), ("t", "a")):
        accounts.begin_login(LoginAttempt(subject, address, START), LIMITS)
    accounts.login_succeeded(LoginAttempt("s", "a", START))
    with gateway.database.read() as session:
        left = session.execute(select(FailedLogin.name, FailedLogin.address)).all()
    assert sorted(map(tuple, left)) == [("s", "b"), ("t", "a")]


def test_many_guesses_at_once_do_not_slip_past_the_limit(accounts: Accounts) -> None:
    let_through: list[bool] = []

    def guess() -> None:
        let_through.append(accounts.begin_login(LoginAttempt("s", "10.0.0.1", START), LIMITS) is None)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(let_through) == [False] * 9 + [True] * 3


def test_an_audit_entry_says_who_did_what_to_which_study_and_from_where(gateway: Gateway, accounts: Accounts) -> None:
    accounts.audit(stores.AuditEntry(START, "study_viewed", "ok", "erna", "10.0.0.1", "1.2.3", "x"))
    accounts.audit(stores.AuditEntry(START, "login", "failed", None, "10.0.0.1"))
    with gateway.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(e.at, e.actor, e.action, e.outcome, e.study_instance_uid, e.detail) for e in entries] == [
        (START, "erna", "study_viewed", "ok", "1.2.3", {"address": "10.0.0.1", "detail": "x"}),
        (START, "unknown", "login", "failed", None, {"address": "10.0.0.1"}),
    ]


def test_a_database_that_is_away_is_named_as_such() -> None:
    accounts = Accounts(Database(create_database_engine("sqlite:////nowhere/at/all/x.db")))
    with pytest.raises(StoreUnavailableError):
        accounts.user("erna")
    with pytest.raises(StoreUnavailableError):
        accounts.close_session("d1")
