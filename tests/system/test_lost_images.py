"""A disk that is away for a while, and a file that is gone for good, hold up nobody's reading."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import running_gateway
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def test_a_study_waits_for_its_disk_and_is_then_reported_without_the_file_that_is_lost(tmp_path: Path) -> None:
    settings = {
        "MAMMOGATE_INFERENCE__FIRST_RETRY_SECONDS": "0.3",
        "MAMMOGATE_INFERENCE__LONGEST_RETRY_SECONDS": "0.6",
        "MAMMOGATE_STUDY__SETTLE_SECONDS": "3",
    }
    study = small_study(tmp_path / "study")
    uid = str(dcmread(next(iter(study.paths.values()))).StudyInstanceUID)
    with running_gateway(tmp_path / "gateway", settings=settings) as gateway:
        assert dcmsend(gateway.dicom_port, *study.paths.values()).returncode == 0
        instances = gateway.data_dir / "instances"
        away = instances.rename(gateway.data_dir / "away")
        gateway.wait_for(uid, lambda _: "study.waits_for_disk" in gateway.log)
        next(away.rglob("*.dcm")).unlink()
        away.rename(instances)
        gateway.wait_for_reports(uid)
        with closing(sqlite3.connect(gateway.data_dir / "mammogate.sqlite")) as database:
            assert database.execute("SELECT count(*) FROM dead_letter").fetchall() == [(0,)]
            refusals = database.execute("SELECT refusal, count(*) FROM reading GROUP BY refusal ORDER BY 1").fetchall()
        assert refusals == [(None, 3), ("FileUnreadable", 1)]
