"""Retention through a running gateway with a real Orthanc behind it: reported, forwarded, confirmed, deleted."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.orthanc import Orthanc
from tests.peers.synthetic import write
from tests.system.small_breasts import small_mammogram, small_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

QUICK = {"MAMMOGATE_RETENTION__AFTER_DAYS": str(1 / 86400), "MAMMOGATE_STUDY__QUIET_SECONDS": "2"}  # a second old


def test_confirmed_images_are_deleted_a_lost_one_stays_and_a_later_view_is_reported_with_all(
    tmp_path: Path, orthanc: Orthanc
) -> None:
    archive = destination("archive", "orthanc", url=orthanc.url, forward_images=True, confirms="query")
    study = small_study(tmp_path / "study", views=[("R", "MLO"), ("L", "MLO")])
    uid, images = study.exam.study_instance_uid, study.sop_instance_uids
    with running_gateway(tmp_path / "gateway", destinations=[archive], settings=QUICK) as gateway:
        assert dcmsend(gateway.dicom_port, study.folder).returncode == 0
        first = gateway.wait_for_reports(uid)
        wait_until_held(orthanc, set(images.values()))
        assert len(image_files(gateway)) == 2, "the next look is minutes away"

        gone, lost = images["L", "MLO"], images["R", "MLO"]
        with orthanc.client() as client:
            (found,) = client.post("/tools/lookup", content=lost).json()
            client.delete(f"/instances/{found['ID']}").raise_for_status()
        gateway.part("work").kill()  # it looks when it starts
        assert wait_until_deleted(gateway) == [gone]
        assert [str(dcmread(file).SOPInstanceUID) for file in image_files(gateway)] == [lost]
        assert "the archive has not confirmed an image" in gateway.log
        assert gateway.study(uid) == first, "the result stays as it was"

        late = write(small_mammogram("R", "CC", exam=study.exam), tmp_path / "late" / "R_CC.dcm")
        assert dcmsend(gateway.dicom_port, late.parent).returncode == 0
        second = gateway.wait_for_reports(uid, generation=2)
        before = {view["sop_instance_uid"]: view for view in first["views"]}
        after = {view["sop_instance_uid"]: view for view in second["views"]}
        assert len(after) == 3
        assert {one: after[one] for one in before} == before


def image_files(gateway: Gateway) -> list[Path]:
    return sorted((gateway.data_dir / "instances").rglob("*.dcm"))


def wait_until_held(orthanc: Orthanc, uids: set[str]) -> None:
    deadline = time.monotonic() + 60
    while not uids <= orthanc.sop_instance_uids() and time.monotonic() < deadline:
        time.sleep(0.2)


def wait_until_deleted(gateway: Gateway) -> list[str]:
    """Return the SOP Instance UIDs of which the log says that they were deleted, once a round has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and "retention.looked" not in gateway.log:
        time.sleep(0.2)
    return re.findall(r"event=retention\.deleted.* instance=(\S+)", gateway.log)
