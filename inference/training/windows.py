"""Which windows a picture gives: augmented ones to learn from, plain ones to be measured by.

Half of the windows that a small picture doesn't fill show it set into the tissue of a normal film, the others are
filled up with its reflection, as a crop is when it is read. A lesion's windows to learn from lie where its label is
true: anywhere in a mass's crop, near the bright spots of a calcification's. The plain ones are those by which any crop
is read (`inference.crops`), and an item is one answer: a crop, or one place of normal tissue.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from inference.crops import Place, reading_places, windows_at
from inference.training.augment import training_window
from inference.training.films import Film, set_into
from inference.training.samples import Sample
from preprocessing.normalise import FloatImage
from preprocessing.patches import COARSE, WindowScale, bright_places

A_LESION: Final = 8
"""Windows of a crop, at each scale, to learn from."""
_A_CUT: Final = 4
_FILLED_WITH_ROOM: Final = 1.25
"""Sides of a window that a picture must have, so that a turned and reduced one is filled by it."""
_QUIET: Final = 4
_FILM: Final = 80
_QUIET_ITEMS: Final = 4
_BRIGHT: Final = 4
_SPOTTED_ROOM: Final = 28
"""Half the pixels by which a calcification crop exceeds the window before its bright spots are sought."""


@dataclass(frozen=True)
class Item:
    """What one answer is asked for; `shifted`: all its windows moved by half a pixel."""

    place: int
    shifted: bool


@dataclass(frozen=True)
class Learnt:
    """One augmented window; `donor`: whose film its tissue around the picture is of, empty where there is none."""

    window: FloatImage
    donor: str = ""


def windows_to_learn(
    sample: Sample, scale: WindowScale, films: Sequence[Film], generator: np.random.Generator
) -> list[Learnt]:
    """Augmented windows at `scale`; the same generator state gives the same windows."""
    if sample.use == "read":
        return []
    contrast = sample.contrast[scale.name]
    places = _tissue_places(sample, scale, generator) if sample.places else _crop_places(sample, scale, generator)
    others = [film for film in films if film.patient_id != sample.patient_id]
    small = not sample.places and min(contrast.shape) < _FILLED_WITH_ROOM * scale.side
    middle = ((contrast.shape[1] - 1) / 2, (contrast.shape[0] - 1) / 2)
    learnt: list[Learnt] = []
    for turn, within in enumerate(places):
        picture, place, donor = contrast, within, ""
        if small and others and turn % 2:
            film = others[int(generator.integers(len(others)))]
            picture, centre = set_into(film, sample.reduced[scale.name], scale, generator)
            place = (centre[0] + within[0] - middle[0], centre[1] + within[1] - middle[1])
            donor = film.patient_id
        learnt.append(Learnt(training_window(picture, place, scale.side, generator), donor))
    return learnt


def items(sample: Sample) -> list[Item]:
    """The answers that a held-out picture is asked for."""
    if sample.use == "learn":
        return []
    if not sample.places:
        return [Item(0, shifted=False)]
    if sample.origin == "film normal":
        held = range(_FILM, len(sample.places))
        return [Item(place, shifted) for shifted in (False, True) for place in held]
    chosen = np.unique(np.linspace(0, len(sample.places) - 1, _QUIET_ITEMS).astype(int))
    return [Item(int(place), shifted=False) for place in chosen]


def windows_to_read(sample: Sample, item: Item, scale: WindowScale) -> list[FloatImage]:
    """The plain windows of one answer at `scale`, each with its mirror images."""
    contrast = sample.contrast[scale.name]
    times = COARSE.millimetres / scale.millimetres
    if sample.places:
        x, y = sample.places[item.place]
        places: tuple[Place, ...] = ((x * times, y * times),)
    else:
        places = reading_places(contrast, scale)
    return windows_at(contrast, places, scale.side, 0.5 if item.shifted else 0.0)


def _crop_places(sample: Sample, scale: WindowScale, generator: np.random.Generator) -> list[Place]:
    contrast = sample.contrast[scale.name]
    height, width = contrast.shape
    room = (max(0.0, (width - scale.side) / 2), max(0.0, (height - scale.side) / 2))
    spots: list[Place] = []
    if sample.label.endswith("calcification") and max(room) > _SPOTTED_ROOM:
        spots = bright_places(contrast, _BRIGHT, scale.side // 2)
    places: list[Place] = []
    for turn in range(A_LESION if sample.area else _A_CUT):
        if spots:
            x, y = spots[turn % len(spots)]
            stray = 24.0
        else:
            x = (width - 1) / 2 + generator.uniform(-0.6, 0.6) * room[0]
            y = (height - 1) / 2 + generator.uniform(-0.6, 0.6) * room[1]
            stray = 12.0 + 0.05 * min(height, width)
        places.append((x + generator.uniform(-stray, stray), y + generator.uniform(-stray, stray)))
    return places


def _tissue_places(sample: Sample, scale: WindowScale, generator: np.random.Generator) -> list[Place]:
    times = COARSE.millimetres / scale.millimetres
    if sample.origin == "film normal":
        chosen, stray = np.arange(min(_FILM, len(sample.places))), 0.5
    else:
        chosen, stray = generator.choice(len(sample.places), _QUIET), 6.0
    return [
        (
            sample.places[int(place)][0] * times + generator.uniform(-stray, stray),
            sample.places[int(place)][1] * times + generator.uniform(-stray, stray),
        )
        for place in chosen
    ]
