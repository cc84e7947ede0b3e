"""The model card as the software reads it: version, classes, operating points, calibration, figures."""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from inference.classes import CLASSES

MODEL_DIR: Final = Path(__file__).parent / "model"
CARD_FILE: Final = "card.json"
GRAPH_FILE: Final = "model.onnx"


class ModelUnusable(Exception):
    """The model's files are missing or don't fit this software; the text says which and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OperatingPoints(_Part):
    """Thresholds chosen on held-out training patients only.

    `mark`: lesion score (1 - probability of normal, 0..1) from which a place is marked. `attention_high`,
    `attention_medium`: malignancy score of a study from which it is put forward.
    """

    mark: float
    attention_high: float
    attention_medium: float


class Calibration(_Part):
    """How the two scales' logits become probabilities: their weighted sum plus `bias`, then the softmax.

    Chosen by the likelihood of held-out windows: a temperature (Guo et al. 2017) for each scale, and a shift a class.
    """

    weights: tuple[float, float]
    bias: tuple[float, float, float, float, float]


class ModelInfo(_Part):
    """What the gateway needs to know of a model; `card` is the whole card, figures included, as it was read."""

    name: str
    version: str
    classes: tuple[str, ...]
    operating_points: OperatingPoints
    calibration: Calibration
    card: dict[str, Any]


def read_model_info(model_dir: Path | None = None) -> ModelInfo:
    """Read the card in `model_dir` (the shipped model when None). Raises ModelUnusable."""
    folder = model_dir or MODEL_DIR
    file = folder / CARD_FILE
    try:
        card: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        info = ModelInfo.model_validate(
            {name: card[name] for name in ModelInfo.model_fields if name != "card"} | {"card": card}
        )
    except FileNotFoundError as error:
        raise ModelUnusable(f"There is no model card {file}; name a folder written by `mammogate train`.") from error
    except (ValueError, KeyError) as error:
        raise ModelUnusable(
            f"The model card {file} can't be read ({error}); train or export the model again."
        ) from error
    if info.classes != CLASSES:
        raise ModelUnusable(f"The model in {folder} knows other classes than this software: {', '.join(info.classes)}.")
    return info
