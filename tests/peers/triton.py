"""A real Triton on loopback, from the venv that `make test-full` makes for it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.export import export_model
from tests.peers.ports import LOOPBACK, free_port, wait_until_listening
from tests.peers.programs import environment, stop

_ROOT = Path(__file__).parents[2]
PYTHON = _ROOT / ".venv-triton" / "bin" / "python"


@contextmanager
def running_triton(folder: Path, threads: int = 1) -> Iterator[str]:
    """Serve the shipped model, exported into `folder`, by so many threads; yields host:port of its gRPC service."""
    if not PYTHON.exists():
        pytest.fail("There is no .venv-triton; `make test-full` installs it.", pytrace=False)
    _, graph = export_model(folder / "repository", "triton")
    ports = [free_port() for _ in range(3)]
    script = Path(__file__).with_name("pytriton_server.py")
    command = [PYTHON, script, graph, graph.parent.name, *map(str, ports), LOOPBACK, str(threads)]
    extra = {"PYTRITON_HOME": str(folder / "triton")}
    with (folder / "triton.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment(extra), stdout=log, stderr=log)
    try:
        if not wait_until_listening(ports[0], 300):
            pytest.fail(f"Triton did not start:\n{(folder / 'triton.log').read_text()[-3000:]}", pytrace=False)
        yield f"{LOOPBACK}:{ports[0]}"
    finally:
        stop(server, seconds=60)
