"""Deflated objects over STOW-RS: judged as others are, and not inflated for that."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.dicom_node.directory_intake import DirectoryIntake
from tests.dicom_node.stow_application import application
from tests.dicom_node.test_stow_router import Client, dicom, failure_reasons, message
from tests.peers.deflated import many_items, one_value, write_deflated
from tests.peers.synthetic import ct_slice, mammogram

CANNOT_UNDERSTAND, CLASS_NOT_SUPPORTED, STUDY_MISMATCH = 0xC000, 0x0122, 0xA901


@pytest.fixture
def client(intake: DirectoryIntake, log: Any) -> Client:
    return Client(application(intake, log))


def test_a_deflated_object_is_judged_as_any_other(client: Client, intake: DirectoryIntake, tmp_path: Path) -> None:
    image, tomography = mammogram(rows=16, columns=16), ct_slice()
    for ds in (image, tomography):
        ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    content, uid, study = dicom(tmp_path, image)
    assert client.post(f"/dicom-web/studies/{study}", message(content)).status_code == 200
    assert intake.kept_file(uid).read_bytes() == content
    assert failure_reasons(client.post("/dicom-web/studies/1.2.3", message(content))) == [STUDY_MISMATCH]
    assert failure_reasons(client.post(body=message(dicom(tmp_path, tomography)[0]))) == [CLASS_NOT_SUPPORTED]


@pytest.mark.parametrize(
    "pieces",
    [
        lambda: one_value(60, tag=0x00081140),
        lambda: many_items(2, tag=0x00081140, before=True),
        lambda: many_items(2, tag=0x00081140, vr=b"UN", before=True),
    ],
    ids=["one large value", "many items", "many items of no known kind"],
)
def test_an_object_whose_identity_lies_behind_more_than_is_inflated_is_refused(
    client: Client, intake: DirectoryIntake, tmp_path: Path, pieces: Callable[[], Iterator[bytes]]
) -> None:
    body = message(write_deflated(tmp_path / "bomb.dcm", pieces()).read_bytes())
    tracemalloc.start()
    try:
        response = client.post(body=body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert failure_reasons(response) == [CANNOT_UNDERSTAND]
    assert peak < 40 << 20
    assert intake.leftovers() == []
