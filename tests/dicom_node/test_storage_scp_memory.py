"""A Storage SCP in a process of its own: an object of any size takes little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.peers import dcmtk
from tests.peers.large import write_large_tomosynthesis

RECEIVER = Path(__file__).with_name("receiver_process.py")
MEGABYTE = 1 << 20


@pytest.mark.system
def test_a_tomosynthesis_object_of_300_mb_takes_less_than_150_mb_of_memory(tmp_path: Path) -> None:
    path = write_large_tomosynthesis(tmp_path / "dbt.dcm", 300)
    process = subprocess.Popen(
        [sys.executable, str(RECEIVER), str(tmp_path / "intake")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        before = psutil.Process(process.pid).memory_info().rss
        sent = dcmtk.storescu(port, path, options=["-R", "--max-send-pdu", "131072"])
        assert sent.returncode == 0, sent.stderr
        high_water = int(Path(f"/proc/{process.pid}/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
        assert (high_water - before) / MEGABYTE < 150
        (kept,) = (tmp_path / "intake" / "kept").iterdir()
        with kept.open("rb") as received, path.open("rb") as original:
            received.seek(-MEGABYTE, 2)
            original.seek(-MEGABYTE, 2)
            assert received.read() == original.read()
        assert kept.stat().st_size > 300 * MEGABYTE
    finally:
        process.communicate(timeout=30)  # closing its standard input ends it
