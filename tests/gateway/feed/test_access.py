"""Devices, passkeys, unfinished logins and the hospital's accounts in the gateway's tables."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import select

from gateway.database.account_models import AuditEntry, PendingLogin, User
from gateway.feed.accounts import Accounts
from reporting.feed.login_stores import Identity, KeptPasskey, NameTakenError, PasskeyExistsError
from tests.gateway.feed.rows import START, Gateway, minutes

PASSKEY = KeptPasskey(0, "erna", b"id", b"key", 0, b"handle", "Chrome on Linux", START, None)
ANNA = Identity("https://login.example", "s-1", "anna", "doctor")


@pytest.fixture
def accounts(gateway: Gateway) -> Accounts:
    gateway.add_user("erna", "radiologist")
    gateway.add_user("otto", "operator")
    return Accounts(gateway.database)


def test_an_open_session_is_a_device_until_it_is_revoked(accounts: Accounts) -> None:
    accounts.open_session("d1", "erna", START, "Firefox", "10.0.0.1")
    accounts.open_session("d2", "otto", START, "curl", "10.0.0.2")
    (device,) = accounts.devices("erna")
    assert (device.user_name, device.agent, device.address, device.key) == ("erna", "Firefox", "10.0.0.1", "d1")
    assert [one.user_name for one in accounts.devices(None)] == ["erna", "otto"]
    before = accounts.revocations()
    assert accounts.revoke_device(device.id, "otto", minutes(1)) is None
    assert accounts.revocations() == before
    assert accounts.revoke_device(device.id, "erna", minutes(1)) == "erna"
    assert accounts.revocations() != before
    assert accounts.session("d1") is None
    assert accounts.revoke_device(device.id, None, minutes(2)) is None
    other = accounts.devices(None)[0]
    assert accounts.revoke_device(other.id, None, minutes(2)) == "otto"


def test_a_logout_too_tells_those_who_have_a_stream_open(accounts: Accounts) -> None:
    accounts.open_session("d1", "erna", START, "Firefox")
    before = accounts.revocations()
    accounts.close_session("d1")
    after = accounts.revocations()
    accounts.close_session("d1")
    assert before != after == accounts.revocations()


def test_a_passkey_is_kept_used_and_removed(accounts: Accounts) -> None:
    number = accounts.add_passkey(PASSKEY)
    with pytest.raises(PasskeyExistsError):
        accounts.add_passkey(replace(PASSKEY, user_name="otto"))
    assert accounts.passkeys("otto") == []
    assert accounts.passkey(b"id") == accounts.passkeys("erna")[0] == replace(PASSKEY, id=number)
    assert accounts.passkey_used(number, was=0, sign_count=7, at=minutes(1))
    assert not accounts.passkey_used(number, was=0, sign_count=8, at=minutes(1))
    found = accounts.passkey(b"id")
    assert found is not None
    assert (found.sign_count, found.last_used_at) == (7, minutes(1))
    assert accounts.remove_passkey(number, "otto") is None
    assert accounts.remove_passkey(number, "erna") == "Chrome on Linux"
    assert accounts.passkey(b"id") is None


def test_what_a_login_left_is_taken_once_and_what_is_too_old_is_forgotten(gateway: Gateway, accounts: Accounts) -> None:
    for digest in ("p1", "p2", "p3"):
        accounts.keep_pending(digest, "oidc", {"state": digest}, minutes(10))
    assert accounts.take_pending("p1", "passkey_login", START) is None
    taken: list[object] = []
    threads = [
        threading.Thread(target=lambda: taken.append(accounts.take_pending("p1", "oidc", START))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=str) == [None, None, None, {"state": "p1"}] or taken.count({"state": "p1"}) == 1
    assert accounts.take_pending("p2", "oidc", minutes(10)) is None
    with gateway.database.read() as session:
        assert session.scalars(select(PendingLogin)).all() == []


def test_an_account_of_the_hospital_becomes_a_user_and_follows_its_role(gateway: Gateway, accounts: Accounts) -> None:
    assert accounts.user_of(ANNA) == "anna"
    assert accounts.user_of(replace(ANNA, name="anna.new", role="operator")) == "anna"
    user = accounts.user("anna")
    assert user is not None
    assert (user.role, user.password_hash) == ("operator", "")
    with pytest.raises(NameTakenError):
        accounts.user_of(replace(ANNA, subject="s-2", name="erna"))
    with pytest.raises(NameTakenError):
        accounts.user_of(replace(ANNA, issuer="https://other.example"))
    with gateway.database.read() as session:
        assert session.scalar(select(User.role).where(User.name == "erna")) == "radiologist"
        trail = session.execute(select(AuditEntry.action, AuditEntry.actor, AuditEntry.detail)).all()
    assert [tuple(row) for row in trail] == [
        ("user_added", "https://login.example", {"user": "anna", "role": "doctor"}),
        ("role_changed", "https://login.example", {"user": "anna", "role": "operator"}),
    ]
