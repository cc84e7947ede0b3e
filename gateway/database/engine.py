"""The SQLAlchemy engine and its transactions: SQLite (WAL, FULL, IMMEDIATE) or PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

_SQLITE_BUSY_MS = 30_000
_PRIMARY_CODE = 0xFF  # the rest of an extended result code says more
_READING = "mammogate_reading"
# A machine that lost power or is frozen in the middle of a transaction holds locks that others wait for. The server
# lets go of them when it has heard nothing for so long, in the transaction (ms) or at all (s).
_POSTGRESQL_SESSION = {
    "idle_in_transaction_session_timeout": 30_000,
    "tcp_keepalives_idle": 20,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 2,
}


def create_database_engine(url: str) -> Engine:
    """Return an engine whose write transactions are durable and never upgrade a read lock half-way."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(
            url,
            connect_args={"options": _postgresql_options(make_url(url))},
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
        )
    engine = create_engine(
        url,
        connect_args={"timeout": _SQLITE_BUSY_MS / 1000},
        pool_size=10,
        max_overflow=20,
        pool_timeout=60,
        hide_parameters=True,  # an error's text must not hold a patient's name
    )

    @event.listens_for(engine, "connect")
    def _prepare(dbapi_connection: Any, _record: Any) -> None:
        # The driver must not begin transactions on its own: _begin below says which kind.
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_SQLITE_BUSY_MS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # What `forget` deletes must be gone: without this its bytes stay in the file until their page is used again.
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    @event.listens_for(engine, "handle_error")
    def _give_up_read_only(context: ExceptionContext) -> None:
        # What SQLite had to open for reading stays so for as long as this process has any such connection, also when
        # the file can be written again.
        code = getattr(context.original_exception, "sqlite_errorcode", sqlite3.SQLITE_OK)
        if code & _PRIMARY_CODE == sqlite3.SQLITE_READONLY:
            context.is_disconnect = True
            running = context.execution_context
            if running is not None and running.cursor is not None:
                running.cursor.close()  # an open one would keep its connection
            engine.dispose()

    return engine


def _postgresql_options(url: URL) -> str:
    """Return the options of each session: ours, and after them those of the URL, which therefore win."""
    ours = " ".join(f"-c {name}={value}" for name, value in _POSTGRESQL_SESSION.items())
    theirs = url.query.get("options", ())
    return " ".join([ours, *([theirs] if isinstance(theirs, str) else theirs)])


class Database:
    """Sessions over one engine. `write` holds the write lock from its first statement; `read` sees one snapshot."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = sessionmaker(engine, expire_on_commit=False)
        self._reading = sessionmaker(engine.execution_options(**{_READING: True}), expire_on_commit=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction, committed at the end of the block and rolled back on any error."""
        with self._writing.begin() as session:
            yield session

    def scrub(self, tries: int = 50) -> bool:
        """Empty SQLite's write-ahead log, which holds what was deleted; False: a reader kept it."""
        if not self.is_sqlite:
            return True
        raw = self.engine.raw_connection()
        try:
            for _ in range(tries):
                busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                if not busy:
                    return True
                time.sleep(0.1)
        finally:
            raw.close()
        return False

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One transaction for reading."""
        with self._reading.begin() as session:
            yield session
