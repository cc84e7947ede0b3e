"""Failures that a person can do something about; everything else is a defect and shows its traceback."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from config.loading import SettingsError
from dicom_node.tls import TlsUnusable
from gateway.archive import BackupFailed
from gateway.database.migrate import DatabaseAway, DatabaseNewer, UnsupportedSqlite
from gateway.parts import DataFolderUnusable
from gateway.processes.stopping import StartRefused
from gateway.workflow.retrying import UnknownStudy
from inference.card import ModelUnusable
from inference.remote.failures import RemoteUnusable
from preprocessing.errors import ImageRefused


class CommandFailed(Exception):
    """The command's work failed; the sentence says why and what to do."""


EXPECTED: tuple[type[BaseException], ...] = (
    CommandFailed,
    BackupFailed,
    SettingsError,
    DatabaseAway,
    DatabaseNewer,
    UnsupportedSqlite,
    DataFolderUnusable,
    StartRefused,
    TlsUnusable,
    UnknownStudy,
    ImageRefused,
    ModelUnusable,
    RemoteUnusable,
    DBAPIError,
    OSError,
)


def extra_missing(doing: str, error: ModuleNotFoundError) -> CommandFailed:
    """Return what to say when a package of the extra `train` is missing; `doing` begins the sentence."""
    return CommandFailed(
        f"{doing} needs the package {error.name}: install the extra with `pip install mammogate[train]`"
    )


def sentence(error: BaseException) -> str:
    """Return the one sentence for the person."""
    if isinstance(error, DBAPIError):
        return f"the database failed ({type(error).__name__}): see `mammogate doctor`"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
