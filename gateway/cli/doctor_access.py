"""What `mammogate doctor` says of the hospital's accounts and of the audit trail's way to syslog."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from sqlalchemy import func, select

from config.settings import HttpSettings
from gateway.database.account_models import AuditEntry
from gateway.database.columns import now
from gateway.database.models import SourcePosition
from gateway.parts import Parts
from gateway.processes.audit_trail import SYSLOG_POSITION
from reporting.feed.login_stores import ProviderLoginError
from reporting.feed.provider_routes import CALLBACK_PATH

_LATE = timedelta(minutes=10)


def hospital_accounts(http: HttpSettings) -> tuple[Literal["ok", "warning"], str]:
    """Say whether the OpenID provider answers. Raises `StartRefused`: the secret's file can't be read."""
    if http.oidc.issuer is None:
        return "ok", "none: people log in with a name and password" + (" or a passkey" if http.public_url else "")
    from gateway.feed.oidc_provider import OidcProvider

    try:
        OidcProvider(http.oidc, f"{http.public_url}{CALLBACK_PATH}").begin()
    except ProviderLoginError as error:
        return "warning", f"{http.oidc.issuer}: {error}; local users can log in all the same"
    return "ok", http.oidc.issuer


def audit_trail(parts: Parts) -> tuple[Literal["ok", "warning"], str]:
    """Say how far the audit trail has been sent to the syslog server."""
    section = parts.settings.audit.syslog
    if section.host is None:
        return "ok", "kept in the database; it is sent nowhere"
    server = f"{section.host}:{section.port} over {section.transport}"
    with parts.database.read() as session:
        sent = session.scalar(select(SourcePosition.position).where(SourcePosition.source == SYSLOG_POSITION)) or 0
        behind = select(func.count(), func.min(AuditEntry.at)).where(AuditEntry.id > sent)
        waiting, oldest = session.execute(behind).one()
    if waiting and now() - oldest > _LATE:
        return (
            "warning",
            f"{waiting} entries wait for {server}: the worker's log says why (audit.syslog_away)",
        )
    return "ok", server
