from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.database.engine import Database
from gateway.database.migrate import open_database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'mammogate.sqlite'}")
    yield opened
    opened.engine.dispose()
