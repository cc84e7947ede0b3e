"""Labelled folders of drawn tissue, small enough to train on in seconds."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from tests.peers.synthetic import breast_pixels

LESIONS = ("benign_calcification", "benign_mass", "malignant_calcification", "malignant_mass")


def write_labels(folder: Path, rows: list[dict[str, str]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def lesion_crops(folder: Path, patients: int = 20) -> Path:
    """One crop a patient; calcifications have spots, masses a disc, malignant ones more or larger of it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(patients):
        label = LESIONS[number % len(LESIONS)]
        name = f"crop_{number}.png"
        cv2.imwrite(str(folder / name), crop(label, seed=number))
        rows.append({"file": name, "patient_id": f"P_{number:03}", "label5": label})
    return write_labels(folder, rows)


def crop(label: str, seed: int, side: int = 400) -> np.ndarray:
    generator = np.random.default_rng(seed)
    picture = 110 + cv2.GaussianBlur(generator.normal(0, 60, (side, side)).astype(np.float32), (0, 0), 6)
    strong = label.startswith("malignant")
    if label.endswith("calcification"):
        for x, y in generator.integers(side // 4, 3 * side // 4, (24 if strong else 6, 2)):
            cv2.circle(picture, (int(x), int(y)), 5, 250.0, -1)
    else:
        cv2.circle(picture, (side // 2, side // 2), side // (3 if strong else 6), 210.0, -1)
    return np.clip(picture, 0, 255).astype(np.uint8)


def normal_views(folder: Path, patients: int = 2) -> Path:
    """One whole film a patient, at the size of a film scan."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(patients):
        name = f"view_{number}.jpg"
        picture = breast_pixels("L", "CC", 4096, 2400, bits=8, seed=number)
        cv2.imwrite(str(folder / name), picture.astype(np.uint8))
        rows.append({"file": name, "patient_id": f"N_{number:03}", "label5": "normal", "kind": "full"})
    return write_labels(folder, rows)
