"""What every test folder may use: the repository's root on the import path, and a real Orthanc."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# pytest runs with --import-mode=importlib, which leaves sys.path alone, and other packages install a top-level
# `tests` of their own: ours has to be found first.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from tests.peers.orthanc import Orthanc, running_orthanc  # noqa: E402 (needs the path set just above)

# A busy machine may stop a process for longer than any example takes.
settings.register_profile("no example is timed", deadline=None)
settings.load_profile("no example is timed")


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """An empty Orthanc of this test's own, without plugins; for other options use `running_orthanc` directly."""
    with running_orthanc(tmp_path / "orthanc") as server:
        yield server
