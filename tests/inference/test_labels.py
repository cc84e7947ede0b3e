"""What stands in a labels.csv, by whatever program it was written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inference.crops import read_crop
from inference.training.labels import LabelsUnusable, grey, read_labels
from tests.inference.labelled_folders import crop


@pytest.mark.parametrize("nobody", ["a.png,normal,", "a.png,normal", "a.png,normal,  "])
def test_a_row_without_a_patient_is_refused_with_its_line(tmp_path: Path, nobody: str) -> None:
    (tmp_path / "labels.csv").write_text(f"file,label5,patient_id\nb.png,normal,P_1\n{nobody}\n", encoding="utf-8")
    with pytest.raises(LabelsUnusable, match=r"labels\.csv, line 3: no patient_id"):
        read_labels(tmp_path)


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
    with pytest.raises(LabelsUnusable, match=r"floats\.tif.*only 8 and 16 bits"):
        grey(tmp_path / "floats.tif")
