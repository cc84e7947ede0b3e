"""A header copied to a small file says what the original's header said."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from preprocessing.header_copy import header_copy
from tests.peers.encodings import TRANSFER_SYNTAXES
from tests.peers.synthetic import mammogram, write

BITS_8 = {"1.2.840.10008.1.2.4.50": 8}


@pytest.mark.parametrize("syntax", TRANSFER_SYNTAXES)
def test_a_copied_header_is_the_header_in_every_transfer_syntax(tmp_path: Path, syntax: str) -> None:
    original = write(
        mammogram(rows=320, columns=256, transfer_syntax=syntax, bits=BITS_8.get(syntax, 12)), tmp_path / "image.dcm"
    )
    copy = tmp_path / "header.dcm"
    copy.write_bytes(header_copy(original))
    assert dcmread(copy) == dcmread(original, stop_before_pixels=True)
    assert dcmread(copy).file_meta.TransferSyntaxUID == syntax
    assert copy.stat().st_size < 8192


def test_images_in_overlays_and_private_attributes_stay_behind_and_look_up_tables_come_along(tmp_path: Path) -> None:
    image = mammogram(rows=32, columns=32)
    image.private_block(0x0019, "A MAKER", create=True).add_new(0x01, "OB", b"\1" * (2 * 2**20))
    image.private_block(0x0021, "A MAKER", create=True).add_new(0x01, "LO", "small")
    image.add_new(0x60003000, "OW", b"\1" * 4096)
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [0, 0, 16])  # 65536 entries
    table.add_new("LUTData", "OW", bytes(2 * 65536))
    image.VOILUTSequence = [table]
    copy = tmp_path / "header.dcm"
    copy.write_bytes(header_copy(write(image, tmp_path / "image.dcm")))
    header = dcmread(copy)
    assert len(header.VOILUTSequence[0].LUTData) == 2 * 65536
    assert header[0x00211001].value == "small"
    assert (0x0019, 0x1001) not in header
    assert 0x60003000 not in header


def test_values_that_break_their_rules_are_copied_as_they_are(tmp_path: Path) -> None:
    original = write(mammogram(rows=32, columns=32), tmp_path / "image.dcm")
    broken = original.read_bytes().replace(b"19610417", b"1961.4.1").replace(b"065Y", b"old ")
    original.write_bytes(broken)
    copy = header_copy(original)
    assert b"1961.4.1" in copy
    assert b"old " in copy
