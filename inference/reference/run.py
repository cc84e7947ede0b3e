"""What a run is: its settings and its files."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

from inference.reference.published import BLOCKS, SIDE, check_size
from inference.reference.split import SplitKind
from inference.same_run import hold_to

SETTINGS_FILE: Final = "run.json"
STATE_FILE: Final = "state.keras"
CURVES_FILE: Final = "curves.json"
CURVES_PICTURE: Final = "curves.png"
FIGURES_FILE: Final = "figures.json"
Phase = Literal["patches", "training"]


@dataclass(frozen=True)
class RunSettings:
    """Everything that tells one run from another.

    `side` pixels, `epochs` at batch 32, `blocks` 1 to 5, `regularised` with batch normalisation and dropout. Raises
    SizeUnusable.
    """

    split: SplitKind = "patch"
    blocks: int = BLOCKS
    side: int = SIDE
    regularised: bool = True
    epochs: int = 25
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"

    def __post_init__(self) -> None:
        check_size(self.side, self.blocks)


class Watch(Protocol):
    """Who looks on while patches are made and a network is trained."""

    def told(self, sentence: str) -> None:
        """Something worth knowing, once."""

    def advanced(self, phase: Phase, done: int, of: int, detail: str = "") -> None:
        """`done` of `of` images or batches of this phase; `detail` says how well it goes."""


def open_run(out_dir: Path, settings: RunSettings, patches: str) -> None:
    """Begin a run in `out_dir`, or go on with the one that is there. `patches` is their fingerprint.

    Raises RunDiffers when the folder holds another run.
    """
    hold_to(out_dir / SETTINGS_FILE, {**asdict(settings), "patches": patches})
