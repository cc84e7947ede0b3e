"""`python -m benchmarks.step_cost`: processor seconds of the parts of reading one real image, on one thread."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import TypeVar

import cv2

from benchmarks.machine import this_machine
from gateway.demo.study import case_images
from gateway.pictures.build import build_picture
from inference.card import read_model_info
from inference.sweep import SweepModel
from inference.sweeping_engine import smoothed_sweep
from preprocessing.pixel_format import read_dataset
from preprocessing.prepare import prepare

T = TypeVar("T")


def spent(call: Callable[[], T]) -> tuple[T, float]:
    """Return what came of a call, and the processor seconds of this process meanwhile."""
    began = time.process_time()
    return call(), time.process_time() - began


def measure() -> dict[str, float]:
    """Read the four views of the demonstration study, once to warm up and once that counts."""
    cv2.setNumThreads(1)
    model, sweep = read_model_info(), SweepModel(threads=1)
    paths = case_images("sfm-malign-0")
    prepared = [spent(lambda path=path: prepare(read_dataset(path))) for path in [paths[0], *paths]][1:]  # type: ignore[misc] # a lambda's default
    smoothed_sweep(sweep, prepared[0][0], model.calibration)
    swept = [spent(lambda one=one: smoothed_sweep(sweep, one, model.calibration)) for one, _ in prepared]  # type: ignore[misc] # likewise
    drawn = [spent(lambda path=path: build_picture(path, None, "1.2", None, None)) for path in paths]  # type: ignore[misc] # likewise
    return {
        "image_prepare_s": round(mean(seconds for _, seconds in prepared), 3),
        "image_sweep_s": round(mean(seconds for _, seconds in swept), 3),
        "picture_s": round(mean(seconds for _, seconds in drawn), 3),
        "image_wire_mb": round(mean(2e-6 * (one.fine.size + one.coarse.size) for one, _ in prepared), 2),
    }


def main() -> None:
    """Print the figures as an entry of benchmarks/measured.json."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        machine = this_machine(Path(folder)).sentence.partition(";")[0]
    shown = {
        "command": "python -m benchmarks.step_cost",
        "on": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
        "load": round(load, 1),
        "figures": measure(),
    }
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")


if __name__ == "__main__":
    main()
