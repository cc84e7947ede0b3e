"""What operators see and do. Nothing below here reads a patient's name, id or birth date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gateway.database.engine import Database
from gateway.database.models import Delivery
from gateway.feed import failures
from gateway.feed.availability import in_the_feeds_words, reading
from gateway.feed.queue import queue
from gateway.workflow.resending import UnknownDestination
from gateway.workflow.retrying import UnknownStudy
from reporting.feed.operation_schemas import (
    DeadLetter,
    DestinationHealth,
    DestinationState,
    FlaggedStudy,
    QuarantinedFile,
    QueuedWork,
)
from reporting.feed.stores import Listing, UnknownDestinationError, UnknownStudyError


@dataclass(frozen=True)
class KnownDestination:
    """A destination of the settings; `address` is for people and holds no password."""

    name: str
    kind: Literal["dicom", "orthanc", "stow"]
    address: str


class Operations:
    """Implements `reporting.feed.stores.Operations`.

    `retry_study` and `resend_study` do the work and count it; `look_at` asks a known destination whether it is well.
    """

    def __init__(
        self,
        database: Database,
        destinations: Sequence[KnownDestination],
        retry_study: Callable[[str], int],
        resend_study: Callable[[str, str], int],
        look_at: Callable[[str], tuple[bool, str]],
    ) -> None:
        self._database = database
        self._destinations = tuple(destinations)
        self._retry_study = retry_study
        self._resend_study = resend_study
        self._look_at = look_at

    def queue(self, limit: int) -> Listing[QueuedWork]:
        with reading(self._database) as session:
            return queue(session, limit)

    def dead_letters(self, limit: int) -> Listing[DeadLetter]:
        with reading(self._database) as session:
            return failures.dead_letters(session, limit)

    def destinations(self) -> Sequence[DestinationState]:
        with reading(self._database) as session:
            return [_state(session, destination) for destination in self._destinations]

    def quarantine(self, limit: int) -> Listing[QuarantinedFile]:
        with reading(self._database) as session:
            return failures.quarantine(session, limit)

    def flags(self, limit: int) -> Listing[FlaggedStudy]:
        with reading(self._database) as session:
            return failures.flags(session, limit)

    def retry(self, study_instance_uid: str) -> int:
        try:
            with in_the_feeds_words():
                return self._retry_study(study_instance_uid)
        except UnknownStudy as error:
            raise UnknownStudyError(study_instance_uid) from error

    def resend(self, study_instance_uid: str, destination: str) -> int:
        try:
            with in_the_feeds_words():
                return self._resend_study(study_instance_uid, destination)
        except UnknownStudy as error:
            raise UnknownStudyError(study_instance_uid) from error
        except UnknownDestination as error:
            raise UnknownDestinationError(destination) from error

    def check(self, destination: str) -> DestinationHealth:
        if destination not in {known.name for known in self._destinations}:
            raise UnknownDestinationError(destination)
        ok, detail = self._look_at(destination)
        return DestinationHealth(destination=destination, ok=ok, detail=detail)


def _state(session: Session, destination: KnownDestination) -> DestinationState:
    here = Delivery.destination == destination.name
    by_status = select(Delivery.status, func.count()).where(here).group_by(Delivery.status)
    counts: dict[str, int] = {row[0]: row[1] for row in session.execute(by_status)}
    last_error = session.scalar(
        select(Delivery.last_error)
        .where(here, Delivery.last_error.is_not(None))
        .order_by(Delivery.next_attempt_at.desc(), Delivery.id.desc())
        .limit(1)
    )
    return DestinationState(
        name=destination.name,
        kind=destination.kind,
        address=destination.address,
        waiting=counts.get("waiting", 0),
        delivered=counts.get("delivered", 0),
        failed=counts.get("failed", 0),
        last_success_at=session.scalar(select(func.max(Delivery.delivered_at)).where(here)),
        last_error=last_error,
    )
