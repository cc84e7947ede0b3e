"""A later generation: what it replaces is named, withdrawn by a note, or deleted, as each destination wants it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from gateway.demo.study import write_study as write_real_study
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import destination, running_gateway
from tests.peers.orthanc import running_orthanc
from tests.reporting.validators import object_problems, tree_problems

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def test_a_late_image_replaces_the_reports_at_each_destination_in_its_own_way(tmp_path: Path) -> None:
    real = write_real_study(tmp_path / "study", datetime.now().astimezone())
    *first, late = real.paths
    with (
        running_orthanc(tmp_path / "noted") as noted,
        running_orthanc(tmp_path / "deleted", dicom_web=True) as deleted,
        running_gateway(
            tmp_path / "gateway",
            destinations=[
                destination(
                    "noted",
                    "dicom",
                    host="127.0.0.1",
                    port=noted.dicom_port,
                    ae_title=noted.ae_title,
                    withdraw="note",
                    dialect="SRT",
                    forward_images=True,
                ),
                destination("deleted", "orthanc", url=deleted.url, withdraw="orthanc"),
                destination("web", "stow", url=deleted.dicom_web_url, reports=["measurement_report"]),
            ],
            settings={"MAMMOGATE_STUDY__QUIET_SECONDS": "3"},
        ) as gateway,
    ):
        assert dcmsend(gateway.dicom_port, *first).returncode == 0
        one = gateway.wait_for_reports(real.study_instance_uid, generation=1, seconds=200)
        assert dcmsend(gateway.dicom_port, late).returncode == 0
        two = gateway.wait_for_reports(real.study_instance_uid, generation=2, seconds=200)

        old = {r["sop_instance_uid"]: r["kind"] for r in one["reports"]}
        new = {r["sop_instance_uid"]: r["kind"] for r in two["reports"] if r["generation"] == 2}
        assert old.keys() <= {r["sop_instance_uid"] for r in two["reports"]}
        assert not old.keys() & new.keys()

        # By a note: everything stays, and one Key Object Selection lists the pictures that no longer count.
        pictures = {uid for uid, kind in old.items() if kind in ("presentation_state", "summary_image")}
        gateway.wait_for(
            real.study_instance_uid, lambda _: any(is_note(noted.file(uid)) for uid in noted.sop_instance_uids()), 60
        )
        objects = {uid: written(noted.file(uid), tmp_path / f"{uid}.dcm") for uid in noted.sop_instance_uids()}
        notes = [path for path in objects.values() if dcmread(path).SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.59"]
        assert len(notes) == 1
        listed = {
            str(item.ReferencedSOPInstanceUID)
            for study in dcmread(notes[0]).CurrentRequestedProcedureEvidenceSequence
            for series in study.ReferencedSeriesSequence
            for item in series.ReferencedSOPSequence
        }
        assert listed == pictures
        assert object_problems(notes[0]) == []
        assert tree_problems(notes[0]) == []
        # The images went along as they came.
        sent = {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in real.paths}
        assert sent <= objects.keys()

        # By deletion: the pictures are gone, the documents stay, and each new one names the one it replaces.
        gateway.wait_for(real.study_instance_uid, lambda _: not pictures & deleted.sop_instance_uids(), 60)
        kept = deleted.sop_instance_uids()
        documents = {
            report["sop_instance_uid"]
            for report in one["reports"]
            if "deleted" in {delivery["destination"] for delivery in report["deliveries"]}
        } - pictures
        assert len(documents) == 2
        assert documents <= kept
        for uid, kind in new.items():
            if kind in ("mammography_cad_sr", "measurement_report") and uid in kept:
                replaced = predecessors(written(deleted.file(uid), tmp_path / f"new.{uid}.dcm"))
                assert len(replaced) == 1
                assert old[replaced[0]] == kind


def is_note(content: bytes) -> bool:
    return b"1.2.840.10008.5.1.4.1.1.88.59" in content[:1000]


def written(content: bytes, path: Path) -> Path:
    path.write_bytes(content)
    return path


def predecessors(path: Path) -> list[str]:
    return [
        str(item.ReferencedSOPInstanceUID)
        for study in dcmread(path).PredecessorDocumentsSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]
