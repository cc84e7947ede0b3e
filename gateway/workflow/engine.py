"""Running the jobs: the workflow engine (DBOS) with our six workflows, for one working process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from dbos import DBOS, DBOSConfig
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.database.engine import Database
from gateway.pictures.making import Picturing
from gateway.push.pushing import Pushing
from gateway.reading.child import ChildCrashed, ChildTooSlow
from gateway.reading.disk import DiskAway
from gateway.workflow.committing import Committing
from gateway.workflow.comparing import Comparing
from gateway.workflow.delivering import Delivering
from gateway.workflow.error_place import place_of
from gateway.workflow.gathering import Gathering
from gateway.workflow.jobs import APPLICATION, APPLICATION_VERSION, COMMIT, COMPARE, DELIVER, GATHER, PROCESS, PUSH
from gateway.workflow.processing import Processing

log = structlog.get_logger(__name__)
_LONGEST_NAP_SECONDS = 10.0
# A process that is killed again and again while it works (20 times in our own tests) is not a poisonous job.
_RECOVERIES = 1000


def _passes(error: BaseException) -> bool:
    """Say whether trying again may help: the database, the disk or the child was away."""
    return isinstance(error, (DBAPIError, PoolTimeout, OSError, ChildCrashed, ChildTooSlow))


class ChildLost(Exception):
    """The process that reads images was lost on a step of which no image is to blame, at every try."""


# Two minutes of short memory may pass; a child that ran out of its time three times has had many.
_TRIES_OF_CHILD: dict[type[BaseException], int] = {ChildCrashed: 8, ChildTooSlow: 2}


def _with_few_children(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give up a step that loses the child sooner than one whose database is away: its study may be the reason."""

    def stepping(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (ChildCrashed, ChildTooSlow) as lost:
            status = DBOS.step_status
            tried = 1 if status is None or status.current_attempt is None else status.current_attempt + 1
            if tried < _TRIES_OF_CHILD[type(lost)]:
                raise
            raise ChildLost(
                f"{lost}, again and again, and no single image is the reason: look at this machine's memory and at "
                "`mammogate doctor`, then have the study retried"
            ) from lost

    return stepping


class WorkflowEngine:
    """Registers the workflows and runs them until `stop`. One per process: DBOS is a singleton."""

    def __init__(
        self,
        database: Database,
        *,
        executor_id: str,
        gathering: Gathering,
        processing: Processing,
        delivering: Delivering,
        comparing: Comparing,
        committing: Committing,
        picturing: Picturing,
        pushing: Pushing,
        slots: int,
        around: Callable[[str, Callable[..., Any]], Callable[..., Any]] | None = None,
    ) -> None:
        """`around`: what each step is wrapped in, by its name; None: nothing."""
        self._slots = slots
        self._around = around or (lambda _, function: function)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_url": database.engine.url.render_as_string(hide_password=False),
            "system_database_engine": database.engine,
            "application_version": APPLICATION_VERSION,
            "executor_id": executor_id,
            "log_level": "ERROR",
            "run_migrations": False,
        }
        DBOS(config=config)
        self._register(gathering, processing, delivering, comparing, committing, picturing, pushing)

    def start(self) -> None:
        """Recover what this process was doing when it last ended, then take work from the queues."""
        DBOS.launch()
        DBOS.register_queue(GATHER, polling_interval_sec=0.5, on_conflict="always_update")
        DBOS.register_queue(
            PROCESS, worker_concurrency=self._slots, polling_interval_sec=0.25, on_conflict="always_update"
        )
        DBOS.register_queue(
            DELIVER, partition_worker_concurrency=1, polling_interval_sec=0.5, on_conflict="always_update"
        )
        DBOS.register_queue(
            COMMIT, partition_worker_concurrency=1, polling_interval_sec=0.5, on_conflict="always_update"
        )
        DBOS.register_queue(PUSH, partition_worker_concurrency=1, polling_interval_sec=1.0, on_conflict="always_update")
        DBOS.register_queue(COMPARE, worker_concurrency=1, polling_interval_sec=1.0, on_conflict="always_update")

    def stop(self, seconds: int = 10) -> None:
        """Let running steps end for so long, then stop; what is unfinished goes on at the next start."""
        DBOS.destroy(workflow_completion_timeout_sec=seconds)

    def _register(
        self,
        gathering: Gathering,
        processing: Processing,
        delivering: Delivering,
        comparing: Comparing,
        committing: Committing,
        picturing: Picturing,
        pushing: Pushing,
    ) -> None:
        def step(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
            wrapped = _with_few_children(self._around(name, function))
            stepped: Callable[..., Any] = DBOS.step(
                name=name,
                retries_allowed=True,
                interval_seconds=1.0,
                backoff_rate=2.0,
                max_attempts=12,  # over an hour in all: a database server may be moved meanwhile
                should_retry=_passes,
            )(lambda *arguments: wrapped(*arguments))
            return stepped

        look = step("gather.look", gathering.look)
        begin = step("process.begin", processing.begin)
        read = step("process.read", processing.read)
        report = step("process.report", processing.report)
        wait_for_engine = step("process.wait_for_engine", processing.wait_for_engine)
        wait_for_disk = step("process.wait_for_disk", processing.wait_for_disk)
        make_picture = step("process.picture", picturing.make)
        give_up = step("process.give_up", processing.give_up)
        attempt_delivery = step("deliver.attempt", delivering.attempt)
        compare_files = step("compare.files", comparing.compare)
        attempt_commitment = step("commit.attempt", committing.attempt)
        attempt_push = step("tell.attempt", pushing.attempt)

        @DBOS.workflow(name=GATHER, max_recovery_attempts=_RECOVERIES)
        def gather(study_uid: str, generation: int) -> None:
            while (wait := look(study_uid, generation)) > 0:
                DBOS.sleep(min(wait, _LONGEST_NAP_SECONDS))

        @DBOS.workflow(name=PROCESS, max_recovery_attempts=_RECOVERIES)
        def process(study_uid: str, generation: int, run: int, attempt: int = 1) -> None:
            stage = "begin"
            images: list[int] = []
            try:
                images = begin(study_uid, generation, run)
                stage = "read"
                for instance_id in images:
                    if (reason := read(study_uid, generation, instance_id)) is not None:
                        wait_for_engine(study_uid, generation, run, attempt, reason)
                        return
                stage = "report"
                report(study_uid, generation, run)
            except DiskAway as away:
                wait_for_disk(study_uid, generation, run, attempt, str(away))
                return
            except Exception as error:  # noqa: BLE001 - whatever failed for good becomes a visible dead letter
                log.error(
                    "process.failed", study=study_uid, stage=stage, error=type(error).__name__, at=place_of(error)
                )
                give_up(study_uid, generation, run, stage, plain_reason(error))
            # After the reports, which are more urgent; and behind all earlier steps, so that a job that was begun by
            # a version without pictures is still the same job.
            for instance_id in images:
                make_picture(instance_id)

        @DBOS.workflow(name=DELIVER, max_recovery_attempts=_RECOVERIES)
        def deliver(study_uid: str, generation: int, destination: str, attempt: str) -> None:
            attempt_delivery(study_uid, generation, destination, attempt)

        @DBOS.workflow(name=PUSH, max_recovery_attempts=_RECOVERIES)
        def push(study_uid: str, generation: int, subscription_id: int, attempt: int) -> None:
            attempt_push(study_uid, generation, subscription_id, attempt)

        @DBOS.workflow(name=COMPARE, max_recovery_attempts=_RECOVERIES)
        def compare(duplicate_id: int) -> None:
            compare_files(duplicate_id)

        @DBOS.workflow(name=COMMIT, max_recovery_attempts=_RECOVERIES)
        def commit(commitment_id: int, attempt: int) -> None:
            attempt_commitment(commitment_id, attempt)


def plain_reason(error: BaseException) -> str:
    """Return one sentence for the operator; our own exceptions bring theirs, others are named by their kind."""
    errors = getattr(error, "errors", None)
    if isinstance(errors, list) and errors:  # the engine's "retries exceeded" wraps what happened
        return plain_reason(errors[-1])
    if type(error).__module__.split(".")[0] in {"gateway", "reporting", "preprocessing", "inference", "dicom_node"}:
        return str(error)
    return f"an unexpected error of kind {type(error).__name__}; the log has its details"
