"""The same gateway over PostgreSQL."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.peers.dcmtk import dcmsend, storescu
from tests.peers.gateway import destination, running_gateway
from tests.peers.orthanc import Orthanc
from tests.peers.postgresql import running_postgresql
from tests.peers.synthetic import write_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def test_a_study_is_reported_and_a_database_that_restarts_loses_nothing(orthanc: Orthanc, tmp_path: Path) -> None:
    pacs = destination("pacs", "dicom", host="127.0.0.1", port=orthanc.dicom_port, ae_title=orthanc.ae_title)
    one, two = (write_study(tmp_path / name, rows=1600, columns=1280) for name in ("one", "two"))
    with (
        running_postgresql(tmp_path / "postgresql") as server,
        running_gateway(
            tmp_path / "gateway", destinations=[pacs], settings={"MAMMOGATE_DATABASE_URL": server.url}
        ) as gateway,
    ):
        assert dcmsend(gateway.dicom_port, *one.paths.values()).returncode == 0
        gateway.wait_for_reports(one.exam.study_instance_uid)

        server.stop("immediate")
        refused = storescu(gateway.dicom_port, *two.paths.values(), options=["-xe"])
        assert "Refused: OutOfResources" in refused.stdout + refused.stderr
        server.start()
        deadline = time.monotonic() + 60
        while dcmsend(gateway.dicom_port, *two.paths.values()).returncode != 0 and time.monotonic() < deadline:
            time.sleep(1)
        study = gateway.wait_for_reports(two.exam.study_instance_uid)
        assert len(study["views"]) == 4
        assert study["generation"] == 1
        first = gateway.study(one.exam.study_instance_uid)
        assert first is not None
        assert first["status"] == "reported"

        backup = tmp_path / "backup.tar"
        done = gateway.command("backup", backup)
        assert done.returncode == 0, done.stderr
        assert backup.stat().st_size > 1_000_000
