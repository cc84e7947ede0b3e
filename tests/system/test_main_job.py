"""The main job: a study in by each of the ways, every report in a real Orthanc, the result in the feed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import destination, running_gateway
from tests.peers.orthanc import Orthanc
from tests.peers.synthetic import Blob, write_study

pytestmark = pytest.mark.system


def test_a_study_sent_by_dcmsend_comes_back_to_orthanc_as_reports(orthanc: Orthanc, tmp_path: Path) -> None:
    pacs = destination("pacs", "dicom", host="127.0.0.1", port=orthanc.dicom_port, ae_title=orthanc.ae_title)
    study = write_study(tmp_path / "study", blob=Blob())
    with running_gateway(tmp_path / "gateway", destinations=[pacs]) as gateway:
        sent = dcmsend(gateway.dicom_port, *study.paths.values())
        assert sent.returncode == 0, sent.stdout + sent.stderr
        reported = gateway.wait_for_reports(study.exam.study_instance_uid)
        assert {view["failure"] for view in reported["views"]} == {None}
        kinds = {report["kind"] for report in reported["reports"]}
        assert {"mammography_cad_sr", "measurement_report", "summary_image"} <= kinds
        uids = {report["sop_instance_uid"] for report in reported["reports"]}
        assert uids <= orthanc.sop_instance_uids()
