from __future__ import annotations

from pathlib import Path

import pytest

from tests.reporting.feed.world import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A feed over stores in memory, with one study in it."""
    return World(tmp_path)
