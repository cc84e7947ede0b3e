"""`mammogate train`, `evaluate` and `model export`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from rich.table import Table

from config.loading import load_settings
from gateway.cli.console import err, out, print_json, progress, table
from gateway.cli.failures import CommandFailed, extra_missing
from gateway.cli.options import ConfigOption, JsonOption

if TYPE_CHECKING:
    from inference.evaluate import Evaluation

_SEEDS: Final = 2
_FLATTERED: Final = (
    "Images that the model was trained on flatter it; the shipped one has seen CBIS-DDSM's training crops and the "
    "normal films of three women."
)
_ALL_FOLDS: Final = "0,1,2,3,4"

models = typer.Typer(no_args_is_help=True)


@models.callback()
def _models() -> None:
    """The model as files."""


def train(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with labels.csv files below it.")],
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the model and its figures go.")],
    recipe: Annotated[Literal["reference", "mammogate"], typer.Option()] = "mammogate",
    seed: Annotated[int, typer.Option(help="Of everything random; the first of several.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Mammogate: runs a fold.")] = _SEEDS,
    folds: Annotated[str, typer.Option(help="Mammogate: which fifths of the patients are held out.")] = _ALL_FOLDS,
    steps: Annotated[int | None, typer.Option(min=1, help="Mammogate: batches a run.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Reference.")] = 25,
    precision: Annotated[Literal["float32", "bfloat16"], typer.Option(help="Reference.")] = "float32",
    split: Annotated[Literal["patch", "patient"], typer.Option(help="Reference: as published, or honest.")] = "patch",
    blocks: Annotated[int, typer.Option(min=1, max=5, help="Reference: as published 4.")] = 4,
    side: Annotated[int, typer.Option(min=2, help="Reference: pixels on a side of a patch.")] = 256,
    plain: Annotated[bool, typer.Option(help="Reference: without batch normalisation and dropout.")] = False,
    patches: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Reference: where runs share patches; default: in --out.")
    ] = None,
) -> None:
    """Train a model on labelled images (needs the extra `train`)."""
    if recipe == "reference":
        if (steps, seeds, folds) != (None, _SEEDS, _ALL_FOLDS):
            raise CommandFailed(
                "--steps, --seeds and --folds are not for the recipe reference: it trains whole epochs on one split"
            )
        from gateway.cli.train_reference import train_the_reference

        train_the_reference(
            data,
            out_dir,
            split=split,
            blocks=blocks,
            side=side,
            plain=plain,
            epochs=epochs,
            seed=seed,
            precision=precision,
            patches_dir=patches,
        )
        return
    _train_mammogate(data, out_dir, seed=seed, seeds=seeds, folds=folds, steps=steps)


def _train_mammogate(data: Path, out_dir: Path, *, seed: int, seeds: int, folds: str, steps: int | None) -> None:
    from inference.same_run import RunDiffers
    from inference.training.labels import LabelsUnusable
    from inference.training.split import LeakFound

    chosen = [int(fold) for fold in folds.split(",") if fold in _ALL_FOLDS.split(",")]
    if not chosen or len(set(chosen)) < len(folds.split(",")):
        raise CommandFailed(f"--folds takes numbers from 0 to 4 with commas between them, not {folds!r}")
    try:
        from inference.train import STEPS
        from inference.train import train as fit
        from inference.training.imagenet import ImageNetWeightsMissing

        card = fit(
            data, out_dir, seed=seed, seeds=seeds, folds=sorted(chosen), steps=steps or STEPS, progress=err.print
        )
    except ModuleNotFoundError as error:
        raise extra_missing("training", error) from None
    except (LabelsUnusable, LeakFound, RunDiffers, ImageNetWeightsMissing) as error:
        raise CommandFailed(str(error)) from error
    out.print(str(card))


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with labels.csv files below it.")],
    out_dir: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Where to draw the pictures.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate the shipped model on labelled images; with --out draw confusion, reliability, ROC and examples."""
    from inference.evaluate import evaluate as measure
    from inference.training.labels import LabelsUnusable

    try:
        with progress() as shown:
            shown.add_task("evaluating", total=None)
            found = measure(data)
        if out_dir is not None:
            _draw(found, out_dir)
    except LabelsUnusable as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json(found.figures)
        return
    out.print(figures_table(found.figures))
    out.print(_FLATTERED)
    for sentence in found.figures["cannot_tell"]:
        out.print(f"The data can't tell: {sentence}.")
    if found.figures["left_out"]:
        out.print(f"{len(found.figures['left_out'])} images left out: {found.figures['left_out'][0]}")


def _draw(found: Evaluation, out_dir: Path) -> None:
    try:
        from inference.training.plots import draw_evaluation
    except ModuleNotFoundError as error:
        raise extra_missing("drawing", error) from None
    for file in draw_evaluation(found, out_dir):
        err.print(str(file))


def figures_table(figures: dict[str, Any]) -> Table:
    """Every figure with its interval, the confusion matrix and what each class got."""
    shown = table("figure", "value", "95 % interval")
    for name, value in figures.items():
        if isinstance(value, dict) and "ci95" in value:
            shown.add_row(name, f"{value['value']:.3f}", _interval(value["ci95"]))
        elif value is None:
            shown.add_row(name, "-", "the data can't tell")
        elif isinstance(value, (str, int, float)):
            shown.add_row(name, str(value), "")
    for name, truth in zip(figures["counts"], figures["confusion_matrix"], strict=True):
        one = figures["per_class"][name]
        told = ", ".join(f"{key} {number:.3f}" for key, number in one.items() if number is not None)
        shown.add_row(name, f"{figures['counts'][name]} images", f"{told}; called {' '.join(map(str, truth))}")
    for name, value in figures["area_only_auroc"].items():
        shown.add_row(f"area alone, {name}", "-" if value is None else f"{value:.3f}", "what the network must beat")
    _add_normals(shown, figures)
    return shown


def _add_normals(shown: Table, figures: dict[str, Any]) -> None:
    """What the answers on normal tissue give away, and what is marked where there is nothing."""
    from inference.findings import MOST_FINDINGS

    probe = ", ".join(f"{value:.3f}" for value in figures["source_probe_auroc"])
    shown.add_row("source_probe_auroc", probe or "-", "each patient left out; 0.5: it can't be told" if probe else "")
    for name, value in (figures["marks_per_normal_view"] or {}).items():
        where = name if name == "operating point" else f"threshold for {name}"
        shown.add_row(f"marks_per_normal_view, {where}", f"{value:.2f}", "all places from the threshold on")
    for name, value in (figures["marks_per_normal_view_reported"] or {}).items():
        shown.add_row(
            f"marks_per_normal_view_reported, {name}", f"{value:.2f}", f"as a gateway reports: {MOST_FINDINGS} at most"
        )


def _interval(ends: Sequence[float] | None) -> str:
    return "too few patients for an interval" if ends is None else f"{ends[0]:.3f} - {ends[1]:.3f}"


@models.command("export")
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR")],
    format_: Annotated[Literal["triton", "onnx", "openvino"], typer.Option("--format")] = "onnx",
) -> None:
    """Write the shipped model as files for another engine."""
    from inference.export import FormatUnavailable, export_model

    try:
        written = export_model(directory, format_)
    except ModuleNotFoundError as error:
        raise extra_missing(f"the format {format_}", error) from None
    except FormatUnavailable as error:
        raise CommandFailed(str(error)) from None
    for path in written:
        out.print(str(path))


@models.command("verify")
def verify(
    url: Annotated[str, typer.Argument(metavar="URL", help="grpc://HOST:PORT/MODEL, or grpcs:// for TLS.")],
    config: ConfigOption = None,
) -> None:
    """Compare a remote engine with the shipped model, on made pictures; TLS and token as in the settings."""
    from gateway.processes.remote_engine import server_at

    server = server_at(load_settings(config).inference, url)
    from inference.remote.verify import TOLERANCE
    from inference.remote.verify import verify as compare

    found = compare(server)
    told = f"largest difference {found.largest_difference:.2e} over {found.pictures} pictures"
    if not found.same:
        raise CommandFailed(f"{told}, above {TOLERANCE:g}: the server does not compute model {found.model_version}")
    out.print(f"model {found.model_version} (served as version {found.served_version}): {told}")
