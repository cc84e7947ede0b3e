"""The step of the push job: one attempt at telling one device; failures are tried again for an hour."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.models import Study
from gateway.database.synthetic_models import is_synthetic
from gateway.push.courier import Addressee, Courier, Failed, Gone, Refused, Sent
from gateway.push.recipients import SessionLimits, announce, is_risen, still_wants
from gateway.workflow.delivering import Patience
from gateway.workflow.jobs import Jobs

log = structlog.get_logger(__name__)
PATIENCE: Final = Patience(first_retry=10, longest_retry=600, give_up_after=3600)
_MOST_ATTEMPTS: Final = 12


class Pushing:
    """Safe to run twice: a phone that is told twice shows one notification after the other, and no study twice.

    `courier` gives what sends, or None where messages are off; it is asked each time.
    """

    def __init__(
        self,
        database: Database,
        jobs: Jobs,
        courier: Callable[[], Courier | None],
        roles: Collection[str],
        limits: SessionLimits,
        patience: Patience = PATIENCE,
    ) -> None:
        self._database = database
        self._jobs = jobs
        self._courier = courier
        self._roles = tuple(roles)
        self._limits = limits
        self._patience = patience

    def announce(self, session: Session, study: Study, before: str) -> None:
        """Owe a message to each device that wants one, in the transaction of the report; nothing is sent here.

        A study that the gateway made itself is in no list: nobody is told of it.
        """
        if is_synthetic(session, study.study_instance_uid):
            return
        if is_risen(study.attention, before, study.generation) and self._courier() is not None:
            announce(session, self._jobs, self._roles, study)

    def attempt(self, study_uid: str, generation: int, subscription_id: int, attempt: int) -> None:
        """Tell the device, unless it was switched off, the study is gone, or a later result has its own messages."""
        courier = self._courier()
        if courier is None:
            return
        with self._database.write() as session:
            study = session.scalars(select(Study).where(Study.study_instance_uid == study_uid)).one_or_none()
            row = still_wants(session, subscription_id, self._roles, self._limits)
            if row is None or study is None or study.generation != generation:
                return
            level, reported_at = study.attention, study.updated_at
            to = Addressee(row.endpoint, row.p256dh, row.auth)
        outcome = courier.send(to, level)
        with self._database.write() as session:
            row = still_wants(session, subscription_id, self._roles, self._limits)
            if row is None or row.endpoint != to.endpoint:
                return  # switched off meanwhile; SQLite may have given its id to another device
            if isinstance(outcome, Gone):
                session.delete(row)
            elif isinstance(outcome, Sent):
                row.last_sent_at, row.last_error = now(), None
            else:
                row.last_error = outcome.reason
            if isinstance(outcome, Failed) and not self._is_hopeless(reported_at, attempt):
                delay = self._patience.delay(attempt)
                self._jobs.push(session, study_uid, generation, subscription_id, attempt + 1, delay)
        reason = outcome.reason if isinstance(outcome, (Refused, Failed)) else None
        log.info(
            "push.attempted",
            study=study_uid,
            subscription=subscription_id,
            attempt=attempt,
            outcome=type(outcome).__name__.lower(),
            reason=reason,
        )

    def _is_hopeless(self, reported_at: datetime, attempt: int) -> bool:
        late = now() - reported_at > timedelta(seconds=self._patience.give_up_after)
        return late or attempt >= _MOST_ATTEMPTS
