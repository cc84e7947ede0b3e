"""From runs to figures, tables and the document."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from benchmarks import disk, tables
from benchmarks.cells import BY_NAME, CELLS
from benchmarks.comparison import Compared
from benchmarks.document import Findings
from benchmarks.limits import Crowd, Limits, Memory
from benchmarks.load import Sent
from benchmarks.machine import Machine, file_system
from benchmarks.picture import draw
from benchmarks.receivers import DCMTK_16K, EVERYBODY, ORTHANC, OURS
from benchmarks.spread import Pair, Spread, ratios

MACHINE = Machine("Some processor", 2, 8.0, "6.1", "ext4", 0.25, 0.1)


def compared(name: str, ours: float = 200.0, peer: float = 100.0) -> Compared:
    """A cell in which every run went at one of two rates, in images a second."""
    runs = {kind.key: [Sent(100, 50_000_000, 100 / (ours if kind is OURS else peer))] for kind in EVERYBODY}
    runs[disk.KEY] = runs[ORTHANC.key]
    return Compared(BY_NAME[name], runs, {key: [Pair(ours, peer)] for key in runs if key != OURS.key})


def test_a_spread_is_the_median_and_both_ends() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([4.0, 1.0]) == Spread(2.5, 1.0, 4.0)
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_a_ratio_is_taken_within_its_pair() -> None:
    # The machine was four times slower during the second pair: the ratio of the medians would be 20 / 5.
    pairs = [Pair(20, 10), Pair(5, 2.5), Pair(40, 5)]
    assert ratios(pairs) == Spread(2.0, 2.0, 8.0)


def test_a_load_has_its_rates() -> None:
    sent = Sent(images=10, size=5_000_000, seconds=2.0)
    assert (sent.images_per_second, sent.megabytes_per_second) == (5.0, 2.5)


def test_a_ratio_below_the_floor_is_marked() -> None:
    good, bad = compared("S1", ours=200), compared("S1", ours=100)
    assert not good.below_floor(ORTHANC.key)
    assert bad.below_floor(ORTHANC.key)
    assert not bad.below_floor(DCMTK_16K.key)
    assert "1.3, missed" in tables.ratio_table([bad])
    assert "missed" not in tables.ratio_table([good])


def test_a_table_has_columns_of_one_width() -> None:
    table = tables.markdown_table(["a", "long header"], [["more", "1"], ["x", ""]])
    assert table.splitlines() == [
        "| a    | long header |",
        "|------|-------------|",
        "| more | 1           |",
        "| x    |             |",
    ]
    assert [tables.number(value) for value in (1234.5, 12.34, 1.234, 0.05)] == ["1234", "12.3", "1.23", "0.05"]


def test_a_limit_that_was_not_measured_shows_a_dash() -> None:
    crowd = Crowd(100, 0.4, 0.1)
    ours = Limits(OURS, [Memory("340 MB", 59.0), Memory("1 GB", 60.0)], crowd)
    table = tables.limits_table([ours, Limits(ORTHANC, [Memory("340 MB", 1154.0)], crowd)])
    (row,) = [line for line in table.splitlines() if "1 GB" in line]
    assert [cell.strip() for cell in row.strip("|").split("|")] == ["peak memory, 1 GB, MB", "60.0", "-", "at most 100"]


def test_the_file_system_is_that_of_the_nearest_mount(tmp_path: Path) -> None:
    mounts = (
        "21 1 8:1 / / rw - ext4 /dev/a rw\n"
        f"22 21 0:5 / {tmp_path} rw,noexec shared:3 - tmpfs none rw\n"
        f"23 21 0:6 / {tmp_path}-other rw - xfs none rw\n"
    )
    assert file_system(tmp_path / "below", mounts) == "tmpfs"
    assert file_system(Path("/"), mounts) == "ext4"


@pytest.mark.system
def test_the_document_is_whole_and_says_what_it_must(tmp_path: Path) -> None:
    findings = Findings(MACHINE, 5, [compared(cell.name) for cell in CELLS], [])
    text = findings.document(datetime.date(2026, 9, 14))
    assert "Research use only, not a medical device" in text
    assert "2026-09-14" in text
    assert MACHINE.sentence in text
    for kind in EVERYBODY:
        assert kind.version() in text
    assert "## Limits" not in text
    assert findings.text().startswith("Ratios")


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "pictures" / "receive.png"
    draw([compared(cell.name) for cell in CELLS], picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
