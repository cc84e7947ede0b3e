"""The CommitmentDesk of `dicom_node`, made durable: the request's row and its job are on disk before the answer."""

from __future__ import annotations

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from dicom_node.storage_commitment import CommitmentRequest, Recorded
from gateway.commitment.address_book import AddressBook
from gateway.database.columns import now
from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.database.engine import Database
from gateway.workflow.jobs import Jobs

log = structlog.get_logger(__name__)


class DurableDesk:
    """One for each receiving process."""

    def __init__(self, database: Database, jobs: Jobs, address_book: AddressBook) -> None:
        self._database = database
        self._jobs = jobs
        self._address_book = address_book

    def record(self, request: CommitmentRequest) -> Recorded:
        """Write row and job in one transaction; a request that waits already is left as it is."""
        ae_title = request.requester_ae_title
        if self._address_book.listener(ae_title, request.requester_address) is None:
            log.warning(
                "commitment.nobody_to_tell",
                peer=ae_title,
                address=request.requester_address,
                advice="Give its entry in dicom.allowed_peers the port (and host) where it listens for the report.",
            )
            return Recorded.NOBODY_TO_TELL
        try:
            try:
                return self._record(request)
            except IntegrityError:
                # The same request came on another association meanwhile: now its row is there to be found.
                return self._record(request)
        except SQLAlchemyError as error:
            log.error("commitment.database_failed", error=type(error).__name__)
        except Exception as error:
            # Whatever else goes wrong, the requester must not believe that its request is safe here.
            log.exception("commitment.not_recorded", error=type(error).__name__)
        return Recorded.OUT_OF_RESOURCES

    def _record(self, request: CommitmentRequest) -> Recorded:
        with self._database.write() as session:
            found = session.scalars(
                select(Commitment)
                .where(
                    Commitment.requester_ae_title == request.requester_ae_title,
                    Commitment.transaction_uid == request.transaction_uid,
                )
                .with_for_update()
            ).one_or_none()
            if found is None:
                self._add(session, request)
                return Recorded.DURABLY
            asked_before = {(item.sop_class_uid, item.sop_instance_uid) for item in found.references}
            if asked_before != {(item.sop_class_uid, item.sop_instance_uid) for item in request.references}:
                return Recorded.OTHER_INSTANCES
            found.requester_address = request.requester_address
            if found.status != "waiting":
                # It has had its report, or we gave up: that it asks again says that it did not get it.
                reopen(session, self._jobs, found)
            return Recorded.DURABLY

    def _add(self, session: Session, request: CommitmentRequest) -> None:
        commitment = Commitment(
            transaction_uid=request.transaction_uid,
            requester_ae_title=request.requester_ae_title,
            requester_address=request.requester_address,
            attempts=0,
            references=[
                CommitmentReference(sop_class_uid=item.sop_class_uid, sop_instance_uid=item.sop_instance_uid)
                for item in request.references
            ],
        )
        session.add(commitment)
        session.flush()
        self._jobs.commit(session, commitment.id, 1, commitment.requester_ae_title, 0)


def reopen(session: Session, jobs: Jobs, commitment: Commitment) -> None:
    """Begin again with a request that is over: judge all instances anew, and report."""
    commitment.status = "waiting"
    commitment.asked_at = commitment.next_attempt_at = now()
    commitment.decided_at = commitment.reported_at = commitment.last_error = None
    for reference in commitment.references:
        reference.status, reference.failure_reason = "waiting", None
    jobs.commit(session, commitment.id, commitment.attempts + 1, commitment.requester_ae_title, 0)
