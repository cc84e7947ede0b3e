"""What becomes of the files of an upload: stored once, or refused in words that help."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import update

from dicom_node.without_preamble import NoDicomObject, missing_head
from gateway.database.models import Duplicate, Instance, Quarantined, Study
from gateway.database.upload_models import Upload
from tests.gateway.uploads.centre import Site, image, packed, verdicts
from tests.peers.synthetic import Exam, ct_slice, mammogram, write

QUICKLY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_zip_of_a_study_is_unpacked_and_each_image_is_stored_byte_for_byte(site: Site, tmp_path: Path) -> None:
    exam = Exam()
    images = {f"STUDY/{view}": image(tmp_path, view, exam=exam) for view in ("CC", "MLO")}
    clutter = {"__MACOSX/STUDY/._CC": b"x", "STUDY/.DS_Store": b"x", "STUDY/Thumbs.db": b"x"}
    state = site.upload({"study.zip": packed({**images, **clutter})})
    assert sorted(site.stored().values()) == sorted(images.values())
    assert verdicts(state) == {
        **dict.fromkeys(images, ("stored", None)),
        **dict.fromkeys(clutter, ("left_out", None)),
    }
    assert [study["study_instance_uid"] for study in state["studies"]] == [exam.study_instance_uid]
    assert site.left() == []


def test_what_is_no_mammogram_is_refused_with_a_reason_and_the_rest_is_stored(site: Site, tmp_path: Path) -> None:
    ct = write(ct_slice(), tmp_path / "ct.dcm").read_bytes()
    chest = image(tmp_path, tags={"Modality": "CR"})
    state = site.upload(
        {
            "good.dcm": image(tmp_path),
            "ct.dcm": ct,
            "chest.dcm": chest,
            "letter.pdf": b"%PDF-1.7 something",
            "photo.jpg": b"\xff\xd8\xff\xe0 JFIF",
            "notes.txt": b"the patient's letter",
            "empty.dcm": b"",
            "cut.dcm": image(tmp_path)[:300],
        }
    )
    found = verdicts(state)
    assert found.pop("good.dcm") == ("stored", None)
    assert {verdict for verdict, _ in found.values()} == {"refused"}
    reasons = {name: reason or "" for name, (_, reason) in found.items()}
    assert reasons["ct.dcm"] == "Not a mammogram: it is CT Image Storage."
    assert reasons["chest.dcm"] == "Not a mammogram: its modality is CR, not MG."
    assert reasons["letter.pdf"].startswith("It is a PDF document, not a DICOM file.")
    assert reasons["photo.jpg"].startswith("It is a JPEG picture, not a DICOM file.")
    assert reasons["notes.txt"].startswith("It is not a DICOM file.")
    assert reasons["empty.dcm"] == "It is empty."
    assert reasons["cut.dcm"].startswith("The DICOM file is damaged: ")
    assert (site.count(Instance), site.count(Quarantined), site.left()) == (1, 0, [])
    assert ("upload", "ok", site.study_uids()[0]) in site.trail()
    assert ("upload", "refused", None) in site.trail()


def test_an_image_that_is_kept_and_not_read_is_stored_and_says_so(site: Site, tmp_path: Path) -> None:
    state = site.upload({"spot.dcm": image(tmp_path, tags={"EstimatedRadiographicMagnificationFactor": 1.8})})
    ((verdict, reason),) = verdicts(state).values()
    assert verdict == "stored"
    assert str(reason).startswith("Kept, not read: a magnification view")


def test_the_index_of_a_disc_is_left_out(site: Site, tmp_path: Path) -> None:
    from pydicom.fileset import FileSet

    disc = FileSet()
    disc.add(write(mammogram(rows=16, columns=16), tmp_path / "in" / "a.dcm"))
    disc.write(tmp_path / "disc")
    files = {path.name: path.read_bytes() for path in (tmp_path / "disc").rglob("*") if path.is_file()}
    assert "DICOMDIR" in files
    state = site.upload({"disc.zip": packed(files)})
    assert verdicts(state)["DICOMDIR"] == ("left_out", None)
    assert site.count(Instance) == 1


@pytest.mark.parametrize("form", ["no preamble", "no meta, explicit", "no meta, implicit"])
def test_a_dicom_file_without_its_head_is_completed_and_its_pixels_are_the_same(
    site: Site, tmp_path: Path, form: str
) -> None:
    options = {"transfer_syntax": ImplicitVRLittleEndian} if form.endswith("implicit") else {}
    content = image(tmp_path, **options)
    dataset = dcmread(io.BytesIO(content))
    meta_end = 132 + 12 + int(dataset.file_meta[0x00020000].value)
    bare = content[132:] if form == "no preamble" else content[meta_end:]
    state = site.upload({"image": bare})
    assert verdicts(state) == {"image": ("stored", None)}
    (stored,) = site.stored().values()
    assert stored.endswith(bare)
    again = dcmread(io.BytesIO(stored))
    assert np.array_equal(again.pixel_array, dataset.pixel_array)
    assert again.SOPInstanceUID == dataset.SOPInstanceUID


def test_a_file_that_is_not_the_announced_one_is_refused(site: Site, tmp_path: Path) -> None:
    centre = site.centre()
    content = image(tmp_path)
    centre.begin({"a.dcm": content})
    centre.put(1, 0, content[:-1] + bytes([content[-1] ^ 1]))
    centre.finish()
    site.storer.store_all()
    ((verdict, reason),) = verdicts(centre.state()).values()
    assert (verdict, reason) == ("refused", "It arrived otherwise than it was announced. Send it again.")
    assert site.count(Instance) == 0


def test_a_second_upload_of_the_same_image_adds_nothing(site: Site, tmp_path: Path) -> None:
    content = image(tmp_path)
    for _ in range(2):
        assert verdicts(site.upload({"a.dcm": content})) == {"a.dcm": ("stored", None)}
    assert site.count(Instance) == 1
    assert site.count(Duplicate) == 1  # compared by the worker, as after a second C-STORE


def test_how_far_the_study_is_can_be_read_afterwards(site: Site, tmp_path: Path) -> None:
    centre = site.centre()
    centre.send({"a.dcm": image(tmp_path)})
    site.storer.store_all()
    for status in ("queued", "reported"):
        with site.parts.database.write() as session:
            session.execute(update(Study).values(status=status))
        assert [study["status"] for study in centre.state()["studies"]] == [status]
    with site.parts.database.read() as session:
        assert session.query(Upload.status).scalar() == "done"


@QUICKLY
@given(
    start=st.sampled_from([b"", b"\x08\x00\x05\x00", b"\x08\x00\x05\x00CS", b"\x02\x00\x00\x00UL"]), rest=st.binary()
)
def test_bytes_that_are_no_dicom_are_only_told_so(tmp_path: Path, start: bytes, rest: bytes) -> None:
    path = tmp_path / "some"
    path.write_bytes(start + rest)
    try:
        missing_head(path)
    except NoDicomObject:
        return
    assert start == b"\x02\x00\x00\x00UL" or b"DICM" in rest
