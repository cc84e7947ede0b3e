"""`python -m benchmarks`: figures on stdout, progress on stderr."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from benchmarks.cells import BY_NAME, CELLS, Cell
from benchmarks.comparison import compare
from benchmarks.data_sets import DataSets
from benchmarks.document import Findings
from benchmarks.failure import BenchmarkFailed
from benchmarks.limits import measure_limits
from benchmarks.machine import this_machine
from benchmarks.raw_sender import SendingFailed
from benchmarks.receivers import EVERYBODY

# The data sets, and twice the largest load (two objects of 1 GB) in the stores.
_NEEDED_BYTES = 6 * 10**9


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def chosen_cells(names: str) -> list[Cell]:
    """The cells of a list like `S1,M`."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in BY_NAME]
    if unknown:
        raise typer.BadParameter(f"there is no cell {unknown[0]}; there are {', '.join(BY_NAME)}")
    return [BY_NAME[name] for name in wanted]


def bench(
    pairs: Annotated[int, typer.Option(min=1, help="Pairs of runs for each cell and peer.")] = 5,
    cells: Annotated[str, typer.Option(help="Which cells, in this order; empty for none.")] = ",".join(BY_NAME),
    quick: Annotated[bool, typer.Option(help="Few images and one pair: shows that it works, measures little.")] = False,
    limits: Annotated[bool, typer.Option(help="Memory, 100 associations at once, idling with them.")] = True,
    large: Annotated[bool, typer.Option(help="Memory with objects of 1 GB too.")] = False,
    write: Annotated[Path | None, typer.Option(help="Write the document, and its picture beside it.")] = None,
    work_dir: Annotated[Path, typer.Option(help="On the disk that is measured; emptied afterwards.")] = Path("data"),
) -> None:
    """Compare how fast mammogate, Orthanc and DCMTK's storescp receive images."""
    wanted = chosen_cells(cells)
    if write is not None and wanted != list(CELLS):
        raise typer.BadParameter("the document has every cell: leave --cells away with --write")
    if quick:
        pairs = 1
    for kind in EVERYBODY:
        kind.version()  # a program that is missing is noticed now, not after minutes
    work_dir.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(work_dir).free < _NEEDED_BYTES:
        raise BenchmarkFailed(f"{work_dir} has less than {_NEEDED_BYTES // 10**9} GB free: choose another --work-dir")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=work_dir.resolve()) as name:
        folder = Path(name)
        machine = this_machine(folder)
        data_sets = DataSets(folder / "sets")
        compared = [
            compare(cell, data_sets[cell.data_set], pairs, folder / cell.name, quick=quick, say=_say) for cell in wanted
        ]
        at_limits = measure_limits(data_sets, folder / "limits", large=large, say=_say) if limits else []
    findings = Findings(machine, pairs, compared, at_limits)
    sys.stdout.write(findings.text() + "\n")
    if write is not None:
        findings.write(write)
        _say(f"wrote {write}")


def _end(signum: int, _frame: object) -> NoReturn:
    # An exception, so that the receivers are stopped and the work folder is deleted on the way out.
    sys.exit(128 + signum)


def main() -> None:
    """Run the benchmarks; an expected failure is a sentence on stderr and exit code 1."""
    signal.signal(signal.SIGTERM, _end)
    try:
        typer.run(bench)
    except (BenchmarkFailed, SendingFailed) as failure:
        _say(f"benchmarks: {failure}")
        sys.exit(1)


if __name__ == "__main__":
    main()
