"""Whatever a header holds of the patient, wherever it stands, is found nowhere in the bytes that are written."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from reporting.deidentification import attributes
from reporting.deidentification.defined_terms import TERMS
from reporting.deidentification.left_out import IdentifierStayed, LeftOut
from reporting.deidentification.object import deidentified
from reporting.deidentification.pseudonyms import Pseudonyms
from reporting.study import ReportKind
from tests.reporting.built import report_of
from tests.reporting.deidentification.basic_profile import BASIC_PROFILE
from tests.reporting.deidentification.objects import (
    KEY,
    NUMBER,
    PLACES,
    SURNAME,
    as_file,
    attributes_for_text,
    exported,
    exported_report,
    full_of_her,
    small_mammogram,
)

_TAKEN_OVER = attributes.NUMBERS | set(TERMS) | attributes.DATES | attributes.TIMES | attributes.DATE_TIMES
_PLAIN = as_file(small_mammogram())
_AS_TEXT = ("DS", "IS", "CS", "LO", "SH", "DA", "TM", "DT")


@pytest.fixture(scope="module")
def full() -> Dataset:
    return full_of_her()


def test_the_made_object_is_full_of_her(full: Dataset) -> None:
    tags = {int(tag, 16) for tags in BASIC_PROFILE.values() for tag in tags.split()}
    known = {tag for tag in tags if keyword_for_tag(tag) and tag >> 16 not in (0x0000, 0x0002, 0x0004)}
    assert len(known) > 500
    # Every attribute of the profile's table that a text, a date, a UID or an item fits in.
    fillable = {tag for tag in known if dictionary_VR(tag) in {*attributes_for_text().values(), "UI", "SQ"}}
    assert [keyword_for_tag(tag) for tag in sorted(fillable - set(full.keys()))] == []
    assert as_file(full).count(SURNAME.encode()) > 5_000


def test_no_identifier_of_the_full_object_is_in_the_bytes_that_are_written(full: Dataset) -> None:
    written = as_file(exported(full))
    assert [place for place in PLACES if place.encode() in written] == []
    assert len(written) > 64 * 48 * 2


def test_no_private_element_overlay_curve_or_unknown_attribute_is_written(full: Dataset) -> None:
    result = exported(full)
    allowed = (
        attributes.NUMBERS
        | attributes.DATES
        | attributes.TIMES
        | attributes.DATE_TIMES
        | attributes.UIDS
        | attributes.CLASSES
        | attributes.SEQUENCES
        | attributes.CODES
        | attributes.TEXTS
        | attributes.EMPTIED
        | attributes.LABELS
        | set(attributes.REPLACED)
        | set(TERMS)
    )
    stamped = {"PatientName", "PatientID", "PatientIdentityRemoved", "DeidentificationMethod"}
    stamped |= {"DeidentificationMethodCodeSequence", "LongitudinalTemporalInformationModified", "PixelData"}
    code = {"CodeValue", "CodingSchemeDesignator", "CodeMeaning"}
    assert {element.keyword for element in result.iterall()} <= allowed | stamped | code


def test_no_attribute_that_the_profile_removes_or_replaces_is_taken_over_as_it_is() -> None:
    listed = {keyword_for_tag(int(tag, 16)) for tags in BASIC_PROFILE.values() for tag in tags.split()}
    # Graphics and content are cleaned item by item; which other taken-over attributes the table lists is settled here.
    checked = {"GraphicAnnotationSequence", "ContentSequence", "SourceImageSequence", "ReferencedImageSequence"}
    taken_over = attributes.NUMBERS | set(TERMS) | attributes.SEQUENCES | attributes.CODES | attributes.CLASSES
    assert taken_over & listed <= checked


def test_every_uid_that_the_profile_replaces_is_replaced_or_removed() -> None:
    replaced = {keyword_for_tag(int(tag, 16)) for tag in BASIC_PROFILE["U"].split()}
    assert "SOPInstanceUID" in replaced
    kept = {name for name in replaced if name in attributes.CLASSES or name in attributes.NUMBERS or name in TERMS}
    assert kept == set()


@settings(max_examples=30)
@given(
    keyword=st.sampled_from(sorted(word for word in _TAKEN_OVER if dictionary_VR(word) in _AS_TEXT)),
    before=st.sampled_from(["", " ", "0", "X"]),
    name=st.sampled_from(PLACES),
)
def test_an_identifier_in_an_attribute_that_stays_is_removed_or_the_object_is_left_out(
    keyword: str, before: str, name: str
) -> None:
    source = dcmread(BytesIO(_PLAIN))
    # As a careless machine writes it: these bytes under the attribute's own VR, whether or not they are valid in it.
    tag = Tag(keyword)
    value = f"{before}{name}".encode()
    source[tag] = RawDataElement(tag, dictionary_VR(tag), len(value), value, 0, False, True)
    try:
        is_left = name.encode() in as_file(exported(source))
    except LeftOut:
        return
    assert not is_left


@pytest.mark.parametrize("keyword", ["InstanceNumber", "ExposureInuAs"])
def test_a_patient_id_in_a_number_keeps_the_object_here(keyword: str) -> None:
    with pytest.raises(IdentifierStayed, match=keyword):
        exported(small_mammogram(**{keyword: NUMBER[:9], "PatientID": NUMBER[:9]}))


def test_a_name_in_the_pixel_data_keeps_the_object_here() -> None:
    source = small_mammogram()
    source.PixelData = source.PixelData[:-12] + SURNAME.encode()
    with pytest.raises(IdentifierStayed, match="pixels"):
        exported(source)


def test_no_text_of_a_report_s_patient_is_in_its_copy() -> None:
    kinds: tuple[ReportKind, ...] = ("mammography_cad_sr", "measurement_report", "presentation_state")
    for kind in kinds:
        written = as_file(exported_report(report_of("with_findings", kind)))
        for text in ("Example", "Erika", "P-0001", "19640229", "A-1042", "S1042", "RP-77", "Referrer", "20260314"):
            assert text.encode() not in written, (kind, text)


def test_texts_and_names_in_a_document_are_replaced_where_they_stand() -> None:
    report = report_of("with_findings", "mammography_cad_sr").dataset
    source = dcmread(BytesIO(as_file(report)))
    algorithm = [item for item in source.iterall() if item.keyword == "TextValue"]
    for element in algorithm:
        element.value = SURNAME
    for element in source.iterall():
        if element.keyword == "CodeMeaning":
            element.value = SURNAME
    pseudonyms = Pseudonyms(KEY)
    result = deidentified(source, pseudonyms.patient(NUMBER, ""), pseudonyms)
    assert SURNAME.encode() not in as_file(result)
    texts = [element.value for element in result.iterall() if element.keyword == "TextValue"]
    assert texts == ["Removed"] * len(algorithm)


def test_every_attribute_of_the_lists_is_one_of_the_standard() -> None:
    lists = (_TAKEN_OVER, attributes.UIDS, attributes.CLASSES, attributes.SEQUENCES, attributes.CODES)
    others = (attributes.TEXTS, attributes.EMPTIED, attributes.LABELS, set(attributes.REPLACED))
    assert [word for one in (*lists, *others) for word in one if tag_for_keyword(word) is None] == []
