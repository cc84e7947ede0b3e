"""`mammogate audit`: who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from sqlalchemy import select

from gateway.cli.console import out, print_json, shown_as, table
from gateway.cli.options import ConfigOption, JsonOption, open_for_command
from gateway.database.account_models import AuditEntry


def audit(
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only from then on, such as 2026-11-20 or 2026-11-20T08:00."),
    ] = None,
    user: Annotated[str | None, typer.Option(help="Only what this user did.")] = None,
    study: Annotated[str | None, typer.Option(metavar="STUDY_UID", help="Only what was done to this study.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the audit trail, oldest first."""
    wanted = select(AuditEntry).order_by(AuditEntry.id)
    if since is not None:
        wanted = wanted.where(AuditEntry.at >= _time(since))
    if user is not None:
        wanted = wanted.where(AuditEntry.actor == user)
    if study is not None:
        wanted = wanted.where(AuditEntry.study_instance_uid == study)
    parts = open_for_command(config)
    with parts.database.read() as session:
        entries = session.scalars(wanted).all()
    if as_json:
        print_json([_as_json(entry) for entry in entries])
        return
    shown = table("time", "who", "what", "outcome", "study", "detail")
    for entry in entries:
        detail = ", ".join(f"{key}: {value}" for key, value in (entry.detail or {}).items())
        cells = (entry.at, entry.actor, entry.action, entry.outcome, entry.study_instance_uid, detail)
        shown.add_row(*(shown_as(cell) for cell in cells))
    out.print(shown)


def _as_json(entry: AuditEntry) -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "user": entry.actor,
        "action": entry.action,
        "outcome": entry.outcome,
        "study_instance_uid": entry.study_instance_uid,
        "detail": entry.detail or {},
    }


def _time(text: str) -> datetime:
    """Return a time of ISO 8601; without a zone it is this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise typer.BadParameter(f"{text} is no time: write 2026-11-20 or 2026-11-20T08:00") from None
