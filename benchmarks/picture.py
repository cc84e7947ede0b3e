"""The figures as a picture: how fast each receiver is, and how mammogate stands beside its peers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from benchmarks.comparison import Compared
from benchmarks.receivers import EVERYBODY, PEERS
from benchmarks.spread import Spread

# The same colour for a receiver in both halves; told apart in grey too.
_COLOURS = {"ours": "#1b6ca8", "orthanc": "#e08e45", "dcmtk16": "#8a8a8a", "dcmtk128": "#c4c4c4"}

_RATIO_TICKS = (0.2, 0.5, 1, 2, 5, 10)


def draw(cells: Sequence[Compared], file: Path) -> None:
    """Draw a PNG; an earlier one is replaced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure, (rates, beside) = plt.subplots(1, 2, figsize=(11, 4.4))
    _draw_rates(rates, cells)
    _draw_ratios(beside, cells)
    figure.tight_layout()
    # No date or version inside: the same figures give the same file.
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _bars(axis: Axes, place: int, bars: int, spreads: Sequence[Spread], key: str, label: str) -> list[float]:
    """One receiver's bars, with whiskers from the smallest to the largest; returns where they stand."""
    width = 0.8 / bars
    at = [cell + (place - (bars - 1) / 2) * width for cell in range(len(spreads))]
    medians = [spread.median for spread in spreads]
    reach = [[spread.median - spread.low for spread in spreads], [spread.high - spread.median for spread in spreads]]
    axis.bar(at, medians, width * 0.95, color=_COLOURS[key], label=label, yerr=reach, error_kw={"linewidth": 0.8})
    return at


def _draw_rates(axis: Axes, cells: Sequence[Compared]) -> None:
    for place, kind in enumerate(EVERYBODY):
        spreads = [compared.megabytes_per_second(kind.key) for compared in cells]
        _bars(axis, place, len(EVERYBODY), spreads, kind.key, kind.title)
    axis.set_title("MB/s stored (median; smallest to largest)")
    _finish(axis, cells)


def _draw_ratios(axis: Axes, cells: Sequence[Compared]) -> None:
    for place, peer in enumerate(PEERS):
        spreads = [compared.ratio(peer.key) for compared in cells]
        at = _bars(axis, place, len(PEERS), spreads, peer.key, f"over {peer.title}")
        for x, compared in zip(at, cells, strict=True):
            if (floor := compared.cell.floors.get(peer.key)) is not None:
                axis.hlines(floor, x - 0.13, x + 0.13, colors="black", linewidth=2)
    axis.axhline(1, color="black", linewidth=0.6, linestyle=":")
    axis.set_yscale("log")
    axis.set_yticks(_RATIO_TICKS, [f"{tick:g}" for tick in _RATIO_TICKS])
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.set_title("mammogate over the peer (black: the floor)")
    _finish(axis, cells)


def _finish(axis: Axes, cells: Sequence[Compared]) -> None:
    axis.set_xticks(range(len(cells)), [compared.cell.name for compared in cells])
    # Below: anywhere inside it could hide a floor.
    axis.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2, frameon=False)
