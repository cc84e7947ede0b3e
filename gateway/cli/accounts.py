"""`mammogate user` and `mammogate token`: who may log in, and which programs."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import ColumnElement, ScalarSelect, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from gateway.cli.console import err, out, print_json, shown_as, table
from gateway.cli.failures import CommandFailed
from gateway.cli.options import ConfigOption, JsonOption, open_for_command
from gateway.database.account_models import ApiToken, AuditEntry, LoginSession, Passkey, User
from gateway.database.columns import now
from gateway.feed.revocations import end_sessions_of, note_revocation
from reporting.feed.credentials import Passwords, digest, new_token

users = typer.Typer(no_args_is_help=True)
tokens = typer.Typer(no_args_is_help=True)
_SHORTEST_PASSWORD = 10
_ID_LENGTH = 12
_SHORTEST_ID = 8
_ACTOR = "command line"
UserName = Annotated[str, typer.Argument(metavar="NAME")]


@users.callback()
def _users() -> None:
    """Local users."""


@tokens.callback()
def _tokens() -> None:
    """Bearer tokens for programs."""


@users.command("add")
def add_user(
    name: UserName,
    role: Annotated[Literal["doctor", "radiologist", "admin", "operator", "uploader"], typer.Option()],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input (the only way).")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Add a local user, or give an existing one a new password and role."""
    if not password_stdin:
        raise typer.BadParameter("give the password on standard input, with --password-stdin")
    password = sys.stdin.readline().rstrip("\r\n")
    if len(password) < _SHORTEST_PASSWORD:
        raise CommandFailed(f"the password is too short: use at least {_SHORTEST_PASSWORD} characters")
    parts = open_for_command(config)
    hashed = Passwords().hash(password)
    with parts.database.write() as session:
        user = session.scalars(select(User).where(User.name == name)).one_or_none()
        if user is None:
            session.add(User(name=name, role=role, password_hash=hashed))
        elif user.oidc_subject is not None:
            raise CommandFailed(
                f"{name} logs in with the hospital's account, which has password and role: change those"
            )
        else:
            user.role, user.password_hash, user.disabled = role, hashed, False
            # A new password is often given because somebody else knows the old one: whoever got in with that is out,
            # and so is the passkey that they may have added.
            end_sessions_of(session, user.id, now())
            session.execute(delete(Passkey).where(Passkey.user_id == user.id))
        session.add(AuditEntry(actor=_ACTOR, action="user_added", detail={"user": name, "role": role}))
    err.print(f"user {name} may log in as {role}")


@users.command("list")
def list_users(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the users, and where they are logged in."""
    parts = open_for_command(config)
    sessions = _count(LoginSession.user_id, LoginSession.ended_at.is_(None))
    passkeys = _count(Passkey.user_id)
    tokens_ = _count(ApiToken.user_id, ApiToken.revoked_at.is_(None))
    with parts.database.read() as session:
        rows = session.execute(select(User, sessions, passkeys, tokens_).order_by(User.name)).all()
    listed = [
        {
            "name": user.name,
            "role": user.role,
            "disabled": user.disabled,
            "account": "local" if user.oidc_issuer is None else user.oidc_issuer,
            "created_at": user.created_at,
            "open_sessions": open_,
            "passkeys": keys,
            "tokens": count,
        }
        for user, open_, keys, count in rows
    ]
    _print(listed, as_json)


@users.command("disable")
def disable_user(name: UserName, config: ConfigOption = None) -> None:
    """Lock a user out at once: password, passkeys, sessions, tokens and the hospital's account."""
    parts = open_for_command(config)
    with parts.database.write() as session:
        user = _user(session, name)
        user.disabled = True
        ended = end_sessions_of(session, user.id, now())
        session.add(AuditEntry(actor=_ACTOR, action="user_disabled", detail={"user": name}))
    err.print(f"user {name} is locked out; {ended} open sessions have ended")


@users.command("enable")
def enable_user(name: UserName, config: ConfigOption = None) -> None:
    """Let a disabled user log in again. Sessions that were open stay ended; tokens are good again."""
    parts = open_for_command(config)
    with parts.database.write() as session:
        _user(session, name).disabled = False
        session.add(AuditEntry(actor=_ACTOR, action="user_enabled", detail={"user": name}))
    err.print(f"user {name} may log in again")


@tokens.command("add")
def add_token(
    user: Annotated[str, typer.Option(help="The user that the token acts as.")],
    upload: Annotated[bool, typer.Option("--upload", help="Also allow uploads (STOW-RS).")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a bearer token that acts as a user; it is shown once."""
    parts = open_for_command(config)
    secret = new_token()
    with parts.database.write() as session:
        owner = session.scalars(select(User).where(User.name == user)).one_or_none()
        if owner is None:
            raise CommandFailed(f"there is no user {user}: add one with `mammogate user add {user} --role ROLE`")
        session.add(ApiToken(secret_sha256=digest(secret), user_id=owner.id, may_upload=upload))
        session.add(AuditEntry(actor=_ACTOR, action="token_added", detail={"user": user}))
    if as_json:
        print_json({"token": secret})
    else:
        out.print(secret)


@tokens.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Of this user only.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tokens. The id is the beginning of the token's SHA-256, so whoever finds a token can name it."""
    parts = open_for_command(config)
    wanted = select(ApiToken, User.name).join(User, User.id == ApiToken.user_id).order_by(ApiToken.created_at)
    with parts.database.read() as session:
        rows = session.execute(wanted if user is None else wanted.where(User.name == user)).all()
    listed = [
        {
            "id": token.secret_sha256[:_ID_LENGTH],
            "user": name,
            "may_upload": token.may_upload,
            "created_at": token.created_at,
            "last_used_at": token.last_used_at,
            "revoked_at": token.revoked_at,
        }
        for token, name in rows
    ]
    _print(listed, as_json)


@tokens.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `mammogate token list` shows it.")],
    config: ConfigOption = None,
) -> None:
    """Revoke a token, at once and for good."""
    if len(token_id) < _SHORTEST_ID or set(token_id) - set("0123456789abcdef"):
        raise typer.BadParameter("give the id that `mammogate token list` shows")
    parts = open_for_command(config)
    with parts.database.write() as session:
        found = session.scalars(select(ApiToken).where(ApiToken.secret_sha256.startswith(token_id))).all()
        if len(found) != 1:
            raise CommandFailed(f"there is no token {token_id}: see `mammogate token list`")
        token = found[0]
        if token.revoked_at is None:
            token.revoked_at = now()
            note_revocation(session)
            name = session.get_one(User, token.user_id).name
            session.add(
                AuditEntry(actor=_ACTOR, action="token_revoked", detail={"user": name, "token": token_id[:_ID_LENGTH]})
            )
    err.print(f"token {token_id} is revoked")


def _user(session: Session, name: str) -> User:
    user = session.scalars(select(User).where(User.name == name)).one_or_none()
    if user is None:
        raise CommandFailed(f"there is no user {name}: see `mammogate user list`")
    return user


def _count(user_id: InstrumentedAttribute[int], *conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).where(user_id == User.id, *conditions).correlate(User).scalar_subquery()


def _print(listed: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(listed)
        return
    shown = table(*(listed[0] if listed else ("nothing here",)))
    for item in listed:
        shown.add_row(*(shown_as(value) for value in item.values()))
    out.print(shown)
