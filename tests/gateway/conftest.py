"""A gateway's parts over a fresh SQLite database, without any process."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import Settings, StudySettings
from dicom_node.intake import Origin
from gateway.parts import Parts, open_parts


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    settings = Settings(
        data_dir=tmp_path / "data", reserve_mib=0, study=StudySettings(settle_seconds=10, quiet_seconds=120)
    )
    return open_parts(settings)


@pytest.fixture
def origin() -> Origin:
    return Origin("dicom", "7b0f5b1e-6f0e-4d0a-9a52-0f2f8f0b6a10", "XRAY1", "127.0.0.1")
