"""Objects as large as tomosynthesis makes them: whole on disk, and never whole in memory."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.peers import dcmtk
from tests.peers.large import write_large_tomosynthesis
from tests.system.receive_process import MEGABYTE, ReceiveProcess, running_receiver

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
MOST_GROWTH = 10 * MEGABYTE
_COMPARED = 1 << 20


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[ReceiveProcess]:
    with running_receiver(tmp_path / "receiver") as running:
        running.warm_up()
        yield running
    shutil.rmtree(tmp_path, ignore_errors=True)  # gigabytes


def receive_at_once(receiver: ReceiveProcess, folder: Path, *, count: int, megabytes: int) -> None:
    """Send so many objects at the same time, each by a storescu of its own; look at memory and at every byte."""
    paths = [write_large_tomosynthesis(folder / f"{number}.dcm", megabytes) for number in range(count)]
    idle = receiver.forget_peak()

    def send(path: Path) -> int:
        options = ["-R", "--max-send-pdu", "131072"]
        return dcmtk.storescu(receiver.port, path, options=options, seconds=300).returncode

    with ThreadPoolExecutor(count) as senders:
        assert list(senders.map(send, paths)) == [0] * count
    growth = receiver.peak - idle
    sys.stdout.write(f"\n{count} x {megabytes} MB: idle {idle / MEGABYTE:.1f} MB, at most {growth / MEGABYTE:+.1f}\n")
    kept = receiver.instances()
    for path in paths:
        check_same_data_set(path, kept[str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)])
    assert growth <= MOST_GROWTH


def check_same_data_set(sent: Path, kept: Path) -> None:
    """Compare what follows the file meta information, which is the receiver's own."""
    with sent.open("rb") as one, kept.open("rb") as other:
        for file in (one, other):
            file.seek(140)
            file.seek(144 + int.from_bytes(file.read(4), "little"))
        while piece := one.read(_COMPARED):
            assert other.read(_COMPARED) == piece
        assert other.read(1) == b""


def test_a_tomosynthesis_object_of_300_mb_takes_10_mb_of_memory_at_most(
    receiver: ReceiveProcess, tmp_path: Path
) -> None:
    receive_at_once(receiver, tmp_path, count=1, megabytes=300)


@pytest.mark.long
@pytest.mark.parametrize("count", [1, 2])
def test_tomosynthesis_objects_of_1_gb_take_10_mb_of_memory_at_most(
    receiver: ReceiveProcess, tmp_path: Path, count: int
) -> None:
    receive_at_once(receiver, tmp_path, count=count, megabytes=1024)
