"""`mammogate user add` and `mammogate token add`."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer
from sqlalchemy import select, update

from gateway.cli.console import err, out, print_json
from gateway.cli.failures import CommandFailed
from gateway.cli.options import ConfigOption, JsonOption, open_for_command
from gateway.database.account_models import ApiToken, AuditEntry, LoginSession, User
from gateway.database.columns import now
from reporting.feed.credentials import Passwords, digest, new_token

users = typer.Typer(no_args_is_help=True)
tokens = typer.Typer(no_args_is_help=True)
_SHORTEST_PASSWORD = 10


@users.callback()
def _users() -> None:
    """Local users."""


@tokens.callback()
def _tokens() -> None:
    """Bearer tokens for programs."""


@users.command("add")
def add_user(
    name: Annotated[str, typer.Argument(metavar="NAME")],
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
        else:
            user.role, user.password_hash, user.disabled = role, hashed, False
            # A new password is often given because somebody else knows the old one: whoever got in with that is out.
            session.execute(
                update(LoginSession)
                .where(LoginSession.user_id == user.id, LoginSession.ended_at.is_(None))
                .values(ended_at=now())
            )
        session.add(AuditEntry(actor="command line", action="user_added", detail={"user": name, "role": role}))
    err.print(f"user {name} may log in as {role}")


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
        session.add(AuditEntry(actor="command line", action="token_added", detail={"user": user}))
    if as_json:
        print_json({"token": secret})
    else:
        out.print(secret)
