"""Is this a mammogram the right way up? What surely is not is refused; what can't be told is read.

A network gives five probabilities for a photograph of a cathedral too. Each rule here is one figure of the breast mask
or the grey values, with a limit well outside of what 2,306 film views and the digital and film images at hand show;
docs/model/refusal.md has the figures, what is caught and what is not. Works on the image of a few hundred pixels in
which the breast was sought.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from preprocessing.breast_mask import BreastMask
from preprocessing.errors import (
    BackgroundNotDark,
    NotBreastShaped,
    OtherBodyPart,
    Saturated,
    SeveralObjects,
    UpsideDown,
)
from preprocessing.header import Header, text_of, texts_of
from preprocessing.views import identify_view

_WALL_PART: Final = 0.3
"""At least this part of the breast's rows reaches the chest wall's edge of the image (films: 0.84 and more)."""
_FAR_PART: Final = 0.6
"""At most this part of the image's rows is filled to the edge opposite the chest wall (films: up to 0.39)."""
_FILLED: Final = 0.92
"""At most this part of the image is breast (films: up to 0.81)."""
_STRAIGHT_PART: Final = 0.7
"""At most this part of the breast's rows ends within 2 % of the farthest one (films: up to 0.39)."""
_BACKGROUND: Final = 0.42
"""Background over breast, medians of grey values: at most this (films: up to 0.24)."""
_OTHER_OBJECTS: Final = 0.5
"""Bright area outside the breast over the breast's: at most this (films, with their labels: up to 0.21)."""
_CLIPPED_PART: Final = 0.4
"""At most this part of the breast is all white, or all black (films: up to 0.15, and 0.03)."""
_WHITE, _BLACK = 0.995, 0.005

_USUAL: Final = {"wall": 0.8, "far": 0.4, "filled": 0.85, "straight": 0.4, "background": 0.25, "others": 0.25}
"""What all the films keep to: the limits for an image whose header names another part of the body."""
_OTHER_BODY_PARTS: Final = frozenset(
    # PS3.16 annex L and what older devices write; without CHEST, THORAX and AXILLA, which mammograms come with.
    {
        *("ABDOMEN", "ANKLE", "ARM", "CALCANEUS", "CSPINE", "ELBOW", "EXTREMITY", "FEMUR", "FINGER", "FOOT", "FOREARM"),
        *("HAND", "HEAD", "HEEL", "HIP", "HUMERUS", "JAW", "KIDNEY", "KNEE", "LEG", "LSPINE", "MANDIBLE", "MAXILLA"),
        *("NECK", "NOSE", "ORBIT", "PATELLA", "PELVIS", "SHOULDER", "SKULL", "SPINE", "TIBIA", "TOE", "TSPINE"),
        *("UTERUS", "WRIST"),
    }
)

_CORNER: Final = (0.35, 0.3)
"""Where the chest muscle lies in an oblique view: this part of the breast's height along the wall, of the width."""
_MUSCLE: Final = 0.2
"""The corner at the axilla is brighter than the other by this, where it can be told (98 % of films)."""


def refuse_unlike_a_mammogram(image: NDArray[np.float32], breast: BreastMask, header: Dataset) -> None:
    """Refuse what surely is no mammogram that can be read.

    `image`: the presentation image (0..1) that `breast` was found in; `header`: whatever there is.
    Raises NotBreastShaped, BackgroundNotDark, SeveralObjects, OtherBodyPart, Saturated or UpsideDown.
    """
    found = _figures(image, breast)
    if found["filled"] > _FILLED or found["far"] > _FAR_PART:
        raise NotBreastShaped(
            "The image shows no breast on a background: bright tissue runs across the whole image; check what was sent."
        )
    if found["wall"] < _WALL_PART:
        raise NotBreastShaped(
            "The image shows no breast: the object in it touches neither its left nor its right edge; check what was "
            "sent, and that it is not turned."
        )
    if found["straight"] > _STRAIGHT_PART:
        raise NotBreastShaped(
            "The image shows no breast: the object in it ends in a straight line, not in a curved skin line; check "
            "what was sent."
        )
    if found["background"] > _BACKGROUND:
        raise BackgroundNotDark(
            "The image has no dark background, so it is no mammogram or its grey values are inverted; check what was "
            "sent."
        )
    if found["others"] > _OTHER_OBJECTS:
        raise SeveralObjects("The image shows several bright objects, not one breast; check what was sent.")
    _refuse_other_body_part(found, header)
    _refuse_saturated(image, breast)
    _refuse_upside_down(image, breast, header)


def _figures(image: NDArray[np.float32], breast: BreastMask) -> dict[str, float]:
    """What the rules look at, each 0..1 or somewhat above, by the names of `_USUAL`."""
    mask = breast.mask if breast.chest_wall == "left" else breast.mask[:, ::-1]
    edge = max(1, mask.shape[1] // 50)
    rows = mask[mask.any(axis=1)]
    ends = mask.shape[1] - np.argmax(rows[:, ::-1], axis=1)
    smooth = cv2.GaussianBlur(image, (5, 5), 0)
    inside, outside = smooth[breast.mask], smooth[~breast.mask]
    tissue = max(float(np.median(inside)), 1e-3)
    return {
        "wall": float(rows[:, :edge].any(axis=1).mean()),
        "far": float(mask[:, -edge:].any(axis=1).mean()),
        "filled": float(mask.mean()),
        "straight": float((ends > 0.98 * ends.max()).mean()),
        "background": float(np.median(outside)) / tissue if outside.size else 0.0,
        "others": float((outside > 0.7 * tissue).sum()) / inside.size,
    }


def _refuse_other_body_part(found: dict[str, float], header: Header) -> None:
    """Only where header and picture agree: mammograms with a wrong Body Part Examined (0018,0015) exist."""
    named = text_of(header, "BodyPartExamined")
    if named not in _OTHER_BODY_PARTS:
        return
    if found["wall"] < _USUAL["wall"] or any(found[name] > limit for name, limit in _USUAL.items() if name != "wall"):
        raise OtherBodyPart(
            f"The header says that this is another part of the body ({named}), and it does not look like a breast; "
            "correct Body Part Examined if it is one."
        )


def _refuse_saturated(image: NDArray[np.float32], breast: BreastMask) -> None:
    # The mask reaches past the skin, where black is nothing unusual.
    margin = 2 * max(3, round(min(image.shape) * 0.05)) + 1
    inner = cv2.erode(
        breast.mask.astype(np.uint8), np.ones((margin, margin), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=1
    )
    tissue = image[inner > 0] if inner.any() else image[breast.mask]
    for part, colour in (((tissue >= _WHITE).mean(), "white"), ((tissue <= _BLACK).mean(), "black")):
        if part > _CLIPPED_PART:
            raise Saturated(
                f"{part:.0%} of the breast is all {colour}, so nothing can be seen there; check exposure and window, "
                "and send the image again."
            )


def _refuse_upside_down(image: NDArray[np.float32], breast: BreastMask, header: Header) -> None:
    """Oblique views only, where two witnesses can be asked: Patient Orientation (PS3.3 C.7.6.1.1.1), and the muscle.

    The header's word counts unless the picture clearly says otherwise; the picture's word, where the header is silent.
    """
    if identify_view(header).view != "MLO":
        return
    downwards = _downwards(header)
    muscle = _muscle_above(image, breast)
    if (downwards == "H" and muscle < _MUSCLE) or (downwards is None and muscle < -_MUSCLE):
        raise UpsideDown(
            "The image is upside down (the chest muscle of an oblique view belongs at the top); turn it at the sender "
            "and send it again."
        )


def _downwards(header: Header) -> str | None:
    """F (feet) or H (head): where the columns run to. None where the header does not say."""
    orientation = texts_of(header, "PatientOrientation")
    if len(orientation) != 2 or not set("".join(orientation)) <= set("APRLHF"):
        return None
    ways = set(orientation[1]) & {"F", "H"}
    return ways.pop() if len(ways) == 1 else None


def _muscle_above(image: NDArray[np.float32], breast: BreastMask) -> float:
    """How much brighter the upper corner at the chest wall is than the lower one; -1..1, 0 where there is no tissue."""
    _, top, _, bottom = breast.box
    grey, mask = image[top:bottom], breast.mask[top:bottom]
    if breast.chest_wall == "right":
        grey, mask = grey[:, ::-1], mask[:, ::-1]
    height, width = grey.shape
    along, across = _CORNER
    down = np.arange(height)[:, None] / height / along + np.arange(width)[None, :] / width / across
    upper, lower = (down < 1) & mask, (down[::-1] < 1) & mask
    if not upper.any() or not lower.any():
        return 0.0
    return float(grey[upper].mean() - grey[lower].mean())
