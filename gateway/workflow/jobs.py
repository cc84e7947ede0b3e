"""The one module that hands work to the workflow engine (DBOS): names, queues, and enqueueing in our transactions."""

from __future__ import annotations

from typing import Final

from dbos import DBOSClient, EnqueueOptions
from sqlalchemy.orm import Session

from gateway.database.engine import Database

APPLICATION: Final = "mammogate"
# Pinned for good: the default is a hash of the source, which would strand work in flight at every upgrade.
APPLICATION_VERSION: Final = "1"

GATHER: Final = "gather"
PROCESS: Final = "process"
DELIVER: Final = "deliver"
COMPARE: Final = "compare"
QUEUES: Final = (GATHER, PROCESS, DELIVER, COMPARE)


def gather_id(study_uid: str, generation: int) -> str:
    """Return the id of the job that collects a generation."""
    return f"gather:{study_uid}:{generation}"


def process_id(study_uid: str, generation: int, run: int) -> str:
    """Return the id of one attempt at reading and reporting a generation."""
    return f"process:{study_uid}:{generation}:{run}"


def deliver_id(study_uid: str, generation: int, destination: str, attempt: str) -> str:
    """Return the id of one attempt at delivering what a generation owes to a destination."""
    return f"deliver:{study_uid}:{generation}:{destination}:{attempt}"


class Jobs:
    """Enqueues work. Enqueueing an id that exists already does nothing."""

    def __init__(self, database: Database) -> None:
        self._client = DBOSClient(
            system_database_engine=database.engine,
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    def gather(self, session: Session, study_uid: str, generation: int, delay_seconds: float) -> None:
        """Collect a generation; looks for the first time after the delay."""
        self._enqueue(session, GATHER, gather_id(study_uid, generation), delay_seconds, study_uid, generation)

    def process(self, session: Session, study_uid: str, generation: int, run: int) -> None:
        """Read and report a frozen generation."""
        self._enqueue(session, PROCESS, process_id(study_uid, generation, run), 0, study_uid, generation, run)

    def deliver(
        self, session: Session, study_uid: str, generation: int, destination: str, attempt: str, delay_seconds: float
    ) -> None:
        """Try once to deliver what the generation still owes to the destination."""
        workflow_id = deliver_id(study_uid, generation, destination, attempt)
        arguments = (study_uid, generation, destination, attempt)
        # One partition a destination: one that hangs holds up nobody else.
        self._enqueue(session, DELIVER, workflow_id, delay_seconds, *arguments, partition=destination)

    def compare(self, session: Session, duplicate_id: int) -> None:
        """Compare a duplicate with what was there first."""
        self._enqueue(session, COMPARE, f"compare:{duplicate_id}", 0, duplicate_id)

    def hurry_gather(self, study_uid: str, generation: int, delay_seconds: float) -> None:
        """Have a waiting gather job look after `delay_seconds`; does nothing when it is already looking."""
        self._client.set_workflow_delay(gather_id(study_uid, generation), delay_seconds=delay_seconds)

    def status(self, workflow_id: str) -> str | None:
        """Return the engine's word for the state of a job, None when there is no such job."""
        found = self._client.list_workflows(workflow_ids=[workflow_id], load_input=False, load_output=False)
        return found[0].status if found else None

    def rescue(self, workflow_id: str, queue: str) -> None:
        """Run a job again that the engine gave up on."""
        self._client.resume_workflow(workflow_id, queue_name=queue)

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
        session: Session,
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
