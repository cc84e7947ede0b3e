"""The engine inside the gateway: readings, refusals, and no TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference import sweeping_engine
from inference.card import CARD_FILE, ModelUnusable, read_model_info
from inference.classes import CLASSES
from inference.embedded import EmbeddedEngine
from inference.engine import Engine, ViewReading
from inference.pooling import smooth_map
from preprocessing.errors import ImageRefused, NoBreastFound, NotAMammogram
from tests.peers.synthetic import ct_slice, mammogram, write
from tests.preprocessing.lesion_boxes import real_mammograms


def test_a_real_mammogram_is_read(real_reading: ViewReading) -> None:
    result = real_reading.result
    assert (result.laterality, result.view, result.failure) == ("L", "CC", None)
    assert result.probabilities is not None
    assert tuple(result.probabilities) == CLASSES
    assert sum(result.probabilities.values()) == pytest.approx(1.0, abs=1e-6)
    assert result.label == max(CLASSES, key=lambda name: (result.probabilities or {})[name])
    assert set(real_reading.timings) == {"decode", "prepare", "sweep", "findings"}


def test_the_heat_map_lies_over_the_breast_in_stored_pixels(real_reading: ViewReading) -> None:
    heat = real_reading.heat_map
    assert heat.dtype == np.float32
    assert 0.0 <= heat.min() <= heat.max() <= 1.0
    x0, y0, x1, y1 = real_reading.heat_map_extent
    # The file is 2624 x 4736; half a cell (32 stored pixels) and the rounding to whole cells may stand out.
    assert x0 >= -33
    assert y0 >= -33
    assert x1 <= 2624 + 100
    assert y1 <= 4736 + 100
    assert (x1 - x0) / heat.shape[1] == pytest.approx(64)
    assert (y1 - y0) / heat.shape[0] == pytest.approx(64)


def test_reading_twice_gives_the_same_reading_and_smooths_the_map_once_each(
    engine: EmbeddedEngine, real_reading: ViewReading, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(sweeping_engine, "smooth_map", lambda *given: asked.append(given) or smooth_map(*given))
    again = engine.read(real_mammograms()["1-280.dcm"])
    ((probabilities, readable),) = asked
    once = smooth_map(probabilities, readable)
    assert np.array_equal(again.heat_map, once[..., 3] + once[..., 4])
    twice = smooth_map(once, readable)
    assert np.abs(twice - once).max() > 0.01  # a second smoothing would show
    assert again.result == real_reading.result
    assert np.array_equal(again.heat_map, real_reading.heat_map)


def test_every_finding_lies_in_the_image_and_its_outline_is_closed(engine: EmbeddedEngine) -> None:
    for name in ("1-281.dcm", "1-132.dcm"):
        columns, rows = {"1-281.dcm": (2576, 4680), "1-132.dcm": (2864, 4560)}[name]
        result = engine.read(real_mammograms()[name]).result
        assert len(result.findings) <= 5
        assert [finding.score for finding in result.findings] == sorted(
            (finding.score for finding in result.findings), reverse=True
        )
        for finding in result.findings:
            assert finding.outline[0] == finding.outline[-1]
            assert len(finding.outline) >= 4
            for x, y in (*finding.outline, finding.center):
                assert 0 <= x <= columns
                assert 0 <= y <= rows


def test_an_image_has_a_lesion_label_exactly_when_a_place_is_marked(engine: EmbeddedEngine) -> None:
    for name in ("1-130.dcm", "1-133.dcm", "1-282.dcm"):
        result = engine.read(real_mammograms()[name]).result
        assert (result.label == "normal") == (not result.findings)


def test_a_synthetic_mammogram_without_a_spacing_or_a_window_is_read(engine: EmbeddedEngine, tmp_path: Path) -> None:
    bare = mammogram("R", "MLO", missing=("ImagerPixelSpacing", "PixelSpacing", "WindowCenter", "WindowWidth"))
    assert engine.read(write(bare, tmp_path / "bare.dcm")).result.probabilities is not None


def test_what_is_not_read_is_refused_with_its_reason(engine: EmbeddedEngine, tmp_path: Path) -> None:
    phantom = write(mammogram(tags={"PatientID": "PHANTOM"}), tmp_path / "phantom.dcm")
    with pytest.raises(NotAMammogram, match="phantom"):
        engine.read(phantom)
    with pytest.raises(NotAMammogram, match="CT"):
        engine.read(write(ct_slice(), tmp_path / "ct.dcm"))
    black = mammogram()
    black.PixelData = bytes(len(black.PixelData))
    with pytest.raises(NoBreastFound):
        engine.read(write(black, tmp_path / "black.dcm"))


def test_for_the_command_line_a_refusal_is_a_failure_sentence(engine: EmbeddedEngine, tmp_path: Path) -> None:
    cut = mammogram("L", "CC")
    cut.PixelData = cut.PixelData[:1000]
    result = engine.classify(write(cut, tmp_path / "cut.dcm"))
    assert result.failure is not None
    assert "cut short" in result.failure
    assert (result.laterality, result.view, result.label, result.probabilities) == ("L", "CC", None, None)
    absent = engine.classify(tmp_path / "absent.dcm")
    assert absent.failure is not None
    assert absent.failure.startswith("absent.dcm does not exist; restore it")


def test_the_gateway_reads_without_tensorflow_and_keras() -> None:
    # A module that is None in sys.modules can't be imported, as if it weren't installed.
    program = (
        "import sys\n"
        "absent = 'tensorflow', 'keras', 'onnx', 'sklearn', 'matplotlib', 'scipy', 'tritonclient', 'grpc'\n"
        "for name in absent: sys.modules[name] = None\n"
        "import inference.embedded, inference.study, inference.export, inference.evaluate, inference.train\n"
        "inference.embedded.EmbeddedEngine(threads=1)\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, cwd=root)


def test_the_engine_is_what_the_gateway_asks_for(engine: EmbeddedEngine) -> None:
    asked: Engine = engine
    assert asked.name == "embedded"
    assert asked.model == read_model_info()


def test_a_folder_without_a_model_or_with_a_broken_card_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="no model card"):
        EmbeddedEngine(tmp_path)
    (tmp_path / CARD_FILE).write_text("{}")
    with pytest.raises(ModelUnusable, match="can't be read"):
        EmbeddedEngine(tmp_path)
    card = dict(read_model_info().card)
    (tmp_path / CARD_FILE).write_text(json.dumps(card | {"classes": ["a", "b", "c", "d", "e"]}))
    with pytest.raises(ModelUnusable, match="other classes"):
        EmbeddedEngine(tmp_path)
    (tmp_path / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(ModelUnusable, match="no model "):
        EmbeddedEngine(tmp_path)


def test_every_refusal_is_one_kind_of_exception() -> None:
    assert issubclass(NoBreastFound, ImageRefused)
    assert issubclass(NotAMammogram, ImageRefused)


def test_the_card_says_what_it_is_for_and_what_it_learnt_from() -> None:
    card = read_model_info().card
    assert "not a medical device" in card["intended_use"]
    assert any("10.7937/K9/TCIA.2016.7O02S9CY" in entry["cite"] for entry in card["data"])
    assert card["limits"]
    assert card["figures"]["lesion_malignancy_auroc"]["ci95"]
    assert 0.0 < card["operating_points"]["mark"] < 1.0
