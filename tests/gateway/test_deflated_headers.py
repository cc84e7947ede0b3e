"""A deflated header is what it was before it was deflated; and however much it holds, little of it is in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from dicom_node.deflated_data_set import LONGEST_HEADER, Inflated
from gateway.intake import header
from gateway.intake.header import HeaderUnreadable, read_header
from gateway.intake.scanned_header import scan_header
from tests.peers.deflated import element, identity, many_elements, many_items, one_value, write_deflated
from tests.peers.synthetic import mammogram, write

ODD: dict[str, dict[str, object]] = {
    "plain": {},
    "latin": {"PatientName": "Müller^Änne", "SpecificCharacterSet": "ISO_IR 100"},
    "japanese": {"PatientName": "Yamada^Tarou=山田^太郎", "SpecificCharacterSet": "ISO_IR 192"},
    "no view": {"ViewCodeSequence": None},
}
# What each object is answered with, beside its UID or the beginning of its refusal.
BOMBS: dict[str, tuple[Callable[[], Iterator[bytes]], str]] = {
    "a value of 300 MiB before the view": (lambda: one_value(300), "more than 16384 KiB"),
    "a value of 300 MiB where the pixels are": (lambda: one_value(300, tag=0x7FE00010), "1.2.3"),
    "a megabyte of empty elements, and what pydicom has to read": (lambda: many_elements(1), "more than 256 KiB"),
    "12 MiB of empty items where the view is": (lambda: many_items(12, tag=0x00540220), "more than 256 KiB"),
    "4 MiB of empty items somewhere else": (lambda: many_items(4, tag=0x00081140, before=True), "1.2.3"),
    "1 MiB of empty items of no known kind": (
        lambda: many_items(1, tag=0x00210010, vr=b"UN", before=True),
        "more than 256 KiB",
    ),
}
MEASURE = """
import resource, sys
from pathlib import Path
from gateway.intake.header import HeaderUnreadable, read_header

path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = read_header(path).sop_instance_uid
except HeaderUnreadable as problem:
    said = str(problem)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10, said)
"""


@pytest.mark.parametrize("scanned", [True, False], ids=["scanned", "by pydicom"])
@pytest.mark.parametrize("tags", ODD.values(), ids=ODD)
def test_a_deflated_object_says_what_the_same_object_says_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tags: dict[str, object], *, scanned: bool
) -> None:
    said = []
    for syntax in (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
        image = mammogram("R", "MLO", rows=16, columns=16)
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        image.StudyInstanceUID, image.SeriesInstanceUID = "1.2", "1.2.9"
        image.update({word: value for word, value in tags.items() if value is not None})
        for word in [word for word, value in tags.items() if value is None]:
            del image[word]
        image.file_meta.TransferSyntaxUID = syntax
        path = write(image, tmp_path / f"{syntax}.dcm")
        if syntax == DeflatedExplicitVRLittleEndian:
            assert scan_header(path) is not None
            if not scanned:
                monkeypatch.setattr(header, "scan_header", lambda _path: None)
        said.append(read_header(path))
    assert said[0].image == said[1].image
    assert said[1].transfer_syntax_uid == DeflatedExplicitVRLittleEndian
    for name in ("study_instance_uid", "sop_class_uid", "patient_name", "patient_key", "study_date"):
        assert getattr(said[0], name) == getattr(said[1], name)


@pytest.mark.parametrize("bomb", BOMBS)
def test_little_of_what_a_small_file_inflates_to_is_in_memory(tmp_path: Path, bomb: str) -> None:
    pieces, answer = BOMBS[bomb]
    path = write_deflated(tmp_path / "bomb.dcm", pieces())
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    grown, _, said = ran.stdout.strip().partition(" ")
    assert answer in said
    assert int(grown) < 40, "MiB"


def test_what_lies_before_the_identity_may_be_large(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield element(0x00090010, b"LO", b"VENDOR")
        yield element(0x00091001, b"OB", os.urandom(LONGEST_HEADER - (1 << 20)))
        yield identity()
        yield element(0x7FE00010, b"OW", b"\0\0")

    assert read_header(write_deflated(tmp_path / "a.dcm", pieces())).sop_instance_uid == "1.2.3"


@pytest.mark.parametrize("cut", [2, 60])
def test_a_deflated_header_that_is_cut_short_is_unreadable(tmp_path: Path, cut: int) -> None:
    path = write_deflated(tmp_path / "a.dcm", iter([identity()]), cut=cut)
    with pytest.raises(HeaderUnreadable):
        read_header(path)


def test_what_says_that_it_is_deflated_and_is_not_is_unreadable(tmp_path: Path) -> None:
    path = write_deflated(tmp_path / "a.dcm", iter([]))
    path.write_bytes(path.read_bytes()[:-2] + identity())
    with pytest.raises(HeaderUnreadable):
        read_header(path)


def test_a_data_set_that_ends_where_its_last_element_does_is_whole(tmp_path: Path) -> None:
    assert read_header(write_deflated(tmp_path / "a.dcm", iter([identity()]))).sop_instance_uid == "1.2.3"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.binary(min_size=1, max_size=64),
    times=st.integers(1, 30_000),
    reads=st.lists(st.tuples(st.integers(0, 70_000), st.integers(-60_000, 400_000)), max_size=12),
    piece=st.integers(1, 70_000),
)
def test_what_is_inflated_is_what_was_deflated_wherever_it_is_read(
    seed: bytes, times: int, reads: list[tuple[int, int]], piece: int
) -> None:
    plain = seed * times
    squeezing = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    file = b"head" + squeezing.compress(plain) + squeezing.flush() + b"\0"
    inflated = Inflated(lambda length, position: file[position : position + min(length, piece)], 4)
    position = 0
    for length, step in reads:
        position = max(0, position + step)
        assert inflated.read_at(length, position) == plain[position : position + length]
    assert inflated.read_at(1, len(plain)) == b""
    assert inflated.end == len(plain)
