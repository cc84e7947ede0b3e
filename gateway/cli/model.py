"""`mammogate train`, `evaluate` and `model export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.console import err, out, print_json, progress, table
from gateway.cli.failures import CommandFailed
from gateway.cli.options import JsonOption

models = typer.Typer(no_args_is_help=True)


@models.callback()
def _models() -> None:
    """The model as files."""


def train(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with labels.csv files below it.")],
    out_dir: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the model and its figures go.")],
    recipe: Annotated[Literal["reference", "mammogate"], typer.Option()] = "reference",
    epochs: Annotated[int, typer.Option(min=1)] = 25,
    seed: Annotated[int, typer.Option(help="Of the patient split and of everything random.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Batches an epoch; default: each lesion once.")] = None,
    fold: Annotated[int, typer.Option(min=0, max=4, help="Which fifth of the patients is held out.")] = 0,
    precision: Annotated[Literal["float32", "bfloat16"], typer.Option()] = "float32",
    minutes: Annotated[float | None, typer.Option(help="End after about so long, annealed by then.")] = None,
    start_from: Annotated[Path | None, typer.Option(help="Weights (.keras) of an earlier run.")] = None,
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
        if (steps, fold, minutes, start_from) != (None, 0, None, None):
            raise CommandFailed(
                "--steps, --fold, --minutes and --start-from are not for the recipe reference: it trains whole "
                "epochs on one split, and goes on with a run when the same command is given again"
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
    from inference.training.labels import LabelsUnusable
    from inference.training.split import LeakFound

    try:
        from inference.train import RecipeUnavailable
        from inference.train import train as fit

        card = fit(
            data,
            out_dir,
            recipe,
            seed=seed,
            epochs=epochs,
            steps=steps,
            validation_fold=fold,
            precision=precision,
            minutes=minutes,
            start_from=start_from,
            progress=err.print,
        )
    except ModuleNotFoundError as error:
        raise CommandFailed(
            f"training needs the package {error.name}: install the extra with `pip install mammogate[train]`"
        ) from None
    except (RecipeUnavailable, LabelsUnusable, LeakFound) as error:
        raise CommandFailed(str(error)) from error
    out.print(str(card))


def evaluate(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="Folder with labels.csv files below it.")],
    as_json: JsonOption = False,
) -> None:
    """Evaluate the shipped model on labelled images."""
    from inference.evaluate import evaluate as measure
    from inference.training.labels import LabelsUnusable

    try:
        with progress() as shown:
            shown.add_task("evaluating", total=None)
            figures = measure(data)
    except LabelsUnusable as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        print_json(figures)
        return
    shown_table = table("figure", "value", "95 % interval")
    for name, value in figures.items():
        if isinstance(value, dict) and "ci95" in value:
            low, high = value["ci95"]
            shown_table.add_row(name, f"{value['value']:.3f}", f"{low:.3f} - {high:.3f}")
        elif value is None:
            shown_table.add_row(name, "-", "the data can't tell")
        elif isinstance(value, (str, int)):
            shown_table.add_row(name, str(value), "")
    out.print(shown_table)


@models.command("export")
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR")],
    format_: Annotated[Literal["triton", "onnx", "openvino"], typer.Option("--format")] = "onnx",
) -> None:
    """Write the shipped model as files for another engine."""
    if format_ == "triton":
        raise CommandFailed("the format triton is not available in this version: use onnx or openvino")
    from inference.export import export_model

    for path in export_model(directory, format_):
        out.print(str(path))


@models.command("verify")
def verify(url: Annotated[str, typer.Argument(metavar="URL")]) -> None:
    """Compare a remote engine with the shipped model."""
    raise CommandFailed(f"remote engines are not available in this version, so {url} can't be verified")
