"""Figures that were measured, each with the command that gave it, its day, its machine, and how busy that was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MEASURED: Final = Path(__file__).with_name("measured.json")
PER_HOUR: Final = "studies_per_hour"


@dataclass(frozen=True)
class Throughput:
    """Studies an hour of some workers on one machine."""

    engine: str
    workers: int
    per_hour: float


@dataclass(frozen=True)
class Measured:
    """`figures` by name, the unit at its end (_s, _mb); `cores` of the machine on which throughput was measured."""

    figures: Mapping[str, float]
    throughputs: Sequence[Throughput]
    cores: int
    sources: Sequence[Mapping[str, Any]]

    def __getitem__(self, name: str) -> float:
        return self.figures[name]


def read_measured(file: Path = MEASURED) -> Measured:
    """Read the file; a figure that two commands give is an error."""
    content = json.loads(file.read_text("utf-8"))
    figures: dict[str, float] = {}
    for source in content["sources"]:
        for name, value in source["figures"].items():
            if name in figures:
                raise ValueError(f"{name} is there twice")
            figures[name] = float(value)
    rates = content[PER_HOUR]
    throughputs = [Throughput(one["engine"], one["workers"], one["per_hour"]) for one in rates["cells"]]
    return Measured(figures, throughputs, int(rates["cores"]), content["sources"])
