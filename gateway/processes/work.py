"""The working process: runs the durable workflow, with the pixels in a child process."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial

import structlog

from config.settings import CommitmentSettings, DeliverySettings, Settings
from dicom_node.commitment_report import send_report
from gateway.commitment.judging import Judge
from gateway.parts import Parts
from gateway.pictures.making import Picturing
from gateway.processes.audit_trail import send_audit_trail
from gateway.processes.joining import joined
from gateway.processes.outgoing import open_archives, open_deletable, open_destinations
from gateway.processes.remote_engine import remote_server
from gateway.processes.synthetic import send_synthetic_studies
from gateway.processes.tracing import traces
from gateway.push.pushing import PATIENCE, Pushing
from gateway.push.recipients import session_limits
from gateway.push.switch import open_courier
from gateway.reading import tasks
from gateway.reading.child import Child
from gateway.reading.engines import Engines
from gateway.retention.deleting import Retention
from gateway.retention.witnesses import ArchiveWitness, SiteWitness
from gateway.tracing.steps import TracedSteps
from gateway.workflow import jobs
from gateway.workflow.adopting import Adoption
from gateway.workflow.clock_watch import ClockWatch
from gateway.workflow.committing import Committing
from gateway.workflow.comparing import Comparing
from gateway.workflow.delivering import Delivering, Patience
from gateway.workflow.engine import WorkflowEngine, plain_reason
from gateway.workflow.gathering import Gathering
from gateway.workflow.processing import Processing, Site
from gateway.workflow.sweeping import Sweep
from inference.remote.server import RemoteServer

log = structlog.get_logger(__name__)
_SWEEP_SECONDS = 10.0
_RETENTION_SECONDS = 600.0
_PICTURES_SECONDS = 3600.0


def work(parts: Parts, stop: threading.Event) -> None:
    """Work until `stop` is set.

    Raises:
        StartRefused: this worker runs already, the remote engine's client is not installed, or a file for TLS to the
            syslog server can't be used.

    """
    settings = parts.settings
    server = remote_server(settings.inference)
    with joined(parts, "work") as name, traces(parts, name) as traced:
        child = Child(settings.inference.timeout_seconds)
        picturing = Picturing(parts.database, parts.folders, child, settings.reserve_mib * 2**20)
        clock = ClockWatch()
        pushing = _pushing(parts)
        engine = WorkflowEngine(
            parts.database,
            executor_id=name,
            gathering=Gathering(
                parts.database,
                parts.jobs,
                settle_seconds=settings.study.settle_seconds,
                quiet_seconds=settings.study.quiet_seconds,
                forward_to=parts.forward_to,
                clock=clock,
            ),
            processing=Processing(
                parts.database,
                parts.folders,
                parts.jobs,
                child,
                parts.plan(),
                Site(parts.installation, settings.site.draw_without_asking),
                Engines(child, server, _fallback_seconds(settings)),
                _engine_patience(settings),
                announce=pushing.announce,
            ),
            delivering=Delivering(
                parts.database,
                parts.folders,
                parts.jobs,
                open_destinations(settings),
                _patience(settings.delivery),
                by_deletion=open_deletable(settings),
            ),
            comparing=Comparing(parts.database, parts.folders, child),
            committing=_committing(parts),
            picturing=picturing,
            pushing=pushing,
            slots=1,  # one child process reads
            around=None if traced is None else TracedSteps(traced).wrap,
        )
        engine.start()
        sweep = Sweep(parts.database, parts.jobs, clock=clock, longest_delays=_longest_delays(settings))
        sweeper = threading.Thread(target=sweep.run, args=(stop, _SWEEP_SECONDS), name="sweep", daemon=True)
        sweeper.start()
        adoption = Adoption(parts.database, parts.jobs)
        threading.Thread(target=adoption.run, args=(stop,), name="adoption", daemon=True).start()
        deleting = _delete_by_age(parts, stop)
        send_synthetic_studies(parts, stop)
        auditing = send_audit_trail(parts, name, stop)
        pictures = threading.Thread(target=picturing.run, args=(stop, _PICTURES_SECONDS), name="pictures", daemon=True)
        pictures.start()
        threading.Thread(target=_warm_up, args=(child, server), name="warm-up", daemon=True).start()
        log.info("work.started", executor=name)
        stop.wait()
        # The child goes last: a step that is reading needs it to end well.
        engine.stop()
        pictures.join(timeout=5)  # the image that it is at
        child.close()
        if deleting is not None:
            deleting.join(timeout=5)  # the image that it is at
        if auditing is not None:
            auditing.join(timeout=5)  # the batch that it is at


def _longest_delays(settings: Settings) -> dict[str, float]:
    return {
        jobs.GATHER: max(settings.study.quiet_seconds, settings.study.settle_seconds),
        jobs.PROCESS: settings.inference.longest_retry_seconds,
        jobs.DELIVER: settings.delivery.longest_retry_seconds,
        jobs.COMMIT: settings.commitment.longest_retry_seconds,
        jobs.PUSH: PATIENCE.longest_retry,
    }


def _pushing(parts: Parts) -> Pushing:
    settings = parts.settings
    courier = partial(open_courier, settings, parts.folders)
    return Pushing(parts.database, parts.jobs, courier, settings.push.roles, session_limits(settings.http))


def _fallback_seconds(settings: Settings) -> float | None:
    minutes = settings.inference.fallback_minutes
    return None if minutes is None else minutes * 60


def _engine_patience(settings: Settings) -> Patience:
    section = settings.inference
    return Patience(section.first_retry_seconds, section.longest_retry_seconds, give_up_after=float("inf"))


def _warm_up(child: Child, server: RemoteServer | None) -> None:
    """Start the child and load the model before the first study needs them."""
    try:
        version = child.run(tasks.model_version, server)
    except Exception as error:  # noqa: BLE001 - the first study that needs the model says it again, and visibly
        log.error("work.model_unusable", error=type(error).__name__, reason=plain_reason(error))
        return
    log.info("work.ready", model=version)


def _judge(parts: Parts) -> Judge:
    return Judge(
        parts.database,
        parts.folders,
        store_is_archive=parts.settings.site.store_is_archive,
        archives=open_archives(parts.settings),
    )


def _delete_by_age(parts: Parts, stop: threading.Event) -> threading.Thread | None:
    """Start what deletes images by age; None where the site has not switched it on."""
    section = parts.settings.retention
    if section.after_days is None:
        return None
    witness = SiteWitness() if section.pacs_has_its_own_copy else ArchiveWitness(_judge(parts))
    child = Child(parts.settings.inference.timeout_seconds)
    retention = Retention(parts.database, parts.folders, child, witness, timedelta(days=section.after_days))
    thread = threading.Thread(target=retention.run, args=(stop, _RETENTION_SECONDS), name="retention", daemon=True)
    thread.start()
    return thread


def _committing(parts: Parts) -> Committing:
    settings = parts.settings
    return Committing(
        parts.database,
        parts.jobs,
        _judge(parts),
        parts.address_book,
        settings.dicom.ae_title,
        _patience(settings.commitment),
        send_report,
    )


def _patience(section: DeliverySettings | CommitmentSettings) -> Patience:
    return Patience(
        first_retry=section.first_retry_seconds,
        longest_retry=section.longest_retry_seconds,
        give_up_after=section.give_up_hours * 3600,
    )
