"""`python -m benchmarks.scale`: does the simulation give what was measured, and what does a region need?

Prints the tables of docs/scale.md from benchmarks/measured.json; `--write docs/scale.md` puts them there.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from benchmarks.measured import Measured, Throughput, read_measured
from benchmarks.simulation import Outcome, Step, poisson, simulate
from benchmarks.tables import markdown_table, number

_VIEWS: Final = 4
_SWEEP_WIDTH: Final = 64.0  # the network's operations use every core that there is


@dataclass(frozen=True)
class Region:
    """What is assumed, not measured. `peak`: the busiest hour over the mean of a working day."""

    hospitals: int = 200
    studies_a_year: int = 20_000_000
    days: int = 250
    hours: float = 9.0
    peak: float = 2.0
    image_mb: float = 27.3
    compression: float = 2.5
    kept_days: int = 90

    @property
    def of_a_hospital(self) -> float:
        """Studies an hour of one hospital, in the busiest hour."""
        return self.studies_a_year / self.hospitals / self.days / self.hours * self.peak

    @property
    def images_a_second(self) -> float:
        """Of the whole region, in the busiest hour."""
        return _VIEWS * self.of_a_hospital * self.hospitals / 3600


def steps_of(measured: Measured, engine: str, *, pictures: bool = True) -> list[Step]:
    """One study as a worker does it: four images, the reports, four pictures.

    A remote engine is on the same machine here, as it was when studies an hour were measured.
    What the child took for a whole study and is in no image and no picture went into the reports.
    """
    extra = measured["remote_extra_s"] if engine == "remote" else 0.0
    image = [Step(measured["image_prepare_s"]), Step(measured["image_sweep_s"] + extra, _SWEEP_WIDTH)]
    of_images = measured["image_prepare_s"] + measured["image_sweep_s"] + measured["picture_s"]
    reports = max(0.0, measured["processor_child_s"] - _VIEWS * of_images)
    steps = [*image * _VIEWS, Step(reports + measured["processor_work_s"], reports=True)]
    return [*steps, *[Step(measured["picture_s"])] * _VIEWS] if pictures else steps


def busy(measured: Measured, cell: Throughput, cores: float) -> Outcome:
    """So many workers that never run out of studies."""
    return simulate([0.0] * (20 * cell.workers), steps_of(measured, cell.engine), workers=cell.workers, cores=cores)


def reproduction(measured: Measured) -> str:
    """What was measured beside what the simulation gives for it, and by how much that is wrong."""
    rows = []
    for cell in measured.throughputs:
        found = busy(measured, cell, measured.cores).per_hour
        error = f"{found / cell.per_hour - 1:+.0%}"
        rows.append([cell.engine, str(cell.workers), number(cell.per_hour), number(found), error])
    header = ["engine", "workers", "measured, studies/h", "simulated, studies/h", "error"]
    return markdown_table(header, rows)


def gateway_table(measured: Measured, region: Region) -> str:
    """One hospital's gateway in the busiest hour, by cores and workers: how long a report takes."""
    rows = []
    for cores in (2, 4, 8, 16):
        for workers in sorted({1, max(1, cores // 4), cores // 2}):
            arrivals = poisson(region.of_a_hospital, 8, seed=1)
            found = simulate(arrivals, steps_of(measured, "embedded"), workers=workers, cores=cores)
            keeps_up = found.quantile(0.95) < 1800
            waits = [f"{found.quantile(share):.0f}" if keeps_up else "grows" for share in (0.5, 0.95)]
            load = region.of_a_hospital / 3600 * sum(step.seconds for step in steps_of(measured, "embedded")) / cores
            rows.append([str(cores), str(workers), f"{load:.0%}", *waits])
    return markdown_table(["cores", "workers", "of the cores busy", "median s to report", "95 % within, s"], rows)


def region_table(measured: Measured, region: Region) -> str:
    """What the whole region needs."""
    study_s = sum(step.seconds for step in steps_of(measured, "embedded"))
    sweep_s = _VIEWS * measured["image_sweep_s"]
    peak = region.of_a_hospital * region.hospitals / 3600
    images_tb = _VIEWS * region.image_mb / region.compression * region.studies_a_year / 1e6
    ours_mb = sum(measured[f"{name}_mb"] for name in ("reports", "readings", "pictures"))
    kept = region.kept_days / 365
    database_gb = measured["database_mb"] * region.studies_a_year / 1e3
    rows = [
        ["studies an hour of one hospital, at its peak", number(region.of_a_hospital)],
        ["studies a second of the region, at its peak", number(peak)],
        ["images a second, at its peak", number(region.images_a_second)],
        ["cores, everything embedded, 60 % busy at the peak", number(math.ceil(peak * study_s / 0.6))],
        ["of those, for the network alone", number(math.ceil(peak * sweep_s / 0.6))],
        ["line to a central engine at the peak, Gbit/s", number(peak * _VIEWS * measured["image_wire_mb"] * 8 / 1000)],
        ["images, a year, lossless, TB (in the PACS)", number(images_tb)],
        [f"images kept here for {region.kept_days} days, TB", number(images_tb * kept)],
        ["reports, heat maps, pictures, a year, TB", number(ours_mb * region.studies_a_year / 1e6)],
        ["database, a year, all hospitals together, GB", number(database_gb)],
        ["database, a year, of one hospital, GB", number(database_gb / region.hospitals)],
    ]
    return markdown_table(["what", "needed"], rows)


def engine_table(region: Region) -> str:
    """How many accelerators, by how many images a second one does: that was not measured."""
    rates = (5.0, 20.0, 50.0, 100.0)
    rows = [[number(rate), str(math.ceil(region.images_a_second / rate / 0.6) + 1)] for rate in rates]
    header = ["images a second of one engine (assumed)", "engines, 60 % busy at the peak, and one spare"]
    return markdown_table(header, rows)


TABLES: Final[dict[str, Callable[[Measured, Region], str]]] = {
    "reproduction": lambda measured, _: reproduction(measured),
    "gateway": gateway_table,
    "region": region_table,
    "engine": lambda _, region: engine_table(region),
    "sources": lambda measured, _: sources_table(measured),
}


def sources_table(measured: Measured) -> str:
    """Where each figure is from."""
    rows = [
        [", ".join(source["figures"]), f"`{source['command']}`", source["on"], source["machine"], str(source["load"])]
        for source in measured.sources
    ]
    return markdown_table(["figures", "command", "day", "machine", "load before"], rows)


def filled(text: str, measured: Measured, region: Region) -> str:
    """Put each table between its marks in the document."""
    for name, table in TABLES.items():
        mark = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
        made = table(measured, region)
        text = re.sub(mark, rf"\1\n{made}\n\n\2", text, flags=re.DOTALL)
    return text


def main(write: Annotated[Path | None, typer.Option(help="The document whose tables are replaced.")] = None) -> None:
    """Print the tables, or write them into the document."""
    measured, region = read_measured(), Region()
    if write is None:
        shown: Sequence[str] = [f"## {name}\n\n{table(measured, region)}" for name, table in TABLES.items()]
        sys.stdout.write("\n\n".join(shown) + "\n")
        return
    write.write_text(filled(write.read_text("utf-8"), measured, region), "utf-8")


if __name__ == "__main__":
    typer.run(main)
