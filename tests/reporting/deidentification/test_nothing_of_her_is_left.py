"""Whatever a header holds of the patient, wherever it stands, is found nowhere in the bytes that are written."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset

from reporting.deidentification import attributes
from reporting.deidentification.defined_terms import TERMS
from reporting.deidentification.left_out import IdentifierStayed, LeftOut
from reporting.deidentification.object import deidentified
from reporting.deidentification.pseudonyms import Pseudonyms
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


@pytest.fixture(scope="module")
def full() -> Dataset:
    return full_of_her()


def test_the_made_object_is_full_of_her(full: Dataset) -> None:
    tags = {int(tag, 16) for tags in BASIC_PROFILE.values() for tag in tags.split()}
    known = {tag for tag in tags if keyword_for_tag(tag) and tag >> 16 not in (0x0000, 0x0002)}
    assert len(known) > 500
    # Every attribute of the profile's table that a text, a date, a UID or an item fits in.
    without = {tag for tag in known if dictionary_VR(tag) in {*attributes_for_text().values(), "UI", "SQ"}} - set(
        full.keys()
    )
    assert without == set()
    assert as_file(full).count(SURNAME.encode()) > 10_000


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keyword=st.sampled_from(sorted(attributes.NUMBERS | set(TERMS) | attributes.DATES | attributes.TIMES)),
    before=st.sampled_from(["", " ", "0", "X"]),
    name=st.sampled_from(PLACES),
)
def test_an_identifier_in_an_attribute_that_stays_is_removed_or_the_object_is_left_out(
    keyword: str, before: str, name: str
) -> None:
    source = small_mammogram()
    vr = dictionary_VR(keyword).split(" ")[0]
    text = f"{before}{name}"
    if vr in ("DS", "IS", "CS", "LO", "SH", "DA", "TM"):
        raw = Dataset()
        raw.add_new(keyword, "LO", text)
        # As a machine writes it: the bytes of the text under the attribute's own VR.
        source = dcmread(BytesIO(_with_raw(as_file(source), keyword, vr, text)))
    try:
        written = as_file(exported(source))
    except LeftOut:
        return
    assert name.encode() not in written


def _with_raw(file: bytes, keyword: str, vr: str, text: str) -> bytes:
    """Put an element with this text, valid or not, where the file has or would have the attribute."""
    dataset = dcmread(BytesIO(file))
    dataset.add_new(keyword, "UN", text.encode() + b" " * (len(text) % 2))
    dataset[keyword].VR = "UN"
    changed = as_file(dataset)
    group_and_element = dataset[keyword].tag
    head = group_and_element.group.to_bytes(2, "little") + group_and_element.element.to_bytes(2, "little")
    value = text.encode() + b" " * (len(text) % 2)
    long_form = head + b"UN\0\0" + len(value).to_bytes(4, "little") + value
    assert long_form in changed
    return changed.replace(long_form, head + vr.encode() + len(value).to_bytes(2, "little") + value, 1)


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
    for kind in ("mammography_cad_sr", "measurement_report", "presentation_state"):
        written = as_file(exported_report(report_of("with_findings", kind)))  # type: ignore[arg-type]  # a literal
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
