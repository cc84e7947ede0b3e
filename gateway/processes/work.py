"""The working process: runs the durable workflow, with the pixels in a child process."""

from __future__ import annotations

import threading

import structlog

from config.settings import CommitmentSettings, DeliverySettings, Settings
from dicom_node.commitment_report import send_report
from gateway.commitment.judging import Judge
from gateway.parts import Parts
from gateway.processes.outgoing import open_archives, open_deletable, open_destinations
from gateway.processes.stopping import StartRefused
from gateway.reading import tasks
from gateway.reading.child import Child
from gateway.slots import Slot, SlotTaken
from gateway.workflow import jobs
from gateway.workflow.clock_watch import ClockWatch
from gateway.workflow.committing import Committing
from gateway.workflow.comparing import Comparing
from gateway.workflow.delivering import Delivering, Patience
from gateway.workflow.engine import WorkflowEngine, plain_reason
from gateway.workflow.gathering import Gathering
from gateway.workflow.processing import Processing, Site
from gateway.workflow.sweeping import Sweep

log = structlog.get_logger(__name__)
_SWEEP_SECONDS = 10.0


def work(parts: Parts, stop: threading.Event) -> None:
    """Work until `stop` is set.

    Raises:
        StartRefused: another worker runs on this data folder.

    """
    settings = parts.settings
    try:
        slot = Slot(parts.folders.slots, "work")
    except SlotTaken as error:
        raise StartRefused(str(error)) from None
    with slot:
        child = Child(settings.inference.timeout_seconds)
        clock = ClockWatch()
        engine = WorkflowEngine(
            parts.database,
            executor_id=slot.name,
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
            slots=1,  # one child process reads
        )
        engine.start()
        sweep = Sweep(parts.database, parts.jobs, slot.name, clock=clock, longest_delays=_longest_delays(settings))
        sweeper = threading.Thread(target=sweep.run, args=(stop, _SWEEP_SECONDS), name="sweep", daemon=True)
        sweeper.start()
        threading.Thread(target=_warm_up, args=(child,), name="warm-up", daemon=True).start()
        log.info("work.started", executor=slot.name)
        stop.wait()
        # The child goes last: a step that is reading needs it to end well.
        engine.stop()
        child.close()


def _longest_delays(settings: Settings) -> dict[str, float]:
    return {
        jobs.GATHER: max(settings.study.quiet_seconds, settings.study.settle_seconds),
        jobs.DELIVER: settings.delivery.longest_retry_seconds,
        jobs.COMMIT: settings.commitment.longest_retry_seconds,
    }


def _warm_up(child: Child) -> None:
    """Start the child and load the model before the first study needs them."""
    try:
        version = child.run(tasks.model_version)
    except Exception as error:  # noqa: BLE001 - the first study that needs the model says it again, and visibly
        log.error("work.model_unusable", error=type(error).__name__, reason=plain_reason(error))
        return
    log.info("work.ready", model=version)


def _committing(parts: Parts) -> Committing:
    settings = parts.settings
    judge = Judge(
        parts.database,
        parts.folders,
        store_is_archive=settings.site.store_is_archive,
        archives=open_archives(settings),
    )
    return Committing(
        parts.database,
        parts.jobs,
        judge,
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
