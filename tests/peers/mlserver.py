"""A real MLServer on loopback, from the venv that `make test-full` makes for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inference.export import export_model
from tests.peers.ports import LOOPBACK, free_port, wait_until_listening
from tests.peers.programs import environment, stop

_ROOT = Path(__file__).parents[2]
_BIN = _ROOT / ".venv-mlserver" / "bin"


@contextmanager
def running_mlserver(folder: Path) -> Iterator[str]:
    """Serve the shipped model, exported into `folder`; yields host:port of its gRPC service."""
    if not (_BIN / "mlserver").exists():
        pytest.fail("There is no .venv-mlserver; `make test-full` installs it.", pytrace=False)
    _, graph = export_model(folder / "repository", "triton")
    grpc_port, http_port, metrics_port = (free_port() for _ in range(3))
    served = folder / "served"
    served.mkdir()
    shutil.copyfile(Path(__file__).with_name("mlserver_model.py"), served / "mlserver_model.py")
    settings = {
        "host": LOOPBACK,  # by default it listens on all interfaces
        "grpc_port": grpc_port,
        "http_port": http_port,
        "metrics_port": metrics_port,
        "metrics_dir": str(folder / "metrics"),
        "grpc_max_message_length": 64 * 2**20,
        "parallel_workers": 0,
    }
    model = {
        "name": "mammogate",
        "implementation": "mlserver_model.Mammogate",
        "parameters": {"uri": str(graph), "version": graph.parent.name},
    }
    (served / "settings.json").write_text(json.dumps(settings))
    (served / "model-settings.json").write_text(json.dumps(model))
    extra = {"PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "mlserver.log").open("wb") as log:
        command = [_BIN / "mlserver", "start", served]
        server = subprocess.Popen(command, env=environment(extra), stdout=log, stderr=log, cwd=folder)
    try:
        if not wait_until_listening(grpc_port, 180):
            pytest.fail(f"MLServer did not start:\n{(folder / 'mlserver.log').read_text()[-3000:]}", pytrace=False)
        yield f"{LOOPBACK}:{grpc_port}"
    finally:
        stop(server, seconds=60)
