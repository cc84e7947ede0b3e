"""Bringing the database to the current schema: our tables by Alembic, the workflow engine's by its own migrations."""

from __future__ import annotations

import fcntl
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from dbos import DBOS
from sqlalchemy import Connection, Engine, inspect, make_url, select, text
from sqlalchemy.exc import OperationalError

from gateway.database.columns import now
from gateway.database.engine import Database, create_database_engine
from gateway.database.models import Installation
from gateway.database.sole import MIGRATING

if TYPE_CHECKING:
    from alembic.config import Config

log = structlog.get_logger(__name__)
_MIGRATIONS = Path(__file__).parent / "migrations"
_ASK_AGAIN_SECONDS = 0.2


class UnsupportedSqlite(Exception):
    """The SQLite library is too old for the workflow engine on this Python."""


class DatabaseAway(Exception):
    """The database can't be reached."""


class DatabaseNewer(Exception):
    """The database has been migrated by a later version."""


def open_database(url: str, *, wait_seconds: float = 0) -> Database:
    """Connect, migrate to the current schema and return the database; safe to call from many processes at once.

    Raises:
        DatabaseAway: it can't be reached within `wait_seconds`.
        DatabaseNewer: a later version of this program has migrated it.
        UnsupportedSqlite: Python 3.12 or later with SQLite before 3.42.

    """
    _check_sqlite(url)
    engine = create_database_engine(url)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            with _only_one_migrates(engine):
                _migrate(engine, url)
                database = Database(engine)
                _ensure_installation(database)
        except OperationalError as error:
            if time.monotonic() >= deadline:
                shown = make_url(url).render_as_string(hide_password=True)
                reason = str(error.orig).strip().splitlines()[0]
                raise DatabaseAway(
                    f"the database {shown} can't be reached ({reason}): start it and try again"
                ) from None
            log.warning("database.away", waiting_at_most=round(deadline - time.monotonic()))
            time.sleep(1)
        else:
            return database


def installation_id(database: Database) -> str:
    """Return the id that this installation's deterministic UIDs derive from (a UUID)."""
    with database.read() as session:
        return session.scalars(select(Installation.installation_id)).one()


def alembic_config() -> Config:
    """Return Alembic's configuration for our migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def _check_sqlite(url: str) -> None:
    if (
        make_url(url).get_backend_name() == "sqlite"
        and sys.version_info >= (3, 12)
        and sqlite3.sqlite_version_info < (3, 42)
    ):
        raise UnsupportedSqlite(
            f"this Python with SQLite {sqlite3.sqlite_version} can't run the workflow "
            " engine: use Python 3.11, or SQLite 3.42 or later, or set DATABASE_URL to PostgreSQL"
        )


@contextmanager
def _only_one_migrates(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        file = Path(str(engine.url.database))
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.with_suffix(".migrating").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        # Asked again and again: a statement that waits for the lock would hold up CREATE INDEX CONCURRENTLY, of the
        # engine's migrations, which waits for every statement that began before it.
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATING}):
            connection.commit()
            time.sleep(_ASK_AGAIN_SECONDS)
        connection.commit()
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATING})
            connection.commit()


def _migrate(engine: Engine, url: str) -> None:
    with engine.connect() as connection:
        if not _is_current(connection):
            _upgrade(connection)
    DBOS.migrate(url)


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.scalars(text("SELECT version_num FROM alembic_version")).all() == [newest_revision()]


def newest_revision() -> str:
    """Return the newest of our migrations: each file's name begins with its revision of four digits."""
    return max(path.stem[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _upgrade(connection: Connection) -> None:
    # Alembic is in memory only where there is something to migrate.
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    _refuse_newer(connection, config)
    command.upgrade(config, "head")
    connection.commit()


def _refuse_newer(connection: Connection, config: Config) -> None:
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    unknown = set(MigrationContext.configure(connection).get_current_heads()) - known
    if unknown:
        raise DatabaseNewer(
            f"a later version of mammogate has brought the database to revision {', '.join(sorted(unknown))}: upgrade "
            "this machine too"
        )


def _ensure_installation(database: Database) -> None:
    with database.write() as session:
        if session.scalars(select(Installation)).first() is None:
            session.add(Installation(installation_id=str(uuid4()), created_at=now()))
