"""The document of the figures: a frame written by hand, filled by a run."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import tables
from benchmarks.comparison import WARM_UP_IMAGES, Compared
from benchmarks.limits import Limits
from benchmarks.load import IMAGES_A_STUDY
from benchmarks.machine import Machine
from benchmarks.picture import draw

PICTURE = Path("pictures", "receive.png")

_FRAME = """\
# Performance of receiving

For who plans a site or changes the receiver. **Research use only, not a medical device.**

This file is written by a command (`make bench WRITE=1`); don't edit it. Figures of {day}, from one machine:

{machine}

![Megabytes a second of each receiver, and the ratios]({picture})

## What is compared

Receivers that take the same images over C-STORE and store them. Their answers don't mean the same:

{receivers}

storescp is the yardstick for speed, not for safety: after a power cut it may have lost images that it acknowledged.
All of them run with `TCP_NODELAY=1`; without it DCMTK and Orthanc wait about 40 ms an image for delayed
acknowledgements. DCMTK's own default is a PDU of 16 KB; 128 KB is the largest that it offers, and what mammogate
offers. Orthanc has its defaults but for `SyncStorageArea`, mammogate its own on SQLite. Of mammogate only the receiving
part runs (`mammogate serve --only receive`): the others would read the images meanwhile.

## Ratios

mammogate over the peer, images a second; above 1 mammogate is faster. {pairs} pairs for each figure: ours and the
peer run one right after the other, the ratio is taken within the pair, shown is the median with the smallest and the
largest. The floor is the least that a change may leave. The last column is a limit: the same files written and synced
by a few lines of Python that receive nothing and record nothing.

{ratios}

## Rates

Medians, with the smallest and the largest. MB = 10^6 bytes of data sets.

{rates}

{limits}## How it is measured

The sender is the benchmark's own (`benchmarks/raw_sender.py`): it maps the files, builds PDUs as large as the
receiver takes, and gives each image a new SOP Instance UID, and each {study} images a new Study Instance UID, so that
no receiver sees a duplicate. The time runs from before the first connection to after the last release. Before each
run the stores are empty, nothing is left to be written to disk, and the other receivers are idle; a run that sends
{warm_up} images or fewer comes first and doesn't count. After each run the files that the receiver keeps are counted
against what it acknowledged. Memory is the resident memory of the receiver and its child processes, sampled each 10
ms.

The sender takes its share of the processor, so the rates are lower than with a sender on a machine of its own; that
holds for all receivers.
"""

_LIMITS = """\
## Limits

{table}

"""


@dataclass(frozen=True)
class Findings:
    """All that a run of the benchmarks found."""

    machine: Machine
    pairs: int
    cells: Sequence[Compared]
    limits: Sequence[Limits]

    def text(self) -> str:
        """For a terminal: ratios first."""
        parts = []
        if self.cells:
            parts += ["Ratios, mammogate over the peer (images/s):", tables.ratio_table(self.cells)]
            parts += ["Rates, median (smallest-largest):", tables.rate_table(self.cells)]
        if self.limits:
            parts += ["Limits:", tables.limits_table(self.limits)]
        parts += ["Receivers:", tables.receiver_table(), self.machine.sentence]
        return "\n\n".join(parts)

    def write(self, document: Path) -> None:
        """Write the document, and its picture beside it."""
        draw(self.cells, document.parent / PICTURE)
        document.write_text(self.document(datetime.datetime.now(datetime.UTC).date()), "utf-8")

    def document(self, day: datetime.date) -> str:
        """The filled frame."""
        return _FRAME.format(
            day=day.isoformat(),
            machine=self.machine.sentence,
            picture=PICTURE.as_posix(),
            receivers=tables.receiver_table(),
            pairs=self.pairs,
            ratios=tables.ratio_table(self.cells),
            rates=tables.rate_table(self.cells),
            limits=_LIMITS.format(table=tables.limits_table(self.limits)) if self.limits else "",
            study=IMAGES_A_STUDY,
            warm_up=WARM_UP_IMAGES,
        )
