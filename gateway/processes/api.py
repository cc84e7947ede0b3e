"""The API process: the feed, STOW-RS uploads, and the viewer's shell."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog
import uvicorn
from fastapi import FastAPI

from android_viewer.asset_links import ASSET_LINKS_PATH, build_asset_links_router
from android_viewer.shell import ShellFile, ShellMissing, build_shell_router, read_shell
from config.settings import HttpSettings, Settings
from dicom_node.intake import Intake
from dicom_node.stow_router import build_stow_router
from gateway import __version__
from gateway.abandoned import close_own
from gateway.feed.accounts import Accounts
from gateway.feed.feedback import FeedbackRows
from gateway.feed.images import Images
from gateway.feed.notes import Notes
from gateway.feed.operations import KnownDestination, Operations
from gateway.feed.push import PushDevices
from gateway.feed.readiness import Check, Readiness, database_check, disk_check, synthetic_check, worker_check
from gateway.feed.studies import Studies
from gateway.monitoring.prometheus import PrometheusText
from gateway.monitoring.work_figures import WorkFigures
from gateway.parts import Parts
from gateway.processes.joining import joined
from gateway.processes.outgoing import open_destination
from gateway.processes.stopping import StartRefused
from gateway.processes.tracing import traces
from gateway.push.recipients import session_limits
from gateway.push.switch import push_switch
from gateway.uploads.desk import Desk, UploadLimits
from gateway.uploads.storing import UploadStorer
from gateway.uploads.tidying import Tidying
from gateway.workflow.resending import resend_study
from gateway.workflow.retrying import UnknownStudy, retry_study
from inference.card import ModelInfo, ModelUnusable, read_model_info
from reporting.feed.app import create_feed
from reporting.feed.caller import require_upload
from reporting.feed.feedback_routes import build_feedback_router
from reporting.feed.login_stores import IdentityProvider
from reporting.feed.metrics_route import METRICS_PATH
from reporting.feed.note_routes import build_note_router
from reporting.feed.provider_routes import CALLBACK_PATH
from reporting.feed.push_routes import build_push_router
from reporting.feed.server import FeedServer
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import UnknownStudyError
from reporting.feed.upload_routes import build_upload_router

log = structlog.get_logger(__name__)


def build_app(parts: Parts, intake: Intake, wake_storer: Callable[[], None] = lambda: None) -> FastAPI:
    """Return the feed over the gateway's database, with STOW-RS into the same durable intake as C-STORE.

    `wake_storer` is called when an upload waits to be stored.
    """
    http = parts.settings.http
    shell = _shell()

    def retry(study_uid: str) -> int:
        try:
            return retry_study(parts.database, parts.jobs, study_uid)
        except UnknownStudy as error:
            raise UnknownStudyError(str(error)) from error

    def resend(study_uid: str, destination: str) -> int:
        return resend_study(parts.database, parts.jobs, parts.plan(), study_uid, destination)

    switch = partial(push_switch, parts.settings, parts.folders)
    destinations = [
        KnownDestination(item.name, item.kind, item.url or f"{item.ae_title}@{item.host}:{item.port}")
        for item in parts.settings.destinations
    ]
    return create_feed(
        studies=Studies(parts.database, parts.folders),
        accounts=Accounts(parts.database),
        operations=Operations(parts.database, destinations, retry, resend, partial(_look_at, parts.settings)),
        readiness=Readiness(
            {
                "database": database_check(parts.database),
                "disk": disk_check(parts.folders, parts.settings.reserve_mib * 2**20),
                "worker": worker_check(parts.database),
                **_synthetic(parts),
            }
        ),
        metrics=PrometheusText(
            parts.database,
            _model(),
            work=WorkFigures(parts.database, parts.folders, parts.jobs, parts.settings).families,
        ),
        images=Images(parts.database, parts.folders),
        settings=FeedSettings(
            version=__version__,
            secure_cookies=http.secure_cookies,
            session_lifetime=_hours(http.session_hours),
            session_idle=_hours(http.idle_minutes / 60),
            public_url=http.public_url,
            open_paths=(*shell, ASSET_LINKS_PATH, *((METRICS_PATH,) if http.metrics_open else ())),
        ),
        provider=_provider(http),
        routers=[
            build_stow_router(intake, require_upload),
            build_upload_router(Desk(parts.database, parts.folders, _upload_limits(parts), wake_storer)),
            build_note_router(Notes(parts.database)),
            build_feedback_router(FeedbackRows(parts.database)),
            build_push_router(PushDevices(parts.database, parts.settings.push, session_limits(http), switch)),
            build_shell_router(shell),
            build_asset_links_router(http.app_certificates),
        ],
    )


def serve_api(parts: Parts, stop: threading.Event) -> None:
    """Serve until `stop` is set.

    Raises:
        StartRefused: the port is taken, or this API process runs already.

    """
    http = parts.settings.http
    with joined(parts, "api") as name, traces(parts, name) as traced:
        close_own(parts.database, parts.jobs, name)
        listening = _listen(http.host, http.port)
        intake = parts.intake(name, traced)
        storer = _store_uploads(parts, intake, stop)
        app = build_app(parts, intake, storer.wake)
        server = FeedServer(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5), app)
        log.info("api.listening", host=http.host, port=listening.getsockname()[1])
        serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="api")
        serving.start()
        while not stop.wait(0.2) and serving.is_alive():
            pass
        server.should_exit = True
        serving.join()
        intake.close()


def _synthetic(parts: Parts) -> dict[str, Check]:
    if parts.settings.synthetic.every_minutes is None:
        return {}
    return {"synthetic study": synthetic_check(parts.database, parts.settings.synthetic)}


def _upload_limits(parts: Parts) -> UploadLimits:
    section = parts.settings.upload
    return UploadLimits(
        max_bytes=section.max_mib << 20,
        reserve_bytes=parts.settings.reserve_mib << 20,
        keep=_hours(section.keep_hours),
    )


def _store_uploads(parts: Parts, intake: Intake, stop: threading.Event) -> UploadStorer:
    """Start what stores uploads that are all there, and what removes those that nobody goes on with."""
    storer = UploadStorer(parts.database, parts.folders, intake, parts.settings.upload.max_unpacked_mib << 20)
    threading.Thread(target=storer.run, args=(stop,), name="uploads", daemon=True).start()
    tidying = Tidying(parts.database, parts.folders, _hours(parts.settings.upload.keep_hours))
    threading.Thread(target=tidying.run, args=(stop,), name="tidying", daemon=True).start()
    return storer


def _look_at(settings: Settings, name: str) -> tuple[bool, str]:
    item = next(item for item in settings.destinations if item.name == name)
    try:
        health = open_destination(item, settings.dicom.ae_title).health()
    except StartRefused as error:
        return False, str(error)
    return health.ok, health.detail


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise StartRefused(
            f"port {port} on {host} can't be used for HTTP ({error.strerror}): stop the program that has it, or set "
            "HTTP__PORT to a free port"
        ) from None
    listening.listen(128)
    return listening


def _provider(http: HttpSettings) -> IdentityProvider | None:
    if http.oidc.issuer is None:
        return None
    # Its libraries cost memory that a gateway without such a provider can do without.
    from gateway.feed.oidc_provider import OidcProvider

    return OidcProvider(http.oidc, f"{http.public_url}{CALLBACK_PATH}")


def _model() -> ModelInfo | None:
    try:
        return read_model_info()
    except ModelUnusable as error:
        log.warning("api.no_model_card", error=str(error))
        return None


def _shell() -> dict[str, ShellFile]:
    try:
        return read_shell()
    except ShellMissing as error:
        log.warning("api.no_viewer", error=str(error))  # programs and other viewers get their feed all the same
        return {}


def _hours(hours: float) -> timedelta:
    return timedelta(hours=hours)
