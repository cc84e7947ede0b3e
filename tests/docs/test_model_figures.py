"""What the documents say of the model that ships is what its card says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.card import CARD_FILE, MODEL_DIR
from inference.training.card_text import card_markdown
from tests.docs.papers import ROOT


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    return dict(json.loads((MODEL_DIR / CARD_FILE).read_text(encoding="utf-8")))


def test_the_card_for_people_is_the_card_that_ships(card: dict[str, Any]) -> None:
    assert (ROOT / "docs" / "model" / "card.md").read_text(encoding="utf-8") == card_markdown(card)


def test_the_readme_has_the_malignancy_figure_of_the_model_that_ships(card: dict[str, Any]) -> None:
    figure = card["figures"]["lesion_malignancy_auroc"]
    value, low, high = (f"{number:.2f}"[1:] for number in (figure["value"], *figure["ci95"]))
    assert f"(AUROC {value}, 95 % {low} to {high}, " in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_page_on_training_is_about_the_version_that_ships(card: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "model" / "training.md").read_text(encoding="utf-8")
    assert f"The version in the repository, {card['version']}, " in page
