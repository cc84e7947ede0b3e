"""Pairs of runs, ours and a peer's in turn, for each cell and peer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import disk
from benchmarks.cells import Cell
from benchmarks.image_file import ImageFile
from benchmarks.load import Sent, send
from benchmarks.receivers import OURS, PEERS, Receiver, running
from benchmarks.spread import Pair, Spread, ratios

# Sent before anything counts: programs load code, and databases make their files, when the first images come.
WARM_UP_IMAGES = 8
_WARM_UP_BYTES = 400_000_000


@dataclass(frozen=True)
class Compared:
    """What came out of a cell."""

    cell: Cell
    runs: Mapping[str, Sequence[Sent]]
    """By key, of a receiver or of the disk alone; ours ran once in each pair."""
    pairs: Mapping[str, Sequence[Pair]]
    """By key of what ours was paired with, rates in images a second."""

    def images_per_second(self, key: str) -> Spread:
        return Spread.of(run.images_per_second for run in self.runs[key])

    def megabytes_per_second(self, key: str) -> Spread:
        return Spread.of(run.megabytes_per_second for run in self.runs[key])

    def ratio(self, key: str) -> Spread:
        """Ours over this peer, or over the disk alone."""
        return ratios(self.pairs[key])

    def below_floor(self, key: str) -> bool:
        """Whether the median ratio is less than what is asked for."""
        return self.ratio(key).median < self.cell.floors.get(key, 0.0)


def compare(
    cell: Cell, images: Sequence[ImageFile], pairs: int, folder: Path, *, quick: bool, say: Callable[[str], None]
) -> Compared:
    """Measure one cell against each peer and the disk alone.

    The receivers start with empty stores, and whoever isn't measured has nothing to do.
    """
    beside = [*((kind.key, kind.title) for kind in PEERS), (disk.KEY, disk.TITLE)]
    count = cell.quick_images if quick else cell.images
    runs: dict[str, list[Sent]] = {key: [] for key in (OURS.key, *(kind.key for kind in PEERS), disk.KEY)}
    measured: dict[str, list[Pair]] = {key: [] for key in runs if key != OURS.key}
    with running((OURS, *PEERS), folder) as receivers:
        warm_up = min(WARM_UP_IMAGES, max(1, _WARM_UP_BYTES // images[0].size))
        for receiver in receivers.values():
            run_once(receiver, images, warm_up, cell.associations)
        for number in range(1, pairs + 1):
            for key, title in beside:
                ours = run_once(receivers[OURS.key], images, count, cell.associations)
                if key == disk.KEY:
                    theirs = disk.write_alone(folder / disk.KEY, images, count, cell.associations)
                else:
                    theirs = run_once(receivers[key], images, count, cell.associations)
                runs[OURS.key].append(ours)
                runs[key].append(theirs)
                pair = Pair(ours.images_per_second, theirs.images_per_second)
                measured[key].append(pair)
                say(
                    f"{cell.name} {number}/{pairs}: {pair.ours:.1f} images/s, "
                    f"{title} {pair.peer:.1f}, ratio {pair.ratio:.2f}"
                )
    return Compared(cell, runs, measured)


def run_once(receiver: Receiver, images: Sequence[ImageFile], count: int, associations: int) -> Sent:
    """Send one load, see that it was stored, and leave the receiver idle and its store empty."""
    sent = send(receiver.address, images, count, associations)
    receiver.settle()
    receiver.check_stored(sent.images, sent.size)
    receiver.clear()
    return sent
