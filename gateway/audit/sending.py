"""Sending the audit trail, entry by entry in its order, from a position that is kept in the database.

No request waits for this, and a server that is away loses nothing: what it missed is sent when it is back. An entry
may arrive twice, when the connection broke or the gateway died right after it was sent.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from gateway.audit.message import AuditSource, Entry, audit_message
from gateway.audit.syslog import NOTICE, WARNING, Syslog, SyslogAway, syslog_message
from gateway.database.account_models import AuditEntry
from gateway.database.columns import now
from gateway.database.engine import Database

log = structlog.get_logger(__name__)
BATCH = 200
GAP_PATIENCE = timedelta(minutes=2)
"""A number that is missing may belong to a transaction that has not ended; none of ours takes as long as this."""


class Position(Protocol):
    """How far the trail has been sent, and whether it is us who send it."""

    def load(self) -> int: ...

    def save(self, position: int) -> None: ...

    def is_ours(self) -> bool: ...


def complete_beginning(position: int, entries: Sequence[Entry], at: datetime) -> int:
    """Return how many of the entries behind `position` can be sent without passing one that may still appear.

    PostgreSQL gives out numbers before the transactions that draw them end, and these end in any order.
    """
    expected = position + 1
    for index, entry in enumerate(entries):
        if entry.id != expected and at - entry.at < GAP_PATIENCE:
            return index
        expected = entry.id + 1
    return len(entries)


class AuditSender:
    """One of these sends at a time, however many machines there are."""

    def __init__(self, database: Database, position: Position, syslog: Syslog, source: AuditSource) -> None:
        self._database = database
        self._position = position
        self._syslog = syslog
        self._source = source
        self._is_away = False

    def run(self, stop: threading.Event, poll_seconds: float, retry_seconds: float) -> None:
        """Send what there is, and then what comes, until `stop` is set."""
        while not stop.is_set():
            wait = poll_seconds
            try:
                while self._position.is_ours() and self.send_some() and not stop.is_set():
                    pass
            except SyslogAway as error:
                wait = retry_seconds
                if not self._is_away:
                    log.warning("audit.syslog_away", reason=str(error))
                self._is_away = True
            except SQLAlchemyError as error:
                log.warning("audit.database_failed", error=type(error).__name__)
            stop.wait(wait)
        self._syslog.close()

    def send_some(self) -> int:
        """Send the next entries and return how many. Raises `SyslogAway`: the position is where it was."""
        position = self._position.load()
        entries = self._behind(position)
        entries = entries[: complete_beginning(position, entries, now())]
        if not entries:
            return 0
        self._syslog.deliver([self._message(entry) for entry in entries])
        self._position.save(entries[-1].id)
        if self._is_away:
            log.info("audit.syslog_back", position=entries[-1].id)
        self._is_away = False
        return len(entries)

    def _behind(self, position: int) -> list[Entry]:
        wanted = select(AuditEntry).where(AuditEntry.id > position).order_by(AuditEntry.id).limit(BATCH)
        with self._database.read() as session:
            return [
                Entry(row.id, row.at, row.actor, row.action, row.study_instance_uid, row.outcome, row.detail)
                for row in session.scalars(wanted)
            ]

    def _message(self, entry: Entry) -> bytes:
        severity = NOTICE if entry.outcome == "ok" else WARNING
        text = audit_message(entry, self._source)
        return syslog_message(text, at=entry.at, host=self._source.node, severity=severity)
