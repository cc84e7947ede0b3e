"""`python -m benchmarks.study_cost`: what one real four-view study costs a gateway: processor, disk, database, wire.

Processor seconds are those of the processes, not of a clock on the wall, so other work on the machine hardly changes
them. What they can't say is how fast it goes: that is `python -m benchmarks.studies`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.failure import BenchmarkFailed
from benchmarks.machine import this_machine
from gateway.demo.study import write_study
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import Gateway, running_gateway
from tests.system.test_kill import part_name

_WAIT_SECONDS = 1500.0
_PARTS = ("receive", "work", "child", "api")
_FOLDERS = ("instances", "reports", "readings", "pictures")
_MILLION = 1e6


def _processor(gateway: Gateway) -> dict[str, float]:
    spent = dict.fromkeys(_PARTS, 0.0)
    for process in gateway.processes():
        name = part_name(process)
        if name in spent:
            times = process.cpu_times()
            spent[name] += times.user + times.system
    return spent


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _stored(gateway: Gateway) -> dict[str, int]:
    with closing(sqlite3.connect(gateway.data_dir / "mammogate.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (count,), (size,) = (database.execute(f"PRAGMA page_{what}").fetchone() for what in ("count", "size"))
    return {"database": count * size} | {name: _bytes(gateway.data_dir / name) for name in _FOLDERS}


def _one(gateway: Gateway, folder: Path, pictures: int) -> None:
    study = write_study(folder, datetime.now().astimezone())
    if dcmsend(gateway.dicom_port, *study.paths, seconds=600).returncode != 0:
        raise BenchmarkFailed("the gateway did not take the study")
    deadline = time.monotonic() + _WAIT_SECONDS
    while gateway.log.count("event=picture.made") < pictures:
        if time.monotonic() > deadline:
            raise BenchmarkFailed(f"the study was not done in time: {gateway.log[-2000:]}")
        time.sleep(0.5)


def measure(
    studies: Annotated[int, typer.Option(min=1, help="Studies that count, after one that loads the model.")] = 3,
) -> None:
    """Print the figures as JSON, for benchmarks/measured.json."""
    with tempfile.TemporaryDirectory(prefix="study-cost-") as name, running_gateway(Path(name) / "gateway") as gateway:
        _one(gateway, Path(name) / "first", 4)
        before, stored, began = _processor(gateway), _stored(gateway), time.monotonic()
        for number in range(studies):
            _one(gateway, Path(name) / str(number), 4 * (number + 2))
        after, kept, seconds = _processor(gateway), _stored(gateway), time.monotonic() - began
        figures = {f"processor_{part}_s": round((after[part] - before[part]) / studies, 2) for part in _PARTS}
        figures |= {f"{part}_mb": round((kept[part] - stored[part]) / studies / _MILLION, 3) for part in kept}
        shown = {
            "command": f"python -m benchmarks.study_cost --studies {studies}",
            "on": f"{datetime.now(UTC):%Y-%m-%d}",
            "machine": this_machine(Path(name)).sentence.partition(";")[0],
            "load": round(os.getloadavg()[0], 1),
            "wall_s": round(seconds / studies, 1),
            "figures": figures,
        }
    sys.stdout.write(json.dumps(shown, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(measure)
