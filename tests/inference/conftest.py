"""One engine for all tests of this folder: compiling the graph takes longer than most of them."""

from __future__ import annotations

import pytest

from inference.embedded import EmbeddedEngine
from inference.engine import ViewReading
from tests.preprocessing.lesion_boxes import real_mammograms


@pytest.fixture(scope="session")
def engine() -> EmbeddedEngine:
    return EmbeddedEngine(threads=2)


@pytest.fixture(scope="session")
def real_reading(engine: EmbeddedEngine) -> ViewReading:
    """The reading of one real mammogram (CBIS-DDSM, CC BY 3.0)."""
    return engine.read(real_mammograms()["1-280.dcm"])
