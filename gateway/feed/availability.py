"""A database that does not answer, in the feed's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session

from gateway.database.engine import Database
from reporting.feed.stores import StoreUnavailableError


@contextmanager
def in_the_feeds_words() -> Iterator[None]:
    """Raise `StoreUnavailableError` in place of what SQLAlchemy raises when the database is away."""
    try:
        yield
    except (OperationalError, InterfaceError, NoConnectionFree) as error:
        raise StoreUnavailableError(f"the database does not answer ({type(error).__name__})") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailableError("the connection to the database was lost") from error
        raise


@contextmanager
def reading(database: Database) -> Iterator[Session]:
    """One transaction for reading. Raises `StoreUnavailableError`."""
    with in_the_feeds_words(), database.read() as session:
        yield session


@contextmanager
def writing(database: Database) -> Iterator[Session]:
    """One durable transaction. Raises `StoreUnavailableError`."""
    with in_the_feeds_words(), database.write() as session:
        yield session
