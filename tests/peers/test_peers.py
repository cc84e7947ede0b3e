"""The peers themselves work, so that a failure elsewhere is not theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID, JPEG2000Lossless, JPEGBaseline8Bit

from tests.peers import dcmtk
from tests.peers.encodings import TRANSFER_SYNTAXES
from tests.peers.large import write_large_tomosynthesis
from tests.peers.orthanc import Orthanc
from tests.peers.programs import program
from tests.peers.synthetic import STANDARD_VIEWS, Blob, breast_pixels, mammogram, write, write_study


def test_a_study_has_four_views_of_one_woman_in_one_study(tmp_path: Path) -> None:
    study = write_study(tmp_path, blob=Blob("L", "CC"))
    files = [pydicom.dcmread(p) for p in study.paths.values()]
    assert {(f.ImageLaterality, f.ViewPosition) for f in files} == set(STANDARD_VIEWS)
    assert {f.StudyInstanceUID for f in files} == {study.exam.study_instance_uid}
    assert len({f.SOPInstanceUID for f in files}) == 4


def test_the_breast_lies_at_the_edge_that_its_side_says() -> None:
    for laterality, wall in (("L", 0), ("R", -1)):
        pixels = breast_pixels(laterality, "CC", 640, 512)
        assert pixels[320, wall] > 500 > pixels[320, -1 - wall] == 0
        assert pixels[:20].max() == 0


@pytest.mark.parametrize("transfer_syntax", TRANSFER_SYNTAXES, ids=lambda uid: UID(uid).keyword)
def test_every_transfer_syntax_is_written_as_it_is_named(transfer_syntax: str, tmp_path: Path) -> None:
    bits = 8 if transfer_syntax == JPEGBaseline8Bit else 12
    path = write(mammogram(transfer_syntax=transfer_syntax, bits=bits, rows=64, columns=48), tmp_path / "i.dcm")
    read = pydicom.dcmread(path)
    assert read.file_meta.TransferSyntaxUID == transfer_syntax
    assert (read.Rows, read.Columns) == (64, 48)


def test_lossless_pixels_come_back(tmp_path: Path) -> None:
    path = write(mammogram("R", "MLO", transfer_syntax=JPEG2000Lossless, seed=3), tmp_path / "i.dcm")
    assert np.array_equal(pydicom.dcmread(path).pixel_array, breast_pixels("R", "MLO", 640, 512, seed=3))


def test_a_large_object_has_the_size_it_was_asked_for(tmp_path: Path) -> None:
    path = write_large_tomosynthesis(tmp_path / "dbt.dcm", 3)
    assert 0 <= path.stat().st_size - 3 * 2**20 < 5000
    assert len(pydicom.dcmread(path).PixelData) == 3 * 2**20


def test_a_missing_program_fails_and_names_make_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="make test"):
        program("no-such-program-anywhere")


@pytest.mark.system
def test_dcmtk_can_send_to_orthanc(orthanc: Orthanc, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    sent = dcmtk.storescu(orthanc.dicom_port, study.folder, called=orthanc.ae_title)
    assert sent.returncode == 0, sent.stderr
    assert orthanc.sop_instance_uids() == set(study.sop_instance_uids.values())


@pytest.mark.system
def test_orthanc_keeps_its_storage_over_a_restart(orthanc: Orthanc, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", views=[("L", "CC")])
    orthanc.upload(study.paths["L", "CC"])
    orthanc.stop()
    orthanc.start()
    assert orthanc.sop_instance_uids() == set(study.sop_instance_uids.values())
    assert orthanc.file(study.sop_instance_uids["L", "CC"]) == study.paths["L", "CC"].read_bytes()


@pytest.mark.system
def test_storescp_receives_from_storescu(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    with dcmtk.running_storescp(tmp_path / "scp") as scp:
        sent = dcmtk.dcmsend(scp.port, study.folder, called=scp.ae_title)
        assert sent.returncode == 0, sent.stderr
        assert len(scp.files()) == 4
