"""Whether a server computes what the embedded graph computes, on made pictures that anybody can make again."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from inference.card import read_model_info
from inference.cells import Picture
from inference.graph import LocalGraph
from inference.remote.client import RemoteCells
from inference.remote.server import RemoteServer
from inference.remote.version import served_version

TOLERANCE: Final = 1e-3
"""Largest difference of a logit that still counts as the same model."""
_SIZES: Final = ((96, 64), (256, 320), (512, 224), (160, 160))


@dataclass(frozen=True)
class Verified:
    """What came of it; `largest_difference` in logits."""

    model_version: str
    served_version: str
    pictures: int
    largest_difference: float

    @property
    def same(self) -> bool:
        """Whether the server's model is ours."""
        return self.largest_difference <= TOLERANCE


def verify(server: RemoteServer, model_dir: Path | None = None) -> Verified:
    """Compare a server's logits with the embedded graph's. Raises RemoteUnusable, ModelUnusable."""
    model = read_model_info(model_dir)
    served = served_version(model.version)
    pictures = golden_pictures()
    theirs = RemoteCells(server, served).cells(pictures)
    ours = LocalGraph(model_dir).cells(pictures)
    largest = max(float(np.abs(one - other).max()) for one, other in zip(theirs, ours, strict=True))
    return Verified(model.version, served, len(pictures), largest)


def golden_pictures() -> Sequence[Picture]:
    """Noise, waves, an edge and a batch of two, 0..1, the same at every call."""
    made: list[Picture] = []
    for number, (height, width) in enumerate(_SIZES):
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        noise = np.random.default_rng(number).random((height, width), dtype=np.float32)
        waves = np.sin(rows / (5 + number)) * np.cos(columns / 11) / 4 + np.float32(0.5)
        picture = np.clip(waves + (noise - 0.5) / 2 + (columns > width / 2) * 0.2, 0.0, 1.0).astype(np.float32)
        made.append(np.stack([picture, 1 - picture]) if number == len(_SIZES) - 1 else picture[None])
    return made
