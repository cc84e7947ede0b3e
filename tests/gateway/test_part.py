"""The receiving process as the operating system sees it: what it has in memory, and what it can't even import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from gateway.processes.leaving_out import PIXELS
from gateway.processes.stopping import EXIT_REFUSED
from tests.peers.programs import environment
from tests.system.receive_process import MEGABYTE, running_receiver

MOST_BYTES = 100 * MEGABYTE
"""What a receiver may have resident, of which an object of any size adds next to nothing."""


@pytest.mark.system
def test_the_receiving_process_has_no_decoder_in_memory_and_is_small(tmp_path: Path) -> None:
    with running_receiver(tmp_path) as running:
        assert running.process is not None
        receiver = psutil.Process(running.process.pid)
        mapped = {Path(region.path).name for region in receiver.memory_maps()}
        assert any(name.startswith("_sqlite3") for name in mapped)  # maps are what is being looked at
        assert [name for name in mapped if any(library in name.lower() for library in (*PIXELS, "umath"))] == []
        assert running.use.resident < MOST_BYTES


def test_a_part_that_refuses_to_start_tells_its_supervisor_by_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()
    settings = {
        "MAMMOGATE_CONFIG": str(tmp_path / "empty.toml"),
        "MAMMOGATE_DATA_DIR": str(tmp_path / "data"),
        "MAMMOGATE_DICOM__PORT": "0",
        "MAMMOGATE_DICOM__HOST": "203.0.113.7",
        "MAMMOGATE_DICOM__ALLOW_ANY_PEER": "true",
    }
    given = environment(settings)
    command = [sys.executable, "-m", "gateway.processes.part", "--only", "receive"]
    alone = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert alone.returncode == 1
    assert alone.stderr.splitlines()[-1].startswith("mammogate: ")
    below = [*command, "--parent", str(os.getpid())]
    supervised = subprocess.run(below, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert supervised.returncode == EXIT_REFUSED
    assert "serve.refused" in supervised.stderr
