from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from gateway.parts import Parts, open_parts
from tests.gateway.uploads.centre import Site


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all its tables: making them takes longer than most tests."""
    folder = tmp_path_factory.mktemp("migrated")
    open_parts(Settings(data_dir=folder, reserve_mib=0)).database.engine.dispose()
    return folder / "mammogate.sqlite"


@pytest.fixture
def parts(migrated: Path, tmp_path: Path) -> Iterator[Parts]:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copyfile(migrated, data / "mammogate.sqlite")
    parts = open_parts(Settings(data_dir=data, reserve_mib=0))
    yield parts
    parts.database.engine.dispose()


@pytest.fixture
def site(parts: Parts) -> Iterator[Site]:
    site = Site(parts)
    yield site
    site.intake.close()
