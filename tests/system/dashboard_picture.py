"""The dashboard after some minutes of a gateway's work, for the documents: `python -m ... FILE`.

Debian has Prometheus and not Grafana, so the panels of `deploy/prometheus/dashboard.json` are drawn here: the same
questions, asked of a real Prometheus that watched a real gateway, at the places that the file gives them.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from tests.peers.dcmtk import dcmsend, running_storescp
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.ports import LOOPBACK
from tests.peers.prometheus import Prometheus, Series, dashboard, running_prometheus
from tests.system.small_breasts import small_study

ROUNDS = 8
STUDIES_A_ROUND = 2
PAUSE_S = 10.0
GIBIBYTE = 2.0**30


def main(file: Path) -> None:
    mpl.use("Agg")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        with running_storescp(place / "pacs", ae_title="PACS") as pacs:
            settings = {"MAMMOGATE_SYNTHETIC__EVERY_MINUTES": "0.5", "MAMMOGATE_SYNTHETIC__WITHIN_MINUTES": "2"}
            to = destination("pacs", "dicom", host=LOOPBACK, port=pacs.port, ae_title="PACS", forward_images=True)
            with running_gateway(place / "gateway", destinations=[to], settings=settings) as gateway:
                gateway.add_user("operator", "operator")
                with running_prometheus(place / "prometheus", gateway, gateway.add_token("operator")) as prometheus:
                    start = time.time()
                    _some_minutes_of_work(gateway, place)
                    draw(prometheus, start, time.time(), file)


def _some_minutes_of_work(gateway: Gateway, place: Path) -> None:
    """Studies in rounds, and a worker that is killed in the middle of one."""
    for number in range(ROUNDS):
        for study in range(STUDIES_A_ROUND):
            folder = place / f"{number}-{study}"
            assert dcmsend(gateway.dicom_port, *small_study(folder).paths.values()).returncode == 0
        if number == ROUNDS // 2:
            gateway.part("work").kill()
        time.sleep(PAUSE_S)


def draw(prometheus: Prometheus, start: float, end: float, file: Path) -> None:
    """Draw every panel at its place in the dashboard."""
    board = dashboard()
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    figure = Figure(figsize=(12, rows * 0.27), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(rows, 24)
    for panel in board["panels"]:
        at = panel["gridPos"]
        axes = figure.add_subplot(grid[at["y"] : at["y"] + at["h"], at["x"] : at["x"] + at["w"]])
        _panel(axes, panel, prometheus.panel(panel, start, end, 1), start, end)
    figure.suptitle(board["title"], fontsize=13)
    figure.savefig(file, dpi=80)


def _panel(axes: Axes, panel: dict[str, Any], lines: list[Series], start: float, end: float) -> None:
    axes.set_title(panel["title"], fontsize=9, loc="left", fontweight="bold")
    axes.tick_params(labelsize=7)
    axes.set_xlim(0, (end - start) / 60)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("minutes", fontsize=7)
    _scale(axes, panel["fieldConfig"]["defaults"]["unit"])
    if not lines:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", va="center", color="grey", fontsize=9)
        return
    for line in lines:
        axes.plot([(at - start) / 60 for at, _ in line.points], [value for _, value in line.points], label=line.name)
    top = max(value for line in lines for _, value in line.points)
    axes.set_ylim(0, 1.1 * top or 1)
    axes.legend(fontsize=6.5, loc="best", frameon=False, ncols=2)


def _scale(axes: Axes, unit: str) -> None:
    if unit == "percentunit":
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    elif unit == "bytes":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / GIBIBYTE:.0f} GiB"))
    elif unit == "s":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s"))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
