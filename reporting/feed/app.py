"""The application: all routes behind one gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, FastAPI

from reporting.feed.body_limit import BodyLimit
from reporting.feed.credentials import Passwords
from reporting.feed.device_routes import build_device_router
from reporting.feed.errors import install_error_handlers
from reporting.feed.event_routes import build_event_router
from reporting.feed.events import EventWatch
from reporting.feed.gate import Gate
from reporting.feed.headers import SecurityHeaders
from reporting.feed.health_routes import build_health_router
from reporting.feed.image_routes import build_image_router
from reporting.feed.login_routes import build_login_router
from reporting.feed.login_stores import IdentityProvider
from reporting.feed.metrics_route import METRICS_PATH, build_metrics_router
from reporting.feed.operation_routes import build_operation_router
from reporting.feed.passkey_routes import build_passkey_router
from reporting.feed.passkeys import Passkeys
from reporting.feed.provider_login import ProviderLogin
from reporting.feed.provider_routes import build_provider_router
from reporting.feed.schemas import ErrorAnswer
from reporting.feed.sessions import Sessions
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import Accounts, ImageStore, Metrics, Operations, Readiness, StudyFeed
from reporting.feed.study_routes import build_study_router

DESCRIPTION = (
    "**Research use only, not a medical device.** Scores and places that a program found in mammograms. "
    "`attention` is an order for reading, not a diagnosis."
)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_feed(
    *,
    studies: StudyFeed,
    accounts: Accounts,
    operations: Operations,
    readiness: Readiness,
    metrics: Metrics,
    images: ImageStore,
    settings: FeedSettings | None = None,
    routers: Sequence[APIRouter] = (),
    passwords: Passwords | None = None,
    provider: IdentityProvider | None = None,
    now: Callable[[], datetime] = _utc_now,
) -> FastAPI:
    """Return the feed.

    `routers` are added behind the same gate: every path of theirs needs a login, and they ask for rights with
    `reporting.feed.caller.require`. What the caller mounts later (the viewer's shell) is behind the gate too, unless
    `settings.open_paths` names it. `provider` is the hospital's OpenID provider, if there is one.
    `app.state.watch.stop()` ends the live streams; `FeedServer` does that by itself.
    """
    settings = settings or FeedSettings()
    app = FastAPI(
        title="mammogate",
        version=settings.version,
        summary="Research use only, not a medical device.",
        description=DESCRIPTION,
        # Behind the gate like everything else. The interactive pages load scripts from elsewhere, so they stay off.
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Without 4XX the framework would announce a 422 in its own shape; what it would be for is a 400 here.
        responses={
            "4XX": {"model": ErrorAnswer, "description": "Refused; `code` says why"},
            **{
                status: {"model": ErrorAnswer, "description": text}
                for status, text in {
                    400: "The request is wrong",
                    401: "Not logged in",
                    403: "The role does not allow it",
                    503: "The database does not answer",
                }.items()
            },
        },
    )
    sessions = Sessions(accounts, passwords or Passwords(), settings, now)
    passkeys = Passkeys(accounts, sessions, settings, now)
    provider_login = ProviderLogin(provider, accounts, sessions, settings, now) if provider else None
    watch = EventWatch(
        studies,
        settings.event_poll,
        settings.max_event_streams,
        settings.max_event_streams_each,
        accounts.revocations,
    )
    app.state.watch = watch
    for router in (
        build_health_router(readiness),
        build_login_router(sessions, settings, has_provider=provider is not None),
        build_provider_router(provider_login, settings),
        build_passkey_router(passkeys, accounts, settings),
        build_device_router(sessions, accounts, settings, now),
        build_study_router(studies),
        build_image_router(images),
        build_event_router(watch, sessions, settings),
        build_operation_router(operations),
        build_metrics_router(metrics, is_open=settings.is_open(METRICS_PATH)),
        *routers,
    ):
        app.include_router(router)
    install_error_handlers(app)
    app.add_middleware(BodyLimit)  # within the gate: of whom it sends away it reads nothing
    app.add_middleware(Gate, accounts=accounts, sessions=sessions, settings=settings, now=now)
    app.add_middleware(SecurityHeaders)  # added last, so outermost: the gate's refusals carry the headers too
    return app
