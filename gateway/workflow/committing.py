"""Commit: one attempt at answering a request for storage commitment (PS3.4 Annex J); tried again until it is heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from dicom_node.commitment_report import Verdicts
from dicom_node.destination import Delivered, DicomDestinationSettings, Failed, Outcome, Refused
from dicom_node.storage_commitment import SopReference
from dicom_node.tls import TlsUnusable
from gateway.commitment.address_book import AddressBook
from gateway.commitment.judging import Committed, Judge, Judgement, Lacking, Unsettled
from gateway.database.columns import now
from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.database.engine import Database
from gateway.requestor_tls import requestor_tls
from gateway.workflow.delivering import Patience
from gateway.workflow.jobs import Jobs

log = structlog.get_logger(__name__)
# A machine that takes longer for one small message is taken to be away.
_ANSWER_SECONDS = 30.0

Reporter = Callable[[DicomDestinationSettings, str, Verdicts, structlog.typing.FilteringBoundLogger], Outcome]


@dataclass(frozen=True)
class _Decided:
    """What is to be reported, to whom."""

    transaction_uid: str
    ae_title: str
    address: str
    verdicts: dict[SopReference, int | None]


class Committing:
    """The step of the commit job; safe to run twice: the report may be heard twice, but is never left unsaid.

    Every attempt judges anew, so that what is reported is true when it is said and not only when it was asked.
    """

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        judge: Judge,
        address_book: AddressBook,
        ae_title: str,
        patience: Patience,
        send: Reporter,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._judge = judge
        self._address_book = address_book
        self._ae_title = ae_title
        self._patience = patience
        self._send = send

    def attempt(self, commitment_id: int, attempt: int) -> None:
        """Judge the instances; when all are decided, or patience with the archive has ended, report."""
        with self._database.read() as session:
            row = _current(session, commitment_id, attempt)
            if row is None:
                return
            asked = row
            references = [_reference(item) for item in row.references]
        judgements = self._judge.judge(references)
        with self._database.write() as session:
            row = _current(session, commitment_id, attempt, asked)
            if row is None:
                return
            decided = self._decide(session, row, judgements)
        if decided is None:
            return
        outcome = self._report(decided)
        with self._database.write() as session:
            row = _current(session, commitment_id, attempt, asked)
            if row is not None:
                self._note(session, row, decided, outcome)

    def _decide(
        self, session: Session, row: Commitment, judgements: Mapping[SopReference, Judgement]
    ) -> _Decided | None:
        """Write down what is known; None: an archive is still waited for, and the next attempt is enqueued."""
        moment = now()
        waited_for: list[Unsettled] = []
        verdicts: dict[SopReference, int | None] = {}
        is_late = self._is_late(row, moment)
        for item in row.references:
            judgement = judgements[_reference(item)]
            if isinstance(judgement, Unsettled) and row.decided_at is not None and item.status == "failed":
                judgement = Lacking(item.failure_reason or judgement.failure_reason)  # it had its time already
            if isinstance(judgement, Unsettled):
                waited_for.append(judgement)
            if isinstance(judgement, Committed):
                item.status, item.failure_reason = "committed", None
            elif isinstance(judgement, Lacking) or is_late:
                item.status, item.failure_reason = "failed", judgement.failure_reason
            else:
                item.status, item.failure_reason = "waiting", None
            verdicts[_reference(item)] = item.failure_reason
        if waited_for and not is_late:
            self._again(session, row, moment, waited_for[0].reason)
            log.info(
                "commitment.waits",
                transaction_uid=row.transaction_uid,
                instances=len(waited_for),
                reason=row.last_error,
            )
            return None
        row.decided_at = row.decided_at or moment
        return _Decided(row.transaction_uid, row.requester_ae_title, row.requester_address, verdicts)

    def _report(self, decided: _Decided) -> Outcome:
        listener = self._address_book.listener(decided.ae_title, decided.address)
        if listener is None:
            return Failed(
                f"it is not known where {decided.ae_title} listens: give its entry in dicom.allowed_peers a port"
            )
        try:
            tls = requestor_tls(listener.tls)
        except TlsUnusable as error:
            return Failed(f"{decided.ae_title} can't be called: {error}")
        peer = DicomDestinationSettings(
            name=decided.ae_title,
            host=listener.host,
            port=listener.port,
            ae_title=decided.ae_title,
            calling_ae_title=self._ae_title,
            dimse_timeout=_ANSWER_SECONDS,
            tls=tls,
        )
        return self._send(peer, decided.transaction_uid, decided.verdicts, log)

    def _note(self, session: Session, row: Commitment, decided: _Decided, outcome: Outcome) -> None:
        moment = now()
        if isinstance(outcome, Delivered):
            row.attempts += 1
            row.status, row.reported_at, row.last_error = "reported", moment, None
        elif isinstance(outcome, Refused) or self._is_late(row, moment):
            row.attempts += 1
            row.status, row.last_error = "failed", outcome.reason
        else:
            self._again(session, row, moment, outcome.reason)
        failed = [reason for reason in decided.verdicts.values() if reason is not None]
        log.info(
            "commitment.attempted",
            transaction_uid=row.transaction_uid,
            peer=row.requester_ae_title,
            status=row.status,
            committed=len(decided.verdicts) - len(failed),
            failed=len(failed),
            failure_reasons=sorted({f"0x{reason:04X}" for reason in failed}),
            reason=row.last_error,
        )

    def _again(self, session: Session, row: Commitment, moment: datetime, reason: str) -> None:
        row.attempts += 1
        row.last_error = reason
        delay = self._patience.delay(row.attempts)
        row.next_attempt_at = moment + timedelta(seconds=delay)
        self._jobs.commit(session, row.id, row.attempts + 1, row.requester_ae_title, delay)

    def _is_late(self, row: Commitment, moment: datetime) -> bool:
        """Say whether patience has ended: with the archive, or once all is decided with the requester."""
        return (moment - (row.decided_at or row.asked_at)).total_seconds() > self._patience.give_up_after


def _current(session: Session, commitment_id: int, attempt: int, asked: Commitment | None = None) -> Commitment | None:
    """Return the request if this attempt is still its next one; None when it is over, was overtaken or forgotten.

    `asked`: the request as it was found first; SQLite may have given its id to another one since.
    """
    row = session.scalars(
        select(Commitment)
        .where(Commitment.id == commitment_id, Commitment.status == "waiting", Commitment.attempts == attempt - 1)
        .options(selectinload(Commitment.references))
        .with_for_update()
    ).one_or_none()
    if row is not None and asked is not None and _name(row) != _name(asked):
        return None
    return row


def _name(row: Commitment) -> tuple[str, str]:
    return row.requester_ae_title, row.transaction_uid


def _reference(item: CommitmentReference) -> SopReference:
    return SopReference(item.sop_class_uid, item.sop_instance_uid)
