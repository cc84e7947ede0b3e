"""Pictures that are no mammogram, drawn: grey values 0..1, 560 x 420."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
ROWS, COLUMNS = 560, 420
_Y, _X = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
_DOWN, _ACROSS = (_Y - ROWS / 2) / ROWS, (_X - COLUMNS / 2) / COLUMNS


def _rectangle(left: int, top: int, right: int, bottom: int) -> Picture:
    picture = np.zeros((ROWS, COLUMNS), np.float32)
    picture[top:bottom, left:right] = 0.6
    return picture


def _chest() -> Picture:
    body = np.clip((1 - ((_ACROSS / 0.48) ** 4 + (_DOWN / 0.6) ** 4)) * 5, 0, 1) * 0.65
    for side in (-1, 1):
        lung = 1 - ((_ACROSS - side * 0.2) / 0.15) ** 2 - ((_DOWN + 0.02) / 0.33) ** 2
        body -= 0.45 * np.clip(lung * 4, 0, 1)
    for rib in range(9):
        bow = (_DOWN - (-0.38 + 0.09 * rib) - 0.25 * _ACROSS**2) / 0.008
        body += 0.08 * np.exp(-(bow**2)) * (np.abs(_ACROSS) < 0.42)
    return np.asarray(np.clip(body, 0, 1), np.float32)


def _hand() -> Picture:
    picture = np.zeros((ROWS, COLUMNS), np.float32)
    cv2.ellipse(picture, (210, 390), (110, 110), 0, 0, 360, 0.5, -1)
    for across, length in ((-95, 150), (-45, 240), (10, 265), (65, 235)):
        cv2.line(picture, (210 + across, 365), (210 + round(1.3 * across), 365 - length), 0.5, 36)
    cv2.line(picture, (290, 400), (395, 280), 0.5, 40)
    cv2.rectangle(picture, (150, 450), (270, ROWS), 0.5, -1)
    bones = cv2.erode(picture, np.ones((19, 19))) * 0.5
    return np.asarray(cv2.GaussianBlur(picture + bones, (7, 7), 0), np.float32)


def _forearm() -> Picture:
    flesh = 0.5 * np.exp(-((_ACROSS / 0.18) ** 4))
    return np.asarray(flesh + 0.3 * np.exp(-(((_ACROSS - 0.05) / 0.06) ** 4)), np.float32)


def _skull() -> Picture:
    distance = np.hypot(_ACROSS / 0.42, _DOWN / 0.42)
    brain = 0.5 * np.clip((1 - distance**2) * 3, 0, 1)
    return np.asarray(brain + 0.3 * np.exp(-(((distance - 0.95) / 0.05) ** 2)), np.float32)


def _phantom() -> Picture:
    picture = _rectangle(0, 120, 300, ROWS - 120)
    for column in range(4):
        for row in range(4):
            cv2.circle(picture, (60 + 60 * column, 200 + 50 * row), 6 + 3 * column, 0.8, -1)
    return picture


def _step_wedge() -> Picture:
    picture = np.zeros((ROWS, COLUMNS), np.float32)
    for step in range(4):
        picture[60:500, 30 + 90 * step : 90 + 90 * step] = 0.3 + 0.15 * step
    return picture


def _breast(centre: float, height: float, width: float) -> Picture:
    distance = ((_Y / ROWS - centre) / height) ** 2 + (_X / COLUMNS / width) ** 2
    return np.asarray(0.5 * np.clip((1 - distance) * 6, 0, 1), np.float32)


def _page() -> Picture:
    page = np.full((ROWS, COLUMNS), 255, np.uint8)
    for line in range(22):
        cv2.putText(page, "Research use only", (15, 30 + 24 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 1)
    return page.astype(np.float32) / 255


def _clouds() -> Picture:
    noise = cv2.GaussianBlur(np.random.default_rng(0).random((ROWS, COLUMNS), np.float32), (0, 0), 20)
    return np.asarray((noise - noise.min()) / (noise.max() - noise.min()), np.float32)


def _noise() -> Picture:
    return np.random.default_rng(0).random((ROWS, COLUMNS), np.float32)


OTHERS: Final[dict[str, tuple[Callable[[], Picture], str]]] = {
    # name: how it is made, and the exception that refuses it
    "a chest": (_chest, "NotBreastShaped"),
    "a chest with inverted grey values": (lambda: 1 - _chest(), "NotBreastShaped"),
    "a hand": (_hand, "NotBreastShaped"),
    "a forearm": (_forearm, "NotBreastShaped"),
    "a skull": (_skull, "NotBreastShaped"),
    "a square in the middle": (lambda: _rectangle(60, 100, 360, 460), "NotBreastShaped"),
    "a square at the edge": (lambda: _rectangle(0, 100, 210, 460), "NotBreastShaped"),
    "half of the picture": (lambda: _rectangle(0, 0, 210, ROWS), "NotBreastShaped"),
    "a phantom at the edge": (_phantom, "NotBreastShaped"),
    "a step wedge": (_step_wedge, "NotBreastShaped"),
    "a flat field with a border": (lambda: _rectangle(10, 10, COLUMNS - 10, ROWS - 10), "NotBreastShaped"),
    "a ramp": (lambda: np.tile(np.linspace(0.3, 0.9, COLUMNS, dtype=np.float32), (ROWS, 1)), "NotBreastShaped"),
    "a page of text": (_page, "NotBreastShaped"),
    "clouds": (_clouds, "BackgroundNotDark"),
    "noise": (_noise, "NoBreastFound"),
    "two breasts side by side": (
        lambda: np.maximum(_breast(0.5, 0.4, 0.4), _breast(0.5, 0.4, 0.4)[:, ::-1]),
        "SeveralObjects",
    ),
    "two breasts one above the other": (lambda: _breast(0.25, 0.22, 0.7) + _breast(0.75, 0.22, 0.7), "SeveralObjects"),
}
