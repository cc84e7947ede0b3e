"""`mammogate classify`: read images offline, without a gateway."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.console import RESEARCH_USE, out, print_json, progress, table
from gateway.cli.failures import CommandFailed
from gateway.cli.options import JsonOption
from preprocessing.errors import ImageRefused

# The engine takes a second to import, which only this command should wait for.
if TYPE_CHECKING:
    from inference.embedded import EmbeddedEngine
    from inference.engine import ViewReading


def classify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...")],
    as_json: JsonOption = False,
    out_dir: Annotated[Path | None, typer.Option("--out", help="Also write each image's heat map here (.npz).")] = None,
) -> None:
    """Read DICOM mammograms from files or folders; nothing is stored or sent."""
    files = list(find_files(paths))
    if not files:
        raise CommandFailed("there are no files at the given paths")
    from inference.embedded import EmbeddedEngine

    engine = EmbeddedEngine()
    results: list[dict[str, Any]] = []
    with progress() as shown:
        for file in shown.track(files, description="reading"):
            results.append(_read(engine, file, out_dir))
    if as_json:
        print_json(results)
    else:
        _print(results)
    if all(result["failure"] for result in results):
        raise CommandFailed("none of the files could be read as a mammogram")


def find_files(paths: Iterable[Path]) -> Iterable[Path]:
    """Yield the files at the paths, those of a folder in the order of their names.

    Raises:
        CommandFailed: a path does not exist.

    """
    for path in paths:
        if path.is_dir():
            yield from sorted(item for item in path.rglob("*") if item.is_file() and item.name != "DICOMDIR")
        elif path.exists():
            yield path
        else:
            raise CommandFailed(f"there is no file or folder {path}")


def _read(engine: EmbeddedEngine, file: Path, out_dir: Path | None) -> dict[str, Any]:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    from preprocessing.views import identify_view

    try:
        identity = identify_view(dcmread(file, stop_before_pixels=True))
        reading = engine.read(file, identity)
    except InvalidDicomError:
        return _failed(file, "This is not a DICOM file.")
    except ImageRefused as refusal:
        return _failed(file, str(refusal))
    except (ValueError, KeyError, EOFError, NotImplementedError, AttributeError, struct.error) as error:
        # pydicom's parsers, on a damaged file; the others are still read
        return _failed(file, f"The file is damaged: its header can't be read ({type(error).__name__}).")
    if out_dir is not None:
        _write_heat_map(reading, out_dir)
    return {
        "file": str(file),
        **reading.result.model_dump(mode="json"),
        "model_version": engine.model.version,
        "seconds": {name: round(seconds, 4) for name, seconds in reading.timings.items()},
    }


def _failed(file: Path, reason: str) -> dict[str, Any]:
    return {"file": str(file), "label": None, "probabilities": None, "findings": [], "failure": reason}


def _write_heat_map(reading: ViewReading, folder: Path) -> None:
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / f"{reading.result.sop_instance_uid}.npz",
        heat_map=reading.heat_map,
        extent=np.asarray(reading.heat_map_extent),
    )


def _print(results: list[dict[str, Any]]) -> None:
    shown = table("file", "view", "class", "normal", "b. calc", "b. mass", "m. calc", "m. mass", "findings")
    for result in results:
        if result["failure"]:
            shown.add_row(result["file"], "-", "-", *["-"] * 5, result["failure"])
            continue
        shown.add_row(
            result["file"],
            f"{result['laterality'] or '?'} {result['view'] or '?'}",
            result["label"],
            *(f"{value:.3f}" for value in result["probabilities"].values()),
            str(len(result["findings"])),
        )
    out.print(shown)
    out.print(RESEARCH_USE)
