"""`mammogate user`, `token` and `audit` over a gateway's own database."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select
from typer.testing import CliRunner

from gateway.cli.application import app
from gateway.cli.failures import CommandFailed
from gateway.database.account_models import AuditEntry, LoginSession, Passkey, User
from gateway.database.columns import now
from gateway.feed.accounts import Accounts
from gateway.parts import Parts
from reporting.feed.login_stores import Identity, KeptPasskey

PASSWORD = "correct horse battery\n"


class Commands:
    """Commands with the settings of one gateway."""

    def __init__(self, parts: Parts, folder: Path) -> None:
        self._config = folder / "mammogate.toml"
        self._config.write_text(f"data_dir = {str(parts.settings.data_dir)!r}\n")
        self.accounts = Accounts(parts.database)
        self.database = parts.database

    def run(self, *words: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, [*words, "--config", str(self._config)], input=stdin)

    def done(self, *words: str, stdin: str = "") -> str:
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def listed(self, *words: str) -> list[dict[str, Any]]:
        return list(json.loads(self.done(*words, "--json")))

    def failed(self, *words: str, stdin: str = "") -> str:
        result = self.run(*words, stdin=stdin)
        assert isinstance(result.exception, CommandFailed), (result.output, result.exception)
        return str(result.exception)


@pytest.fixture(autouse=True)
def logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command would send the logs of all later tests to its own output, which is closed by then."""
    monkeypatch.setattr("gateway.cli.options.configure_logs", lambda level, process: None)


@pytest.fixture
def commands(parts: Parts, tmp_path: Path) -> Commands:
    made = Commands(parts, tmp_path)
    made.done("user", "add", "erna", "--role", "radiologist", "--password-stdin", stdin=PASSWORD)
    return made


def log_in_everywhere(commands: Commands) -> None:
    """Two browsers and a passkey."""
    for key in ("d1", "d2"):
        commands.accounts.open_session(key, "erna", now(), "Firefox", "10.0.0.1")
    commands.accounts.add_passkey(KeptPasskey(0, "erna", b"id", b"key", 0, b"handle", "Chrome", now(), None))


def test_a_user_who_is_disabled_is_out_everywhere_until_enabled_again(commands: Commands) -> None:
    log_in_everywhere(commands)
    token = json.loads(commands.done("token", "add", "--user", "erna", "--json"))["token"]
    digest = hashlib.sha256(token.encode()).hexdigest()
    before = commands.accounts.revocations()
    (erna,) = commands.listed("user", "list")
    assert {name: erna[name] for name in ("name", "disabled", "account", "open_sessions", "passkeys", "tokens")} == {
        "name": "erna", "disabled": False, "account": "local", "open_sessions": 2, "passkeys": 1, "tokens": 1,
    }  # fmt: skip
    commands.done("user", "disable", "erna")
    assert commands.accounts.revocations() != before
    user, kept = commands.accounts.user("erna"), commands.accounts.token(digest)
    assert user is not None
    assert kept is not None
    assert [user.active, kept.user.active] == [False, False]
    assert [commands.accounts.session(key) for key in ("d1", "d2")] == [None, None]
    assert "yes" in commands.done("user", "list")
    commands.done("user", "enable", "erna")
    user = commands.accounts.user("erna")
    assert user is not None
    assert user.active
    assert commands.listed("user", "list")[0]["open_sessions"] == 0
    assert "there is no user nobody" in commands.failed("user", "disable", "nobody")


def test_a_new_password_ends_sessions_and_takes_passkeys_away(commands: Commands) -> None:
    log_in_everywhere(commands)
    commands.done("user", "add", "erna", "--role", "doctor", "--password-stdin", stdin=PASSWORD)
    with commands.database.read() as session:
        assert session.scalars(select(Passkey)).all() == []
        assert session.scalars(select(LoginSession).where(LoginSession.ended_at.is_(None))).all() == []


def test_an_account_of_the_hospital_gets_no_password_here(commands: Commands) -> None:
    commands.accounts.user_of(Identity("https://login.example", "s-1", "anna", "doctor"))
    arguments = ("user", "add", "anna", "--role", "admin", "--password-stdin")
    assert "hospital's account" in commands.failed(*arguments, stdin=PASSWORD)
    with commands.database.read() as session:
        assert session.scalar(select(User.role).where(User.name == "anna")) == "doctor"


def test_a_token_is_listed_by_the_beginning_of_its_hash_and_revoked_by_it(commands: Commands) -> None:
    token = json.loads(commands.done("token", "add", "--user", "erna", "--upload", "--json"))["token"]
    commands.done("token", "add", "--user", "erna")
    digest = hashlib.sha256(token.encode()).hexdigest()
    listed = commands.listed("token", "list", "--user", "erna")
    assert [one["may_upload"] for one in listed if one["id"] == digest[:12]] == [True]
    assert commands.listed("token", "list", "--user", "nobody") == []
    commands.done("token", "revoke", digest[:12])
    commands.done("token", "revoke", digest)  # it is so already
    assert commands.accounts.token(digest) is None
    assert [one["revoked_at"] is None for one in commands.listed("token", "list")].count(False) == 1
    assert "there is no token" in commands.failed("token", "revoke", "0123456789ab")
    assert commands.run("token", "revoke", "xyz").exit_code == 2


def test_the_audit_trail_is_printed_by_time_user_and_study(commands: Commands) -> None:
    commands.done("user", "disable", "erna")
    with commands.database.write() as session:
        for uid in ("1.2.3", "1.2.4"):
            session.add(
                AuditEntry(actor="otto", action="study_viewed", study_instance_uid=uid, detail={"address": "x"})
            )
    everything = commands.listed("audit")
    assert [entry["action"] for entry in everything] == ["user_added", "user_disabled", "study_viewed", "study_viewed"]
    assert commands.listed("audit", "--since", everything[1]["at"]) == everything[1:]
    assert commands.listed("audit", "--user", "otto", "--study", "1.2.4") == everything[3:]
    assert commands.listed("audit", "--since", "2999-01-01") == []
    printed = commands.done("audit", "--user", "otto")
    assert "study_viewed" in printed
    assert "address: x" in printed
    assert commands.run("audit", "--since", "yesterday").exit_code == 2
