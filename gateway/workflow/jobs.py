"""The one module that hands work to the workflow engine (DBOS): names, queues, and enqueueing in our transactions."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any, Final

from dbos import DBOSClient, EnqueueOptions
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from gateway.database.engine import Database

APPLICATION: Final = "mammogate"
# Pinned for good: the default is a hash of the source, which would strand work in flight at every upgrade.
APPLICATION_VERSION: Final = "1"

GATHER: Final = "gather"
PROCESS: Final = "process"
DELIVER: Final = "deliver"
COMPARE: Final = "compare"
COMMIT: Final = "commit"
PUSH: Final = "push"
_ALIVE: Final = ("ENQUEUED", "DELAYED", "PENDING")
_SLIM: Final[dict[str, Any]] = {"load_input": False, "load_output": False}


def gather_id(study_uid: str, generation: int) -> str:
    """Return the id of the job that collects a generation."""
    return f"gather:{study_uid}:{generation}"


def process_id(study_uid: str, generation: int, run: int) -> str:
    """Return the id of one attempt at reading and reporting a generation."""
    return f"process:{study_uid}:{generation}:{run}"


def deliver_id(study_uid: str, generation: int, destination: str, attempt: str) -> str:
    """Return the id of one attempt at delivering what a generation owes to a destination."""
    return f"deliver:{study_uid}:{generation}:{destination}:{attempt}"


def compare_id(duplicate_id: int) -> str:
    """Return the id of the comparison of a duplicate."""
    return f"compare:{duplicate_id}"


def commit_id(commitment_id: int, attempt: int) -> str:
    """Return the id of one attempt at answering a request for storage commitment."""
    return f"commit:{commitment_id}:{attempt}"


def push_id(study_uid: str, generation: int, subscription_id: int, attempt: int) -> str:
    """Return the id of one attempt at telling a device of a study."""
    return f"push:{study_uid}:{generation}:{subscription_id}:{attempt}"


class Jobs:
    """Enqueues work, in the transaction of the `session`. Enqueueing an id that exists already does nothing."""

    def __init__(self, database: Database) -> None:
        self._client = DBOSClient(
            system_database_engine=database.engine,
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    def gather(
        self, session: Session | Connection, study_uid: str, generation: int, delay_seconds: float, suffix: str = ""
    ) -> None:
        """Collect a generation; looks for the first time after the delay. A suffix makes it another job."""
        workflow_id = gather_id(study_uid, generation) + suffix
        self._enqueue(session, GATHER, workflow_id, delay_seconds, study_uid, generation)

    def process(
        self,
        session: Session | Connection,
        study_uid: str,
        generation: int,
        run: int,
        *,
        attempt: int = 1,
        delay_seconds: float = 0,
    ) -> None:
        """Read and report a frozen generation; the attempts after the first are those of a study without an engine."""
        workflow_id = process_id(study_uid, generation, run)
        if attempt == 1:
            self._enqueue(session, PROCESS, workflow_id, delay_seconds, study_uid, generation, run)
        else:
            again = f"{workflow_id}.{attempt}"
            self._enqueue(session, PROCESS, again, delay_seconds, study_uid, generation, run, attempt)

    def deliver(
        self,
        session: Session | Connection,
        study_uid: str,
        generation: int,
        destination: str,
        attempt: str,
        delay_seconds: float,
    ) -> None:
        """Try once to deliver what the generation still owes to the destination."""
        workflow_id = deliver_id(study_uid, generation, destination, attempt)
        arguments = (study_uid, generation, destination, attempt)
        # One partition a destination: one that hangs holds up nobody else.
        self._enqueue(session, DELIVER, workflow_id, delay_seconds, *arguments, partition=destination)

    def compare(self, session: Session | Connection, duplicate_id: int, suffix: str = "") -> None:
        """Compare a duplicate with what was there first."""
        self._enqueue(session, COMPARE, compare_id(duplicate_id) + suffix, 0, duplicate_id)

    def commit(
        self, session: Session, commitment_id: int, attempt: int, requester: str, delay_seconds: float, suffix: str = ""
    ) -> None:
        """Try once to answer a request for storage commitment."""
        workflow_id = commit_id(commitment_id, attempt) + suffix
        # One partition a requester: one that hangs holds up nobody else.
        self._enqueue(session, COMMIT, workflow_id, delay_seconds, commitment_id, attempt, partition=requester)

    def push(
        self,
        session: Session,
        study_uid: str,
        generation: int,
        subscription_id: int,
        attempt: int,
        delay_seconds: float,
    ) -> None:
        """Try once to tell a device that there is something to read."""
        workflow_id = push_id(study_uid, generation, subscription_id, attempt)
        arguments = (study_uid, generation, subscription_id, attempt)
        # One partition a device: a push service that hangs holds up nobody else.
        self._enqueue(session, PUSH, workflow_id, delay_seconds, *arguments, partition=str(subscription_id))

    def hurry_gather(self, study_uid: str, generation: int, delay_seconds: float) -> None:
        """Have a waiting gather job look after `delay_seconds`; does nothing when it is already looking."""
        self._client.set_workflow_delay(gather_id(study_uid, generation), delay_seconds=delay_seconds)

    def hasten(self, queue: str, longest_seconds: float) -> int:
        """Have the jobs of a queue that wait longer than any may look now; return how many: the clock was set back."""
        latest = (time.time() + longest_seconds) * 1000
        waiting = self._client.list_workflows(queue_name=queue, status=["DELAYED"], **_SLIM)
        late = [job.workflow_id for job in waiting if (job.delay_until_epoch_ms or 0) > latest]
        for workflow_id in late:
            self._client.set_workflow_delay(workflow_id, delay_seconds=0)
        return len(late)

    def is_alive(self, workflow_id: str) -> bool:
        """Say whether a job with this id, or another try of it (id + "." + anything), waits or runs."""
        alive = list(_ALIVE)
        return bool(
            self._client.list_workflows(workflow_ids=[workflow_id], status=alive, **_SLIM)
            or self._client.list_workflows(workflow_id_prefix=f"{workflow_id}.", status=alive, **_SLIM)
        )

    def any_alive(self, prefix: str) -> bool:
        """Say whether any job whose id starts so waits or runs."""
        return bool(self._client.list_workflows(workflow_id_prefix=prefix, status=list(_ALIVE), **_SLIM))

    def executors(self) -> set[str]:
        """Return the names of all processes that are running jobs now, or died while they did."""
        running = self._client.list_workflows(status=["PENDING"], **_SLIM)
        return {job.executor_id for job in running if job.executor_id}

    def adopt(self, executor_id: str) -> int:
        """Put what a dead executor was running back into its queues; return how many jobs that were."""
        running = self._client.list_workflows(executor_id=executor_id, status=["PENDING"], **_SLIM)
        for queue in {job.queue_name for job in running if job.queue_name}:
            ids = [job.workflow_id for job in running if job.queue_name == queue]
            self._client.resume_workflows(ids, queue_name=queue)
        return len(running)

    def exists(self, workflow_id: str) -> bool:
        """Say whether a job with this id was ever enqueued (and not yet pruned)."""
        return bool(self._client.list_workflows(workflow_ids=[workflow_id], **_SLIM))

    def count_waiting_for_engine(self) -> int:
        """Return how many studies are tried again, later or now: only without an engine a study gets a second attempt.

        Those that are tried just now count too: while the server hangs, a study is as often tried as it waits.
        """
        alive = self._client.list_workflows(queue_name=PROCESS, status=list(_ALIVE), **_SLIM)
        again = {job.workflow_id.rpartition(".")[0] for job in alive if "." in job.workflow_id.rpartition(":")[2]}
        return len(again)

    def prune(self, before: datetime, limit: int = 1000) -> int:
        """Delete finished jobs that ended before `before`, at most `limit`; return how many. Nothing else does."""
        moment = before.astimezone(UTC).isoformat()
        done = self._client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"], completed_before=moment, limit=limit, **_SLIM
        )
        if done:
            self._client.delete_workflows([job.workflow_id for job in done])
        return len(done)

    def forget(self, prefixes: list[str]) -> None:
        """Delete every job whose id starts with one of `prefixes`, finished or not."""
        found = [
            job.workflow_id for prefix in prefixes for job in self._client.list_workflows(workflow_id_prefix=prefix)
        ]
        if found:
            self._client.cancel_workflows(found)
            self._client.delete_workflows(found)

    def _enqueue(
        self,
        session: Session | Connection,
        queue: str,
        workflow_id: str,
        delay: float,
        *arguments: str | int,
        partition: str | None = None,
    ) -> None:
        options: EnqueueOptions = {
            "workflow_name": queue,
            "queue_name": queue,
            "workflow_id": workflow_id,
            "app_version": APPLICATION_VERSION,
        }
        if delay > 0:
            options["delay_seconds"] = delay
        if partition is not None:
            options["queue_partition_key"] = partition
        self._client.enqueue_in_transaction(session, options, *arguments)
