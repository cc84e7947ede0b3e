"""The scanned header says what pydicom says, whatever the file."""

from __future__ import annotations

import struct
import tracemalloc
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gateway.intake import header
from gateway.intake.header import HeaderUnreadable, ReceivedHeader, read_header
from gateway.intake.scanned_header import scan_header
from tests.peers.large import write_large_tomosynthesis
from tests.peers.synthetic import mammogram, write

SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


def with_and_without_the_scan(path: Path) -> tuple[ReceivedHeader | str, ReceivedHeader | str]:
    def read() -> ReceivedHeader | str:
        try:
            return read_header(path)
        except HeaderUnreadable as error:
            return str(error)

    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # pydicom warns of each value that breaks a rule
        scanned = read()
        patch.setattr(header, "scan_header", lambda _path: None)
        return scanned, read()


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("undefined", [False, True])
def test_an_ordinary_mammogram_is_read_without_pydicom(tmp_path: Path, syntax: str, undefined: bool) -> None:
    image = mammogram("R", "MLO", rows=32, columns=32, transfer_syntax=syntax)
    for element in image.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = undefined
    path = write(image, tmp_path / "a.dcm")
    scanned = scan_header(path)
    assert scanned is not None
    assert scanned.transfer_syntax_uid == syntax
    one, other = with_and_without_the_scan(path)
    assert one == other
    assert isinstance(one, ReceivedHeader)
    assert (one.image.laterality, one.image.view, one.image.is_standard) == ("R", "MLO", True)


_TEXTS = (
    *("ImageType", "StudyDate", "AccessionNumber", "Modality", "PresentationIntentType", "StudyDescription"),
    *("SeriesDescription", "DerivationDescription", "PatientName", "PatientID", "PatientBirthDate", "ProtocolName"),
    *(
        "EstimatedRadiographicMagnificationFactor",
        "ViewPosition",
        "PatientOrientation",
        "Laterality",
        "ImageLaterality",
    ),
    *("NumberOfFrames", "QualityControlImage", "StudyInstanceUID", "SOPInstanceUID", "SOPClassUID"),
)
_BYTES = st.one_of(
    st.sampled_from(
        [
            *(
                b"",
                b" ",
                b"\0\0",
                b"L ",
                b"r",
                b"RCC",
                b"ORIGINAL\\PRIMARY",
                b"A\\R",
                b"\\",
                b"1.2.3\0",
                b"1.5",
                b"1",
                b" 2",
            ),
            *(
                b"19610417",
                b"1961.04.17",
                b"1961 4 7",
                b"20261301",
                b"Synthetic^Anna^^",
                b"A^B=C",
                b"X\\Y",
                b"1e1",
                b"+1",
            ),
            *(
                "Müller^Änne".encode("latin-1"),
                "Müller^Änne".encode(),
                b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B",
                b"nan",
                b"~",
            ),
        ]
    ),
    st.binary(max_size=12),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.encode),
)
_SETS = st.sampled_from(
    [None, b"", b"ISO_IR 100", b"ISO_IR 192", b"\\ISO 2022 IR 87", b"ISO_IR 13", b"utf_16", b"GB18030", b"nonsense"]
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    syntax=st.sampled_from(SYNTAXES),
    values=st.dictionaries(
        st.sampled_from(_TEXTS), st.tuples(_BYTES, st.sampled_from([None, "LO", "UN", "US"])), max_size=4
    ),
    character_set=_SETS,
)
def test_whatever_the_values_are_pydicom_says_the_same(
    tmp_path: Path, syntax: str, values: dict[str, tuple[bytes, str | None]], character_set: bytes | None
) -> None:
    image = mammogram(rows=16, columns=16, transfer_syntax=syntax)
    if character_set is not None:
        values = {**values, "SpecificCharacterSet": (character_set, None)}
    raw = b""
    for keyword, (value, vr) in values.items():
        image.pop(keyword, None)
        tag = tag_for_keyword(keyword) or 0
        padded = value + b" " * (len(value) % 2)
        raw += struct.pack("<HH", tag >> 16, tag & 0xFFFF)
        if syntax == ImplicitVRLittleEndian:
            raw += struct.pack("<L", len(padded)) + padded
        elif vr == "UN":
            raw += b"UN" + struct.pack("<HL", 0, len(padded)) + padded
        else:
            raw += (vr or dictionary_VR(tag)).encode() + struct.pack("<H", len(padded)) + padded
    path = write(image, tmp_path / "a.dcm")
    content = path.read_bytes()
    described = 144 + struct.unpack_from("<L", content, 140)[0]  # File Meta Information Group Length comes first
    path.write_bytes(content[:described] + raw + content[described:])
    one, other = with_and_without_the_scan(path)
    assert one == other


# The VR of the SOP class, UI, becomes PN.
@example(syntax=str(ExplicitVRLittleEndian), undefined=False, changes=[(0.171875, b"PN")], kept=1.0)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    syntax=st.sampled_from(SYNTAXES),
    undefined=st.booleans(),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=3),
    kept=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_however_a_file_is_broken_pydicom_says_the_same(
    tmp_path: Path, syntax: str, undefined: bool, changes: list[tuple[float, bytes]], kept: float
) -> None:
    image = mammogram(rows=16, columns=16, transfer_syntax=syntax)
    for element in image.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = undefined
    path = write(image, tmp_path / "a.dcm")
    content = bytearray(path.read_bytes())
    for where, new in changes:
        at = int(where * len(content))
        content[at : at + len(new)] = new
    path.write_bytes(content[: int(kept * len(content))])
    one, other = with_and_without_the_scan(path)
    assert one == other


def test_what_lies_before_the_pixels_is_not_read_into_memory_either(tmp_path: Path) -> None:
    image = mammogram(rows=16, columns=16)
    block = image.private_block(0x0009, "mammogate test", create=True)
    block.add_new(0x01, "OB", bytes(16 * 2**20))
    path = write(image, tmp_path / "a.dcm")
    large = write_large_tomosynthesis(tmp_path / "large.dcm", 16)
    tracemalloc.start()
    try:
        read_header(path)
        read_header(large)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
