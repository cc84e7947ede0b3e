"""The breast is found whole, and what is no breast is left out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from preprocessing.breast_mask import find_breast
from preprocessing.decode import decode_pixels
from preprocessing.errors import NoBreastFound
from preprocessing.prepare import prepare
from tests.peers.synthetic import breast_pixels
from tests.preprocessing.lesion_boxes import BOXES, real_mammograms


def synthetic(side: str = "L", view: str = "CC") -> np.ndarray:
    return breast_pixels(side, view, 520, 400).astype(np.float32) / 4095


@pytest.mark.parametrize("name", sorted(real_mammograms()))
def test_every_mass_of_the_real_mammograms_lies_wholly_in_the_mask(name: str) -> None:
    prepared = prepare(real_mammograms()[name])
    height, width = prepared.mask.shape
    assert 0.15 < prepared.mask.mean() < 0.6
    for _, x, y, w, h in (box for box in BOXES if box[0] == name):
        left, top = prepared.scale.to_training(x, y)
        right, bottom = prepared.scale.to_training(x + w, y + h)
        part = prepared.mask[round(top) : min(height, round(bottom)), round(left) : min(width, round(right))]
        assert part.all(), (name, x, y)


@pytest.mark.parametrize("name", sorted(real_mammograms()))
def test_the_chest_wall_of_a_left_breast_is_on_the_left(name: str) -> None:
    pixels = decode_pixels(real_mammograms()[name])
    small = cv2.resize(pixels, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA).astype(np.float32) / 65535
    assert find_breast(small).chest_wall == ("left" if name in ("1-130.dcm", "1-131.dcm", "1-280.dcm", "1-281.dcm")
                                             else "right")  # fmt: skip


@pytest.mark.parametrize(("side", "wall"), [("L", "left"), ("R", "right")])
def test_the_mask_covers_a_drawn_breast_and_its_box_is_tight(side: str, wall: str) -> None:
    picture = synthetic(side)
    breast = find_breast(picture)
    assert breast.chest_wall == wall
    assert breast.mask[picture > 0.15].all()
    assert breast.mask.mean() < (picture > 0.05).mean() + 0.15
    rows, columns = np.nonzero(breast.mask)
    assert breast.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_burned_in_labels_and_holes_do_not_change_the_mask() -> None:
    picture = synthetic()
    plain = find_breast(picture).mask
    label = np.zeros(picture.shape, dtype=np.uint8)
    cv2.putText(label, "L CC 12:30", (240, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    picture[label > 0] = 1.0
    picture[480:510, 330:390] = 1.0
    picture[240:250, 60:70] = 0.0
    assert (find_breast(picture).mask != plain).mean() < 0.01


def test_the_chest_wall_side_is_never_trimmed() -> None:
    breast = find_breast(synthetic())
    assert breast.box[0] == 0
    assert breast.mask[260, 0]


@pytest.mark.parametrize("kind", ["black", "white", "noise", "one label"])
def test_a_picture_without_a_breast_is_refused_with_a_sentence(kind: str) -> None:
    picture = np.full((520, 400), 0.0 if kind != "white" else 1.0, dtype=np.float32)
    if kind == "noise":
        picture = np.random.default_rng(0).random((520, 400), dtype=np.float32) * 0.02
    if kind == "one label":
        picture[30:60, 300:380] = 1.0
    with pytest.raises(NoBreastFound, match="no breast"):
        find_breast(picture)
