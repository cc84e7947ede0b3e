"""What a study's views say together: an order for reading, not a diagnosis."""

from collections.abc import Sequence

from inference.card import ModelInfo
from inference.classes import CLASSES, MALIGNANT
from inference.pooling import most_likely
from inference.results import Attention, Probabilities, StudyResult, ViewResult


def malignancy_score(probabilities: Probabilities) -> float:
    """How much of the five probabilities is malignant, 0..1."""
    return min(1.0, sum(probabilities[name] for name in MALIGNANT))


def summarise_study(views: Sequence[ViewResult], model: ModelInfo, engine: str) -> StudyResult:
    """Pool views into a study.

    The views of one breast are averaged (two projections of one lesion agree, noise doesn't); the study's malignancy
    score is its worse breast's, its label that of the breast least likely to be normal. A view without a side counts
    as a breast of its own. `attention` is high or medium from the card's operating points on, low when a place is
    marked without reaching them, none otherwise, and none with no label when every view failed.
    """
    breasts: dict[str, list[Probabilities]] = {}
    for place, view in enumerate(views):
        if view.probabilities is not None:
            breasts.setdefault(view.laterality or f"view {place}", []).append(view.probabilities)
    if not breasts:
        return StudyResult(
            attention="none",
            label=None,
            malignancy_score=None,
            model_version=model.version,
            engine=engine,
            views=tuple(views),
        )
    means = [_mean(of_breast) for of_breast in breasts.values()]
    score = max(malignancy_score(mean) for mean in means)
    marked = any(view.findings for view in views)
    return StudyResult(
        attention=_attention(score, marked, model),
        label=most_likely(min(means, key=lambda mean: mean["normal"])),
        malignancy_score=score,
        model_version=model.version,
        engine=engine,
        views=tuple(views),
    )


def _mean(several: Sequence[Probabilities]) -> Probabilities:
    return {name: sum(one[name] for one in several) / len(several) for name in CLASSES}


def _attention(score: float, marked: bool, model: ModelInfo) -> Attention:
    if score >= model.operating_points.attention_high:
        return "high"
    if score >= model.operating_points.attention_medium:
        return "medium"
    return "low" if marked else "none"
