"""Places in an image that stand out: peaks of the lesion score above the operating point, each with an outline."""

import uuid
from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from inference.classes import FindingType
from inference.pooling import Map, lesion_score
from inference.results import Finding, Point

MOST_FINDINGS: Final = 5
"""An image with more is a film the network doesn't understand; the strongest are enough to look at."""
_NAMESPACE: Final = uuid.UUID("6ee4b3a7-6e5c-5b9b-8f6f-3c3a1a8f7a10")
_APART: Final = 3
"""Half a window in sweep positions: two peaks nearer than this show the same tissue."""
_FINE: Final = 4
"""Points of the outline's grid a sweep position."""
_OF_PEAK: Final = 0.85
"""The outline runs where the score has fallen to this part of its peak, and never below the operating point."""


def find_places(
    probabilities: Map,
    readable: NDArray[np.bool_],
    *,
    mark: float,
    sop_instance_uid: str,
    model_version: str,
    to_stored: Callable[[float, float], Point],
) -> tuple[Finding, ...]:
    """The findings of one image, strongest first, at most `MOST_FINDINGS`.

    `probabilities` (rows, columns, 5) of the sweep; `readable` (rows, columns); `mark` the operating point, 0..1.
    `to_stored` maps (column, row) of the sweep, fractions allowed, to [column, row] in stored pixels inside the image.
    """
    score = np.where(readable, lesion_score(probabilities), np.float32(0.0))
    findings: list[Finding] = []
    for peak, row, column in peaks(score):
        if peak < mark or len(findings) == MOST_FINDINGS:
            break
        here = probabilities[row, column].astype(np.float64)
        kind: FindingType = "calcification" if here[1] + here[3] >= here[2] + here[4] else "mass"
        center = to_stored(float(column), float(row))
        findings.append(
            Finding(
                tracking_uid=tracking_uid(sop_instance_uid, model_version, kind, center),
                type=kind,
                score=min(1.0, peak),
                malignancy_score=float(min(1.0, (here[3] + here[4]) / max(1e-9, here[1:].sum()))),
                center=center,
                outline=_outline(score, row, column, max(mark, peak * _OF_PEAK), to_stored),
            )
        )
    return tuple(findings)


def peaks(score: Map) -> Iterator[tuple[float, int, int]]:
    """Local maxima of a map (rows, columns), strongest first, none nearer to a stronger one than half a window.

    Yields (score, row, column).
    """
    remaining = score.copy()
    while True:
        row, column = (int(place) for place in np.unravel_index(int(np.argmax(remaining)), remaining.shape))
        peak = float(remaining[row, column])
        if peak <= 0.0:
            return
        remaining[max(0, row - _APART) : row + _APART + 1, max(0, column - _APART) : column + _APART + 1] = 0.0
        yield peak, row, column


def peak_scores(smoothed: Map, readable: NDArray[np.bool_]) -> list[float]:
    """The lesion scores (0..1) of all places in a smoothed map (rows, columns, 5) that could be marked, best first."""
    return [peak for peak, _, _ in peaks(np.where(readable, lesion_score(smoothed), np.float32(0.0)))]


def tracking_uid(sop_instance_uid: str, model_version: str, kind: str, center: Point) -> str:
    """The same place of the same image in the same model's eyes has the same UID (PS3.5 B.2: 2.25 and a UUID)."""
    place = f"{sop_instance_uid}|{model_version}|{kind}|{round(center[0])},{round(center[1])}"
    return f"2.25.{uuid.uuid5(_NAMESPACE, place).int}"


def _outline(
    score: Map, row: int, column: int, level: float, to_stored: Callable[[float, float], Point]
) -> tuple[Point, ...]:
    """The closed line around the peak's region, no further than half a window from it."""
    reach = _APART
    top, left = max(0, row - reach), max(0, column - reach)
    part = score[top : row + reach + 1, left : column + reach + 1]
    size = ((part.shape[1] - 1) * _FINE + 1, (part.shape[0] - 1) * _FINE + 1)
    across, down = np.meshgrid(np.arange(size[0]) / _FINE, np.arange(size[1]) / _FINE)
    fine = cv2.remap(part, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR)
    _, labels = cv2.connectedComponents((fine >= level).astype(np.uint8))
    here = ((row - top) * _FINE, (column - left) * _FINE)
    region = np.asarray(labels == labels[here], dtype=np.uint8) if labels[here] else np.zeros(fine.shape, np.uint8)
    # A lone point has no area to show; a lesion of 3 mm is the least that a position stands for.
    cv2.circle(region, (here[1], here[0]), _FINE // 2, 1, thickness=cv2.FILLED)
    lines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    line = max(lines, key=lambda found: float(cv2.contourArea(found))).reshape(-1, 2)
    points = [to_stored(left + float(x) / _FINE, top + float(y) / _FINE) for x, y in line]
    return (*points, points[0])
