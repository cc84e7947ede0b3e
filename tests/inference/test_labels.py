"""What stands in a labels.csv, by whatever program it was written."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inference.crops import read_crop
from inference.training.labels import LabelsUnusable, PictureUnreadable, Row, grey, read_labels
from tests.inference.labelled_folders import crop


@pytest.mark.parametrize("nobody", ["a.png,normal,", "a.png,normal", "a.png,normal,  "])
def test_a_row_without_a_patient_is_refused_with_its_line(tmp_path: Path, nobody: str) -> None:
    (tmp_path / "labels.csv").write_text(f"file,label5,patient_id\nb.png,normal,P_1\n{nobody}\n", encoding="utf-8")
    with pytest.raises(LabelsUnusable, match=r"labels\.csv, line 3: no patient_id"):
        read_labels(tmp_path)


@pytest.mark.parametrize("short", ["P_1,normal", "P_1,normal,"])
def test_a_row_without_a_file_is_refused_with_its_line(tmp_path: Path, short: str) -> None:
    (tmp_path / "labels.csv").write_text(f"patient_id,label5,file\n{short}\n", encoding="utf-8")
    with pytest.raises(LabelsUnusable, match=r"line 2: no file"):
        read_labels(tmp_path)


def test_a_row_may_end_before_columns_that_are_not_needed(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,patient_id,label5,kind,view\na.png,P_1,normal\n", encoding="utf-8")
    (row,) = read_labels(tmp_path)
    assert (row.path, row.kind, row.view) == (tmp_path / "a.png", "crop", "")


def test_the_byte_order_mark_of_a_spreadsheet_belongs_to_no_column(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,patient_id,label5\na.png,Müller,normal\n", encoding="utf-8-sig")
    assert [row.patient_id for row in read_labels(tmp_path)] == ["Müller"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_labels_in_another_encoding_are_refused_with_what_to_do(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "labels.csv").write_text("file,patient_id,label5\na.png,Müller,normal\n", encoding=encoding)
    with pytest.raises(LabelsUnusable, match=r"not in UTF-8; save it again"):
        read_labels(tmp_path)


@given(content=st.binary(max_size=200) | st.text(alphabet='a,;"\n\r\t\x00é', max_size=200).map(str.encode))
def test_any_labels_file_gives_rows_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    for header in (b"", b"file,patient_id,label5,kind\n"):
        (folder / "labels.csv").write_bytes(header + content)
        rows: list[Row] = []
        with suppress(LabelsUnusable):
            rows = read_labels(folder)
        assert all(row.patient_id.strip() and "\0" not in str(row.path) for row in rows)


@given(bits=st.integers(9, 16), darkest=st.integers(0, 255), seed=st.integers(0, 2**32 - 1))
def test_a_picture_of_more_than_8_bits_keeps_every_grey_level(
    tmp_path_factory: pytest.TempPathFactory, bits: int, darkest: int, seed: int
) -> None:
    written = np.random.default_rng(seed).integers(darkest, 2**bits, (40, 30), dtype=np.uint16)
    written[0, 0] = 2**bits - 1
    path = tmp_path_factory.getbasetemp() / "deep.png"
    cv2.imwrite(str(path), written)
    read = grey(path)
    assert read.dtype == np.uint16
    assert np.array_equal(read >> (16 - bits), written)
    assert read.max() >= 65535 - 2 ** (16 - bits)


@pytest.mark.parametrize("step", [1, 4, 16, 257])
def test_an_8_bit_picture_in_a_16_bit_file_is_read_like_the_picture_itself(tmp_path: Path, step: int) -> None:
    picture = crop("malignant_mass", seed=0)
    cv2.imwrite(str(tmp_path / "plain.png"), picture)
    cv2.imwrite(str(tmp_path / "deep.png"), picture.astype(np.uint16) * step)
    plain, deep = (read_crop(grey(tmp_path / name)) for name in ("plain.png", "deep.png"))
    for scale, contrast in plain.contrast.items():
        assert np.abs(contrast - deep.contrast[scale]).max() < 0.002


def test_pictures_of_8_bits_are_read_bit_for_bit_as_open_cv_turns_them_to_grey(tmp_path: Path) -> None:
    coloured = np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    for ending in ("png", "jpg", "tif", "bmp"):
        cv2.imwrite(str(tmp_path / f"grey.{ending}"), coloured[..., 0])
        cv2.imwrite(str(tmp_path / f"coloured.{ending}"), coloured)
    turned = Image.fromarray(coloured)
    turned.getexif()[0x0112] = 6  # a phone held upright
    turned.save(tmp_path / "turned.jpg", exif=turned.getexif())
    for path in sorted(tmp_path.iterdir()):
        expected = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        read = grey(path)
        assert read.dtype == np.uint8
        assert np.array_equal(read, expected), path.name
    assert grey(tmp_path / "turned.jpg").shape == (40, 50)


def test_a_picture_of_floating_point_numbers_is_refused_by_its_name(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "floats.tif"), np.random.default_rng(0).random((50, 40), dtype=np.float32))
    with pytest.raises(PictureUnreadable, match=r"floats\.tif.*only 8 and 16 bits"):
        grey(tmp_path / "floats.tif")


def test_a_picture_larger_than_open_cv_takes_is_refused_by_its_name(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + chunk)
    with pytest.raises(PictureUnreadable, match=r"huge\.png"):
        grey(tmp_path / "huge.png")
