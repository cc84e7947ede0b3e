"""`mammogate train --recipe reference` and `mammogate model compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import Progress, TaskID

from gateway.cli.console import err, out, progress
from gateway.cli.failures import CommandFailed, extra_missing

if TYPE_CHECKING:
    from inference.reference.run import Phase


def train_the_reference(
    data: Path,
    out_dir: Path,
    *,
    split: Literal["patch", "patient"],
    blocks: int,
    side: int,
    plain: bool,
    epochs: int,
    seed: int,
    precision: Literal["float32", "bfloat16"],
    patches_dir: Path | None,
) -> None:
    """Train, or go on training, and print where the figures are."""
    from inference.reference.patch_set import PatchesDiffer
    from inference.reference.published import SizeUnusable
    from inference.reference.run import RunSettings
    from inference.reference.train import train_reference
    from inference.same_run import RunDiffers
    from inference.training.labels import LabelsUnusable
    from inference.training.split import LeakFound

    try:
        settings = RunSettings(split, blocks, side, not plain, epochs, seed, precision)
        with progress() as shown:
            figures = train_reference(data, out_dir, settings, _Shown(shown), patches_dir=patches_dir)
    except ModuleNotFoundError as error:
        raise extra_missing("training", error) from None
    except (LabelsUnusable, LeakFound, PatchesDiffer, RunDiffers, SizeUnusable) as error:
        raise CommandFailed(str(error)) from error
    out.print(str(figures))


def compare(
    runs: Annotated[Path, typer.Argument(metavar="RUNS", help="A folder with runs below it.")],
    out_file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The document, in Markdown.")],
) -> None:
    """Write the reference's figures, leaky beside honest, and its ablation, from the runs' own files."""
    try:
        from inference.reference.compare import RunsUnlike, write_comparison
    except ModuleNotFoundError as error:
        raise extra_missing("training", error) from None
    try:
        left_out = write_comparison(runs, out_file)
    except RunsUnlike as error:
        raise CommandFailed(str(error)) from error
    for sentence in left_out:
        err.print(sentence)
    out.print(str(out_file))


class _Shown:
    """Progress on stderr: a bar for the patches, one for the batches of all epochs, a line an epoch."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._bars: dict[Phase, TaskID] = {}

    def told(self, sentence: str) -> None:
        err.print(sentence)

    def advanced(self, phase: Phase, done: int, of: int, detail: str = "") -> None:
        if phase not in self._bars:
            self._bars[phase] = self._shown.add_task(phase, total=of)
        self._shown.update(self._bars[phase], completed=done, description=f"{phase} {detail}".rstrip())
