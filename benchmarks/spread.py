"""Repeated measurements of one thing: their median, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of some values, the smallest and the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Raises ValueError when there are no values."""
        known = sorted(values)
        if not known:
            raise ValueError("nothing was measured")
        return cls(median(known), known[0], known[-1])


@dataclass(frozen=True)
class Pair:
    """One run of ours and one of a peer, one right after the other, so that both saw the same machine."""

    ours: float
    peer: float

    @property
    def ratio(self) -> float:
        """Above 1 when ours was faster; both are rates, images a second."""
        return self.ours / self.peer


def ratios(pairs: Sequence[Pair]) -> Spread:
    """The spread of the ratios, each within its pair; not the ratio of the medians."""
    return Spread.of(pair.ratio for pair in pairs)
