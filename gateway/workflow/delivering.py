"""Deliver: one attempt at giving a destination what a generation still owes it; failures are tried again later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dicom_node.destination import CanDelete, Delivered, Destination, Failed, NotTried, Outcome, Refused
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.found_again import deliveries_again
from gateway.database.models import Delivery, Report, Study
from gateway.database.named_files import REJECTION_NOTE
from gateway.folders import Folders
from gateway.tracing import open_span
from gateway.workflow.destinations import owe_anew
from gateway.workflow.error_place import place_of
from gateway.workflow.events import append
from gateway.workflow.jobs import Jobs

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often and how long a destination that is away is tried (seconds)."""

    first_retry: float
    longest_retry: float
    give_up_after: float

    def delay(self, attempts: int) -> float:
        """Return the pause after so many failed attempts: doubled each time, up to the longest."""
        return float(min(self.longest_retry, self.first_retry * 2.0 ** min(attempts - 1, 30)))


def turn(row: Delivery) -> tuple[bool, int, bool, int]:
    """Return what rows are sorted by: images before reports before withdrawals.

    But what was tried more often comes later, so that an object on which the destination breaks holds up no other for
    good. Then reports go before images: a report without its image says more than neither.
    """
    return row.action == "withdraw", row.attempts, row.instance_id is None, row.id


class Delivering:
    """The step of the deliver job; safe to run twice, since every object has one UID for good."""

    def __init__(
        self,
        database: Database,
        folders: Folders,
        jobs: Jobs,
        destinations: Mapping[str, Destination],
        patience: Patience,
        by_deletion: Mapping[str, CanDelete],
    ) -> None:
        self._database = database
        self._folders = folders
        self._jobs = jobs
        self._destinations = destinations
        self._patience = patience
        self._by_deletion = dict(by_deletion)

    def attempt(self, study_uid: str, generation: int, name: str, attempt: str) -> None:
        """Send what is still waiting, each in its turn, and note what came of each."""
        destination = self._destinations.get(name)
        with self._database.write() as session:
            owed = self._owed(session, study_uid, generation, name)
            # Committed before anything is sent: whoever overtakes an object knows then whether it may have arrived.
            first = {row.id for row in owed if row.action == "send" and not row.maybe_there}
            for row in owed:
                row.maybe_there = row.maybe_there or (row.id in first and destination is not None)
        if not owed:
            return
        if destination is None:
            sentence = f"no destination is called {name} any more: put it back into the settings, then retry"
            outcomes: dict[int, Outcome] = {row.id: Refused(sentence) for row in owed}
        else:
            outcomes = self._send(destination, owed)
        with self._database.write() as session:
            there = deliveries_again(session, owed)
            self._withdraw_again(session, study_uid, name, owed, there, outcomes)
            self._note(session, study_uid, generation, name, attempt, there, outcomes, first)

    def _owed(self, session: Session, study_uid: str, generation: int, name: str) -> Sequence[Delivery]:
        rows = session.scalars(
            select(Delivery)
            .join(Study, Study.id == Delivery.study_id)
            .where(
                Study.study_instance_uid == study_uid,
                Delivery.generation == generation,
                Delivery.destination == name,
                Delivery.status == "waiting",
            )
            .options(joinedload(Delivery.report), joinedload(Delivery.instance), joinedload(Delivery.study))
            .order_by(Delivery.id)
            .with_for_update(of=Delivery)
        ).all()
        return sorted(rows, key=turn)

    def _send(self, destination: Destination, owed: Sequence[Delivery]) -> dict[int, Outcome]:
        paths = {row.id: self._file(row) for row in owed if row.action == "send"}
        sent = _deliver(destination, list(paths.values()))
        outcomes: dict[int, Outcome] = {row_id: sent[path] for row_id, path in paths.items()}
        if withdrawn := [row for row in owed if row.action == "withdraw"]:
            outcomes |= self._withdraw(destination, withdrawn)
        return outcomes

    def _withdraw(self, destination: Destination, rows: Sequence[Delivery]) -> dict[int, Outcome]:
        """Take back objects of an earlier generation: one note for all of them, or a deletion each."""
        if destination.name not in self._by_deletion:
            replacing = self._folders.reports / rows[0].study.study_instance_uid / str(rows[0].generation)
            note = replacing / REJECTION_NOTE
            said = _deliver(destination, [note])[note]
            return {row.id: said for row in rows}
        deleting = self._by_deletion[destination.name]
        return {row.id: _delete(deleting, row.report.sop_instance_uid) for row in rows if row.report is not None}

    def _file(self, row: Delivery) -> Path:
        source = row.report or row.instance
        assert source is not None, "a delivery is of a report or of an image"  # noqa: S101 - invariant of the rows
        return self._folders.root / source.path

    def _note(
        self,
        session: Session,
        study_uid: str,
        generation: int,
        name: str,
        attempt: str,
        there: Sequence[Delivery],
        outcomes: Mapping[int, Outcome],
        first: set[int],
    ) -> None:
        moment = now()
        again: list[Delivery] = []
        failed = 0
        for row in there:
            if row.status != "waiting":
                continue
            outcome = outcomes[row.id]
            row.attempts += not isinstance(outcome, NotTried)
            if isinstance(outcome, Refused | NotTried) and row.id in first:
                row.maybe_there = False
            if isinstance(outcome, Delivered):
                row.status, row.delivered_at, row.last_error = "delivered", moment, None
            elif isinstance(outcome, Refused) or self._is_hopeless(row, moment):
                row.status, row.last_error = "failed", outcome.reason
                failed += 1
            else:
                row.last_error = outcome.reason
                again.append(row)
        # Those whose turn has not come have fewer attempts; the destination is to be left alone all the same.
        delay = self._patience.delay(max([_number(attempt), *(row.attempts for row in again)]))
        for row in again:
            row.next_attempt_at = moment + timedelta(seconds=delay)
        if again:
            self._jobs.deliver(session, study_uid, generation, name, _next(attempt), delay)
        delivered = len(outcomes) - len(again) - failed
        open_span.note(delivered=delivered, waiting=len(again), failed=failed)
        append(session, "delivery", study_uid, {"destination": name, "generation": generation})
        log.info(
            "delivery.attempted",
            study=study_uid,
            destination=name,
            delivered=delivered,
            waiting=len(again),
            failed=failed,
            reason=again[0].last_error if again else None,
        )

    def _withdraw_again(
        self,
        session: Session,
        study_uid: str,
        name: str,
        owed: Sequence[Delivery],
        there: Sequence[Delivery],
        outcomes: Mapping[int, Outcome],
    ) -> None:
        """Have withdrawn once more what arrived after a later generation had overtaken it: it may have come second."""
        left = {row.id for row in there}
        late = [
            row.report.sop_instance_uid
            for row in owed
            if row.action == "send"
            and row.report is not None
            and row.id not in left
            and not isinstance(outcomes[row.id], Refused)
        ]
        rows = session.scalars(
            select(Delivery)
            .join(Report, Report.id == Delivery.report_id)
            .where(Report.sop_instance_uid.in_(late), Delivery.destination == name, Delivery.action == "withdraw")
            .with_for_update(of=Delivery)
        ).all()
        owe_anew(session, self._jobs, study_uid, name, rows, "withdraw")
        if rows:
            log.info("delivery.overtaken", study=study_uid, destination=name, objects=len(rows))

    def _is_hopeless(self, row: Delivery, moment: datetime) -> bool:
        return row.attempts > 0 and (moment - row.first_due_at).total_seconds() > self._patience.give_up_after


def _deliver(destination: Destination, paths: Sequence[Path]) -> dict[Path, Outcome]:
    """Deliver; what a destination raises, against its promise, is a failure of the object that it was at."""
    told: dict[Path, Outcome] = {}
    try:
        return destination.deliver(paths, told.__setitem__) if paths else {}
    except Exception as error:  # noqa: BLE001 - a defect at one destination must not cost what is known of the others
        failed = _failed(error)
        for path in paths:
            if path not in told:
                told[path] = failed
                failed = NotTried(failed.reason)
        return told


def _delete(deleting: CanDelete, sop_instance_uid: str) -> Outcome:
    try:
        return deleting.delete(sop_instance_uid)
    except Exception as error:  # noqa: BLE001 - as above
        return _failed(error)


def _failed(error: Exception) -> Failed:
    log.error("delivery.failed", error=type(error).__name__, at=place_of(error))
    return Failed(f"the gateway failed over this with an error of kind {type(error).__name__}; its log has the details")


def _number(attempt: str) -> int:
    return int(attempt.rpartition(".")[2])


def _next(attempt: str) -> str:
    """Return the name of the attempt after this one: "1" -> "2", "retry7.1" -> "retry7.2"."""
    head, dot, _ = attempt.rpartition(".")
    return f"{head}{dot}{_number(attempt) + 1}"
