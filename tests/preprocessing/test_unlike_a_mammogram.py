"""What surely is no mammogram the right way up is refused with its reason; every mammogram at hand is read."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from preprocessing import errors
from preprocessing.breast_mask import find_breast
from preprocessing.decode import decode_pixels
from preprocessing.errors import ImageRefused, NotBreastShaped, OtherBodyPart, Saturated, UpsideDown
from preprocessing.geometry import training_scale
from preprocessing.pixel_format import read_dataset
from preprocessing.prepare import prepare, prepare_values, reduced_presentation
from preprocessing.unlike_a_mammogram import refuse_unlike_a_mammogram
from tests.peers.synthetic import mammogram
from tests.preprocessing.lesion_boxes import real_mammograms
from tests.preprocessing.other_pictures import COLUMNS, OTHERS, ROWS

CC, MLO = "1-280.dcm", "1-281.dcm"


@cache
def small(name: str) -> tuple[NDArray[np.float32], Dataset]:
    """A real mammogram at about the scale at which the breast is sought."""
    header = read_dataset(real_mammograms()[name])
    stored = decode_pixels(header)
    image = reduced_presentation(stored, header, training_scale(header, *stored.shape))
    return np.ascontiguousarray(image[::2, ::2]), header


def judge(image: NDArray[np.float32], header: Dataset | None = None) -> None:
    image = np.ascontiguousarray(image)
    refuse_unlike_a_mammogram(image, find_breast(image), header or Dataset())


def header(**tags: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize("name", sorted(real_mammograms()))
def test_a_real_mammogram_is_read(name: str) -> None:
    judge(*small(name))


@pytest.mark.parametrize("side", ["L", "R"])
@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_a_drawn_mammogram_is_read(side: str, view: str) -> None:
    assert prepare(mammogram(side, view)).mask.any()


@pytest.mark.parametrize("name", OTHERS)
def test_another_picture_is_refused_with_its_reason(name: str) -> None:
    make, cause = OTHERS[name]
    with pytest.raises(ImageRefused, match=r"; (check|send)") as refused:
        judge(make())
    assert type(refused.value) is getattr(errors, cause)


def test_the_refusal_comes_before_anything_is_read() -> None:
    with pytest.raises(NotBreastShaped):
        prepare_values((OTHERS["a hand"][0]().repeat(2, 0).repeat(2, 1) * 4095).astype(np.uint16), Dataset())


@pytest.mark.parametrize("name", [CC, MLO])
def test_a_mammogram_that_is_mostly_white_is_refused(name: str) -> None:
    image, dataset = small(name)
    with pytest.raises(Saturated, match=r"\d\d% of the breast is all white"):
        judge(np.clip(image * 3, 0, 1), dataset)


def test_a_mammogram_with_a_black_hole_for_a_breast_is_refused() -> None:
    image, dataset = small(CC)
    breast = find_breast(image)
    hollow = image.copy()
    x0, y0, x1, y1 = breast.box
    x0, x1 = (x0, x1 - 50) if breast.chest_wall == "left" else (x0 + 50, x1)
    inner = np.zeros(image.shape, bool)
    inner[y0 + 40 : y1 - 40, x0 + 12 : x1 - 12] = True
    hollow[inner & breast.mask] = 0.0
    with pytest.raises(Saturated, match="all black"):
        refuse_unlike_a_mammogram(hollow, breast, dataset)


def test_an_oblique_view_is_refused_when_its_muscle_is_at_the_bottom() -> None:
    image, dataset = small(MLO)
    assert dataset.PatientOrientation == "MLO"  # so the header says nothing of up and down
    with pytest.raises(UpsideDown, match="upside down"):
        judge(image[::-1], dataset)


def test_a_view_from_above_is_not_judged_by_its_ends() -> None:
    image, dataset = small(CC)
    judge(image[::-1], dataset)


def test_an_oblique_view_of_an_unknown_kind_is_not_judged_by_its_ends() -> None:
    judge(small(MLO)[0][::-1])


def test_the_header_says_which_end_is_up_unless_the_picture_clearly_says_otherwise() -> None:
    image, _ = small(MLO)
    upright = header(ViewPosition="MLO", PatientOrientation=["A", "FR"])
    turned = header(ViewPosition="MLO", PatientOrientation=["A", "HR"])
    judge(image, turned)
    judge(image[::-1], upright)
    without_muscle = small(CC)[0]
    judge(without_muscle, upright)
    with pytest.raises(UpsideDown):
        judge(without_muscle, turned)


def test_a_wrong_body_part_in_the_header_refuses_no_mammogram() -> None:
    image, _ = small(CC)
    for named in ("HAND", "CHEST", "", "BREAST"):
        judge(image, header(BodyPartExamined=named))


def test_a_body_part_in_the_header_refuses_what_is_hardly_shaped_like_a_breast() -> None:
    # A fan as ultrasound devices draw it: within the limits for a picture alone.
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    distance, angle = np.hypot(x - COLUMNS / 2, y + 40), np.arctan2(x - COLUMNS / 2, y + 40)
    fan = np.where((distance < 448) & (distance > 80) & (np.abs(angle) < 0.6), 0.4, 0.0).astype(np.float32)
    for named in ("BREAST", "CHEST", ""):
        judge(fan, header(BodyPartExamined=named))
    with pytest.raises(OtherBodyPart, match="KIDNEY"):
        judge(fan, header(BodyPartExamined="KIDNEY"))


def test_a_forearm_is_refused_whatever_its_header_says() -> None:
    with pytest.raises(NotBreastShaped):
        judge(OTHERS["a forearm"][0](), header(BodyPartExamined="BREAST"))
