from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.database.engine import Database, create_database_engine
from gateway.database.migrate import open_database
from gateway.folders import Folders
from tests.gateway.feed.rows import Gateway


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file at the current schema, made once: migrating takes a second."""
    file = tmp_path_factory.mktemp("template") / "template.db"
    database = open_database(f"sqlite:///{file}")
    with database.engine.connect() as connection:
        # Without this, the last changes would lie in the write-ahead log beside the file.
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    database.engine.dispose()
    return file


@pytest.fixture
def gateway(migrated: Path, tmp_path: Path) -> Gateway:
    """An empty gateway: a database of its own and a data folder."""
    file = tmp_path / "mammogate.db"
    shutil.copy(migrated, file)
    return Gateway(Database(create_database_engine(f"sqlite:///{file}")), Folders(tmp_path / "data"))
