"""`python -m benchmarks.studies`: studies per hour by workers and engine, and a remote engine's clients.

Embedded and remote, at 1, 2 and 4 workers, and how much of what the same graph does in process a remote engine does for
1, 4 and 16 clients. The remote engine is a real Triton on this machine, so both sides share its processors.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from benchmarks.clients import ClientRates, measure_clients
from benchmarks.failure import BenchmarkFailed
from benchmarks.machine import this_machine
from benchmarks.tables import markdown_table, number
from benchmarks.workers import Workers, running_workers
from gateway.demo.study import write_study
from tests.peers.dcmtk import dcmsend
from tests.peers.triton import running_triton
from tests.system.small_breasts import small_study

ENGINES = ("embedded", "remote")
_REPORTED = "SELECT count(*) FROM study WHERE status = 'reported'"
_SECONDS_A_STUDY = 300.0
_HOUR = 3600.0


@dataclass(frozen=True)
class Rate:
    """What one cell came to. `seconds`: from the first to the last report of `studies` + 1 studies."""

    engine: str
    workers: int
    studies: int
    seconds: float

    @property
    def per_hour(self) -> float:
        return self.studies / self.seconds * _HOUR


def stops_growing(rates: Sequence[Rate]) -> int:
    """The number of workers after which none adds a tenth, of rates that go up in workers."""
    best = rates[0]
    for rate in rates[1:]:
        if rate.per_hour >= 1.1 * best.per_hour:
            best = rate
    return best.workers


def measure(engine: str, workers: int, studies: int, folder: Path, url: str, *, quick: bool) -> Rate:
    """Send `studies` studies, and so many more before them as there are workers; time the reports of the former."""
    settings = {"MAMMOGATE_INFERENCE__ENGINE": engine, "MAMMOGATE_INFERENCE__DEADLINE_SECONDS": "120"}
    if engine == "remote":
        settings["MAMMOGATE_INFERENCE__URL"] = url
    folder.mkdir(parents=True)
    with running_workers(folder, workers, settings) as running:
        for count in (workers, workers + studies):  # the first ones load models
            sent = running.count("SELECT count(*) FROM study")
            for name in range(sent, count):
                _send(running, folder / "studies" / str(name), quick=quick)
            if count == workers:
                running.wait_for(_REPORTED, workers, _SECONDS_A_STUDY * workers)
        first = running.wait_for(_REPORTED, workers + 1, _SECONDS_A_STUDY)
        already = running.count(_REPORTED) - workers
        last = running.wait_for(_REPORTED, workers + studies, _SECONDS_A_STUDY * studies)
        failed = running.count("SELECT count(*) FROM reading WHERE engine IS DISTINCT FROM :engine", engine=engine)
    if failed:
        raise BenchmarkFailed(f"{failed} images were not read by the {engine} engine")
    return Rate(engine, workers, studies - already, last - first)


def _send(running: Workers, folder: Path, *, quick: bool) -> None:
    paths = small_study(folder).paths.values() if quick else write_study(folder, datetime.now().astimezone()).paths
    done = dcmsend(running.gateway.dicom_port, *paths)
    shutil.rmtree(folder)
    if done.returncode != 0:
        raise BenchmarkFailed(f"a study was not taken: {done.stderr[-500:]}")


def _rates_table(rates: Sequence[Rate]) -> str:
    base = {rate.engine: rate.per_hour for rate in reversed(rates)}
    rows = [
        [
            rate.engine,
            str(rate.workers),
            number(rate.per_hour),
            number(rate.per_hour / base[rate.engine]),
            number(rate.per_hour / base["embedded"]) if "embedded" in base else "-",
            str(rate.studies),
        ]
        for rate in rates
    ]
    header = ["engine", "workers", "studies an hour", "of its first", "of the first embedded", "studies timed"]
    return markdown_table(header, rows)


def _clients_table(clients: ClientRates) -> str:
    rows = [
        [str(count), number(clients.remote[count]), number(clients.in_process[count]), f"{clients.ratio(count):.2f}"]
        for count in clients.remote
    ]
    return markdown_table(["clients", "remote, views/s", "in process, views/s", "ratio"], rows)


def bench(
    studies: Annotated[int, typer.Option(min=2, help="Studies that are timed in each cell.")] = 12,
    workers: Annotated[str, typer.Option(help="Numbers of workers, ascending.")] = "1,2,4",
    engines: Annotated[str, typer.Option(help="Which engines.")] = ",".join(ENGINES),
    clients: Annotated[str, typer.Option(help="Numbers of clients of the remote engine; empty for none.")] = "1,4,16",
    quick: Annotated[bool, typer.Option(help="Small breasts, few studies: shows that it works only.")] = False,
    work_dir: Annotated[Path, typer.Option(help="Emptied afterwards.")] = Path("data"),
) -> None:
    """Measure studies per hour, and how a remote engine answers many clients. Nothing else should run meanwhile."""
    counts = [int(count) for count in workers.split(",")]
    wanted = [engine for engine in ENGINES if engine in engines.split(",")]
    work_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="studies-", dir=work_dir.resolve()) as name:
        folder = Path(name)
        sys.stdout.write(this_machine(folder).sentence + "\n\n")
        (folder / "engine").mkdir()
        with running_triton(folder / "engine", threads=os.cpu_count() or 1) as address:
            rates = [
                _told(
                    measure(
                        engine, count, 3 if quick else studies, folder / f"{engine}{count}", _url(address), quick=quick
                    )
                )
                for engine in wanted
                for count in counts
            ]
            sys.stdout.write(_rates_table(rates) + "\n\n")
            for engine in wanted if len(counts) > 1 else ():
                ours = [rate for rate in rates if rate.engine == engine]
                sys.stdout.write(f"{engine}: no worker after number {stops_growing(ours)} adds a tenth.\n")
            if clients:
                numbers = [int(count) for count in clients.split(",")]
                found = measure_clients(folder / "engine", address, numbers, seconds=3 if quick else 20, say=_say)
                sys.stdout.write("\n" + _clients_table(found) + "\n")


def _told(rate: Rate) -> Rate:
    _say(f"{rate.engine}, {rate.workers} workers: {rate.per_hour:.0f} studies an hour")
    return rate


def _url(address: str) -> str:
    return f"grpc://{address}/mammogate"


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _end(signum: int, _frame: object) -> NoReturn:
    sys.exit(128 + signum)  # an exception, so that everything is stopped on the way out


def main() -> None:
    """Run; an expected failure is a sentence on stderr and exit code 1."""
    signal.signal(signal.SIGTERM, _end)
    started = time.monotonic()
    try:
        typer.run(bench)
    except BenchmarkFailed as failure:
        _say(f"benchmarks: {failure}")
        sys.exit(1)
    finally:
        _say(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
