"""Which breast, which view, and whether an image is read, kept or foreign."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from preprocessing.view_codes import MODIFIERS, VIEWS
from preprocessing.views import ImageIdentity, identify_view
from tests.preprocessing.lesion_boxes import real_mammograms

MG = "1.2.840.10008.5.1.4.1.1.1.2"


def header(**tags: Any) -> Dataset:
    ds = Dataset()
    ds.SOPClassUID, ds.Modality = MG, "MG"
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def coded(view: str, *modifiers: str) -> Dataset:
    item, ds = Dataset(), header()
    item.CodeValue = view
    item.ViewModifierCodeSequence = []
    for modifier in modifiers:
        inner = Dataset()
        inner.CodeValue = modifier
        item.ViewModifierCodeSequence.append(inner)
    ds.ViewCodeSequence = [item]
    return ds


@pytest.mark.parametrize(("code", "view"), VIEWS.items())
def test_a_view_code_in_either_dialect_names_the_view(code: str, view: str) -> None:
    found = identify_view(coded(code))
    assert (found.view, found.role) == (view, "read")


@pytest.mark.parametrize(("code", "modifier"), MODIFIERS.items())
def test_a_modifier_code_in_either_dialect_is_named(code: str, modifier: str) -> None:
    assert identify_view(coded("399162004", code)).view_modifiers == (modifier,)


@pytest.mark.parametrize(
    ("text", "view", "side", "modifiers"),
    [
        ("CC", "CC", None, ()),
        ("MLO", "MLO", None, ()),
        ("ML", "ML", None, ()),
        ("LM", "LM", None, ()),
        ("LMO", "LMO", None, ()),
        ("LML", "ML", "L", ()),
        ("RCC", "CC", "R", ()),
        ("L-MLO", "MLO", "L", ()),
        (" r mlo ", "MLO", "R", ()),
        ("XCCL", "XCCL", None, ()),
        ("XCCM", "XCCM", None, ()),
        ("RCCID", "CC", "R", ("ID",)),
        ("CC ID", "CC", None, ("ID",)),
        ("MCC", "CC", None, ("M",)),
        ("SMLO", "MLO", None, ("S",)),
        ("AT", None, None, ("AT",)),
        ("LATERAL", None, None, ()),
    ],
)
def test_view_position_is_read_as_technicians_write_it(
    text: str, view: str | None, side: str | None, modifiers: tuple[str, ...]
) -> None:
    found = identify_view(header(ViewPosition=text))
    assert (found.view, found.laterality, found.view_modifiers) == (view, side, modifiers)


def test_the_view_code_is_trusted_before_view_position() -> None:
    ds = coded("399368009")
    ds.ViewPosition = "CC"
    assert identify_view(ds).view == "MLO"


def test_image_laterality_is_trusted_before_laterality() -> None:
    assert identify_view(header(ImageLaterality="R", Laterality="L")).laterality == "R"
    assert identify_view(header(ImageLaterality="B", Laterality="L")).laterality == "L"


@pytest.mark.parametrize(
    ("orientation", "side", "view"),
    [
        (["A", "R"], "L", "CC"),
        (["P", "L"], "R", "CC"),
        (["A", "FR"], "L", "MLO"),
        (["P", "FL"], "R", "MLO"),
        (["P", "HL"], "R", "MLO"),
        (["A", "L"], None, "CC"),
        (["A", "F"], None, None),
        (["X", "Y"], None, None),
    ],
)
def test_patient_orientation_tells_side_and_view_where_nothing_else_does(
    orientation: list[str], side: str | None, view: str | None
) -> None:
    found = identify_view(header(PatientOrientation=orientation))
    assert (found.laterality, found.view) == (side, view)


@pytest.mark.parametrize("name", sorted(real_mammograms()))
def test_the_real_mammograms_say_side_and_view_in_the_wrong_attribute_and_are_known(name: str) -> None:
    ds = pydicom.dcmread(real_mammograms()[name], stop_before_pixels=True)
    _, _, _, side, view = str(ds.PatientID).split("_")
    found = identify_view(ds)
    assert (found.laterality, found.view, found.role) == (side[0], view, "read")
    assert found.is_standard


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"NumberOfFrames": 60}, "frames"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.13.1.3"}, "tomosynthesis"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMO", "GENERATED_2D"]}, "synthetic"),
        ({"ImageType": ["DERIVED", "PRIMARY", "TOMO_2D"]}, "synthetic"),
        ({"SeriesDescription": "L CC C-View"}, "synthetic"),
        ({"ViewPosition": "MCC"}, "magnification"),
        ({"EstimatedRadiographicMagnificationFactor": "1.8"}, "magnification"),
        ({"SeriesDescription": "R ML MAGNIFICATION"}, "magnification"),
        ({"PatientID": "QC_2024"}, "phantom"),
        ({"BodyPartExamined": "PHANTOM"}, "phantom"),
        ({"QualityControlImage": "YES"}, "phantom"),
        ({"ViewPosition": "SPECIMEN"}, "specimen"),
        ({"SeriesDescription": "Stereo prefire"}, "biopsy"),
        ({"SeriesDescription": "Wire localisation"}, "biopsy"),
    ],
)
def test_what_is_kept_and_not_read_says_why(tags: dict[str, Any], word: str) -> None:
    found = identify_view(header(**tags))
    assert found.role == "kept"
    assert found.reason is not None
    assert word in found.reason


def test_a_specimen_code_is_kept() -> None:
    assert identify_view(coded("127457009")).reason == "Kept, not read: a specimen, not a breast."


@pytest.mark.parametrize(
    "tags",
    [
        {"ViewPosition": "XCCL"},
        {"ViewPosition": "SCC"},
        {"ViewPosition": "CCID"},
        {"ViewPosition": "WHATEVER"},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        {"SeriesDescription": "CC post biopsy"},
        {"EstimatedRadiographicMagnificationFactor": "1.07"},
        {"NumberOfFrames": 1},
    ],
)
def test_extra_views_repeats_and_unknown_views_of_a_mammogram_are_read(tags: dict[str, Any]) -> None:
    assert identify_view(header(**tags)).role == "read"


@pytest.mark.parametrize(
    "tags",
    [
        {"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"},
        {"Modality": "SR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.50"},
        {"Modality": "PR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1"},
        {"Modality": "MG", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.66"},
        {"Modality": "OT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
    ],
)
def test_what_is_no_mammogram_is_foreign(tags: dict[str, Any]) -> None:
    found = identify_view(header(**tags))
    assert found.role == "foreign"
    assert found.reason is not None


def test_presentation_intent_comes_from_the_attribute_and_else_from_the_class() -> None:
    assert identify_view(header(PresentationIntentType="FOR PROCESSING")).presentation_intent == "FOR PROCESSING"
    assert identify_view(header()).presentation_intent == "FOR PRESENTATION"
    assert identify_view(header(SOPClassUID=MG + ".1")).presentation_intent == "FOR PROCESSING"
    secondary = header(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert identify_view(secondary).presentation_intent is None


def test_an_implant_displaced_view_is_read_but_completes_no_study() -> None:
    found = identify_view(header(ViewPosition="CCID", ImageLaterality="R"))
    assert (found.role, found.is_standard) == ("read", False)
    assert identify_view(header(ViewPosition="CC", ImageLaterality="R")).is_standard


KEYWORDS = (
    "SOPClassUID", "Modality", "ImageType", "ViewPosition", "ImageLaterality", "Laterality", "PatientOrientation",
    "ViewCodeSequence", "NumberOfFrames", "PresentationIntentType", "SeriesDescription", "PatientID", "PatientName",
    "EstimatedRadiographicMagnificationFactor", "QualityControlImage", "SpecificCharacterSet",
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(KEYWORDS),
        st.tuples(
            st.sampled_from(["CS", "LO", "DS", "IS", "US", "UN", "SQ", "FD", "PN", "OB"]), st.binary(max_size=40)
        ),
    )
)
def test_no_header_however_broken_makes_identification_fail(values: dict[str, tuple[str, bytes]]) -> None:
    ds = Dataset()
    for keyword, (vr, raw) in values.items():
        tag = Tag(keyword)
        # A raw element is what a file gives: nothing is converted before somebody asks for the value.
        ds._dict[tag] = RawDataElement(tag, vr, len(raw), raw, 0, False, True)
    assert isinstance(identify_view(ds), ImageIdentity)


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_read_as_a_header_make_identification_fail(noise: bytes) -> None:
    try:
        ds = pydicom.dcmread(io.BytesIO(noise), force=True, stop_before_pixels=True)
    except Exception:  # noqa: BLE001 - what pydicom itself can't parse never reaches identification
        return
    assert isinstance(identify_view(ds), ImageIdentity)


def test_values_of_a_wrong_kind_are_taken_for_missing() -> None:
    ds = header()
    ds.add(DataElement("ViewPosition", "US", 7))
    ds.add(DataElement("ViewCodeSequence", "LO", "CC"))
    ds.add(DataElement("NumberOfFrames", "LO", "many"))
    found = identify_view(ds)
    assert (found.view, found.role) == (None, "read")
