"""A gateway without processes, with a child that decodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import Settings
from gateway.parts import Parts, open_parts
from gateway.reading.child import Child
from tests.gateway.retention.rows import Settled


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child(timeout_seconds=60)
    yield child
    child.close()


@pytest.fixture
def settled(parts: Parts, child: Child) -> Settled:
    return Settled(parts, child)


@pytest.fixture(scope="module")
def one_settled(tmp_path_factory: pytest.TempPathFactory, child: Child) -> Settled:
    """One gateway for all tests of a module."""
    folder = tmp_path_factory.mktemp("settled") / "data"
    return Settled(open_parts(Settings(data_dir=Path(folder), reserve_mib=0)), child)
