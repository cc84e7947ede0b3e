"""The figures as tables: Markdown that can be read in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import disk, limits
from benchmarks.comparison import Compared
from benchmarks.limits import Limits
from benchmarks.receivers import EVERYBODY, OURS, PEERS
from benchmarks.spread import Spread


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are padded to one width."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    shown = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([shown[0], rule, *shown[1:]])


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _shown(spread: Spread) -> str:
    return f"{number(spread.median)} ({number(spread.low)}-{number(spread.high)})"


def ratio_table(cells: Sequence[Compared]) -> str:
    """Ours over each peer: the median of the pairs' ratios, smallest and largest, and the floor."""
    rows = []
    for compared in cells:
        cell = compared.cell
        row = [cell.name, cell.describes, str(cell.associations)]
        for peer in PEERS:
            row.append(_shown(compared.ratio(peer.key)))
            if peer.key in cell.floors:
                row.append(f"{cell.floors[peer.key]:g}" + (", missed" if compared.below_floor(peer.key) else ""))
        row.append(_shown(compared.ratio(disk.KEY)))
        rows.append(row)
    header = ["cell", "images", "associations"]
    for peer in PEERS:
        header.append(f"over {peer.title}")
        if any(peer.key in compared.cell.floors for compared in cells):
            header.append("floor")
    header.append(f"over {disk.TITLE}")
    return markdown_table(header, rows)


def rate_table(cells: Sequence[Compared]) -> str:
    """Each receiver's own rates."""
    rows = [
        [
            compared.cell.name,
            title,
            _shown(compared.images_per_second(key)),
            _shown(compared.megabytes_per_second(key)),
            str(len(compared.runs[key])),
        ]
        for compared in cells
        for key, title in [*((kind.key, kind.title) for kind in EVERYBODY), (disk.KEY, disk.TITLE)]
    ]
    return markdown_table(["cell", "receiver", "images/s", "MB/s", "runs"], rows)


def limits_table(found: Sequence[Limits]) -> str:
    """What each receiver needs at its limits, and what mammogate is held to."""
    loads = list(dict.fromkeys(item.load for one in found for item in one.memory))
    memory = {(one.kind.key, item.load): item.megabytes for one in found for item in one.memory}
    rows = []
    for load in loads:
        values = [number(memory[one.kind.key, load]) if (one.kind.key, load) in memory else "-" for one in found]
        goal = "" if load == "idle" else f"at most {limits.MEMORY_GOAL_MB}"
        rows.append([f"peak memory, {load}, MB", *values, goal])
    crowds = [one.crowd for one in found]
    goals = (str(limits.ASSOCIATIONS), f"{limits.ACCEPTED_GOAL_SECONDS:g}", f"under {limits.IDLE_GOAL_PERCENT}")
    rows.append(
        [f"accepted of {limits.ASSOCIATIONS} simultaneous associations", *(str(c.accepted) for c in crowds), goals[0]]
    )
    rows.append(["all accepted after, s", *(number(c.seconds) for c in crowds), goals[1]])
    rows.append(["idle processor with them open, % of a core", *(number(c.idle_percent) for c in crowds), goals[2]])
    return markdown_table(["", *(one.kind.title for one in found), f"goal for {OURS.title}"], rows)


def receiver_table() -> str:
    """Who took part, and what each has done when it says that an image is stored."""
    rows = [[kind.title, kind.version(), kind.durability] for kind in EVERYBODY]
    return markdown_table(["receiver", "version", "done before it answers 0x0000"], rows)
