"""What makes a second object under one UID another one, and what a PACS may change without making it one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import (
    DigitalMammographyXRayImageStorageForProcessing,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
)

from gateway.reading.tasks import Comparison, compare, compare_with_deleted, part_with
from tests.peers.orthanc import running_orthanc
from tests.peers.programs import program, run
from tests.peers.synthetic import Exam, mammogram, write

EXAM = Exam(patient_name="Müller^Änne", patient_id="Ä-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("objects")


@pytest.fixture(scope="module")
def first(folder: Path) -> Path:
    """An image in UTF-8, with a window and a spacing of several digits."""
    return write(image(), folder / "first.dcm")


def image(**more: Any) -> Dataset:
    return mammogram("R", "MLO", exam=EXAM, rows=64, columns=48, **{"tags": {"SOPInstanceUID": "1.2.3.4"}, **more})


def both(first: Path, second: Path) -> list[Comparison]:
    """Compare with the first while it is here, and once it is deleted."""
    header = first.with_name("header.dcm")
    remains = part_with(first)
    header.write_bytes(remains.header)
    return [compare(first, second), compare_with_deleted(header, remains.fingerprint, second)]


CORRECTIONS: list[tuple[dict[str, Any], str]] = [
    ({"StudyInstanceUID": "1.9"}, "StudyInstanceUID"),
    ({"SeriesInstanceUID": "1.9"}, "SeriesInstanceUID"),
    ({"SOPClassUID": DigitalMammographyXRayImageStorageForProcessing}, "SOPClassUID"),
    ({"PatientID": "Ä-2"}, "PatientID"),
    ({"PatientName": "Müller^Anne"}, "PatientName"),
    ({"PatientName": ""}, "PatientName"),
    ({"PatientBirthDate": "19610418"}, "PatientBirthDate"),
    ({"PatientBirthDate": None}, "PatientBirthDate"),
    ({"ImageLaterality": "L"}, "the side"),
    ({"ViewPosition": "CC", "ViewCodeSequence": []}, "the view"),
    ({"ViewPosition": "MLOID"}, "the view"),
    ({"PresentationIntentType": "FOR PROCESSING"}, "PresentationIntentType"),
    ({"QualityControlImage": "YES"}, "whether it is read"),
    ({"SeriesDescription": "specimen"}, "whether it is read"),
    ({"Modality": "CR"}, "whether it is read"),
    ({"PhotometricInterpretation": "MONOCHROME1"}, "PhotometricInterpretation"),
    ({"ImagerPixelSpacing": [0.1, 0.1]}, "the pixel spacing"),
    ({"WindowCenter": 1000}, "the window"),
    ({"RescaleSlope": 2}, "the rescaling"),
]


@pytest.mark.parametrize(("tags", "name"), CORRECTIONS, ids=[f"{name}{n}" for n, (_, name) in enumerate(CORRECTIONS)])
def test_an_object_that_corrects_what_the_gateway_goes_by_is_another_one_and_the_reason_names_the_attribute_alone(
    first: Path, folder: Path, tags: dict[str, Any], name: str
) -> None:
    second = image()
    for keyword, value in tags.items():
        setattr(second, keyword, value)
    second.file_meta.MediaStorageSOPClassUID = second.SOPClassUID
    for found in both(first, write(second, folder / "second.dcm")):
        assert (found.same, found.detail) == (False, f"they differ in {name}")


def test_several_corrections_are_all_named_and_no_value_is(first: Path, folder: Path) -> None:
    second = image()
    second.ImageLaterality, second.PatientName, second.PatientBirthDate = "L", "Other^Person", "19110101"
    for found in both(first, write(second, folder / "second.dcm")):
        assert found.detail == "they differ in PatientName, PatientBirthDate, the side"


DCMTK: list[tuple[str, Sequence[str]]] = [
    ("dcmconv", ["+ti"]),
    ("dcmconv", ["+tb"]),
    ("dcmconv", ["+td"]),
    ("dcmconv", ["+g", "+e"]),
    ("dcmconv", ["+p", "512", "64"]),
    ("dcmconv", ["+L1"]),
    ("dcmcjpls", []),
    ("dcmcjpeg", ["+e1"]),
    ("dcmcrle", []),
    ("dcmodify", ["-nb", "-ie", "-i", "InstitutionName=Elsewhere", "-i", "AccessionNumber=B7", "-ea", "StudyTime"]),
]


@pytest.mark.parametrize(("tool", "options"), DCMTK, ids=[f"{tool} {' '.join(more)}" for tool, more in DCMTK])
def test_what_dcmtk_makes_of_an_image_is_the_same_image(
    first: Path, folder: Path, tool: str, options: Sequence[str]
) -> None:
    second = folder / "rewritten.dcm"
    second.write_bytes(first.read_bytes())
    places = [second] if tool == "dcmodify" else [first, second]
    done = run([program(tool), *options, *places])
    assert done.returncode == 0, done.stderr
    assert second.read_bytes() != first.read_bytes()
    for found in both(first, second):
        assert (found.same, found.detail) == (True, "the pixels are equal")


def test_what_orthanc_stores_of_an_image_is_the_same_image(first: Path, folder: Path) -> None:
    ingest = {"IngestTranscoding": JPEGLosslessSV1}
    with running_orthanc(folder / "orthanc", extra=ingest) as orthanc:
        orthanc.upload(first)
        second = folder / "from orthanc.dcm"
        second.write_bytes(orthanc.file("1.2.3.4"))
    assert dcmread(second).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert [found.same for found in both(first, second)] == [True, True]


def test_private_attributes_that_come_or_go_make_no_other_image(first: Path, folder: Path) -> None:
    second = image()
    second.private_block(0x0009, "SOMEBODY", create=True).add_new(1, "LO", "routed")
    for found in both(first, write(second, folder / "second.dcm")):
        assert found.same


def test_a_number_that_was_cut_to_fewer_digits_is_the_same_number(folder: Path) -> None:
    """More than the 16 characters of a DS are common, and cut by whoever passes them on (PS3.5 6.2)."""
    paths = []
    for place, spacing in enumerate(("0.07000000029802", "0.0700000003")):
        made = image(tags={"SOPInstanceUID": "1.2.3.4", "ImagerPixelSpacing": [spacing, spacing]})
        made.RescaleSlope = spacing
        paths.append(write(made, folder / f"cut{place}.dcm"))
    assert [found.same for found in both(*paths)] == [True, True]


NAMES = st.text(st.sampled_from("AnneMüllerß '-"), min_size=1, max_size=12).filter(lambda name: name.strip())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=NAMES,
    padding=st.sampled_from(["", " ", "  ", "^", "^^", "=", "=="]),
    written=st.tuples(st.sampled_from(["ISO_IR 192", "ISO_IR 100"]), st.sampled_from(["ISO_IR 192", "ISO_IR 100"])),
    syntax=st.sampled_from([None, ImplicitVRLittleEndian, RLELossless]),
    number=st.sampled_from(["2048", "2048.0", "+2048", " 2048 ", "2.048e3"]),
)
def test_a_name_in_another_character_set_and_numbers_in_another_spelling_are_the_same(
    folder: Path, name: str, padding: str, written: tuple[str, str], syntax: str | None, number: str
) -> None:
    paths = []
    for place, (characters, more) in enumerate(zip(written, ("", padding), strict=True)):
        made = image(**({"transfer_syntax": syntax} if syntax is not None and place else {}))
        made.SpecificCharacterSet = characters
        made.PatientName, made.WindowCenter = f"{name}^Anna{more}", number if place else "2048"
        paths.append(write(made, folder / f"written{place}.dcm"))
    assert [found.same for found in both(paths[0], paths[1])] == [True, True]


def test_documents_that_differ_only_in_group_lengths_and_the_character_set_are_the_same(folder: Path) -> None:
    document = image(missing=["PixelData", "Rows", "Columns"], tags={"SOPInstanceUID": "1.2.3.5"})
    document.ViewCodeSequence[0].CodeMeaning = "schräg"
    original = write(document, folder / "document.dcm")
    second = folder / "document again.dcm"
    assert run([program("dcmconv"), "+g", "+L1", "+p", "512", "64", original, second]).returncode == 0
    assert dcmread(second).SpecificCharacterSet == "ISO_IR 100"
    assert compare(original, second).same
    document.ViewCodeSequence[0].CodeMeaning = "schräger"
    assert not compare(original, write(document, second)).same


def test_an_object_whose_header_can_not_be_read_any_more_is_not_taken_for_the_same(first: Path, folder: Path) -> None:
    damaged = folder / "damaged.dcm"
    damaged.write_bytes(first.read_bytes()[:200])
    found = compare(damaged, first)
    assert not found.same
    assert found.detail.startswith("they can't be compared: ")
