"""The whole feed over a gateway's own tables, and people who are logged in to it with tokens."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from sqlalchemy import select

from gateway.database.account_models import ApiToken, AuditEntry, User
from gateway.feed.accounts import Accounts
from gateway.feed.images import Images
from gateway.feed.operations import Operations
from gateway.feed.readiness import Readiness, database_check
from gateway.feed.studies import Studies
from gateway.monitoring.prometheus import PrometheusText
from reporting.feed.app import create_feed
from reporting.feed.credentials import digest, new_token
from tests.gateway.feed.rows import Gateway
from tests.reporting.feed.world import Browser


def served(gateway: Gateway, routers: Sequence[APIRouter]) -> FastAPI:
    return create_feed(
        studies=Studies(gateway.database, gateway.folders),
        accounts=Accounts(gateway.database),
        operations=Operations(gateway.database, [], len, lambda uid, destination: 0, lambda name: (True, name)),
        readiness=Readiness({"database": database_check(gateway.database)}),
        metrics=PrometheusText(gateway.database, None),
        images=Images(gateway.database, gateway.folders),
        routers=routers,
    )


def someone(gateway: Gateway, app: FastAPI, name: str, role: str | None = None) -> Browser:
    """A client of a user, who is added when there is none of this name."""
    with gateway.database.read() as session:
        user_id = session.scalar(select(User.id).where(User.name == name))
    user_id = user_id or gateway.add_user(name, role or name)
    token = new_token()
    gateway.add(ApiToken(secret_sha256=digest(token), user_id=user_id))
    return Browser(app, {"Authorization": f"Bearer {token}"})


def trail(gateway: Gateway) -> list[tuple[str, str, str | None, str | None]]:
    """Who did what to which study, and the detail."""
    with gateway.database.read() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    return [(one.actor, one.action, one.study_instance_uid, (one.detail or {}).get("detail")) for one in entries]
