from __future__ import annotations

import pytest

from gateway.parts import Parts
from tests.gateway.pictures.rows import Read


@pytest.fixture
def read(parts: Parts) -> Read:
    return Read(parts)
