"""Real servers of the protocol (Triton, MLServer) serve the exported graph: one client, and what the embedded engine reads.

Each server runs in a venv of its own, which `make test-full` makes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from gateway.demo.study import case_images
from inference.card import read_model_info
from inference.embedded import EmbeddedEngine
from inference.remote.client import RemoteCells
from inference.remote.engine import RemoteEngine
from inference.remote.failures import RemoteNotReady, RemoteRefuses, RemoteUnusable
from inference.remote.server import RemoteServer
from inference.remote.verify import golden_pictures, verify
from inference.remote.version import served_version
from tests.peers.mlserver import running_mlserver
from tests.peers.triton import running_triton

pytestmark = [pytest.mark.long, pytest.mark.system, pytest.mark.timeout(900)]
SERVERS = {"Triton": running_triton, "MLServer": running_mlserver}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteServer]:
    with SERVERS[request.param](tmp_path_factory.mktemp("server")) as address:
        server = RemoteServer(address, "mammogate", deadline_seconds=120)
        cells = RemoteCells(server, served_version(read_model_info().version))
        deadline = time.monotonic() + 180
        while True:
            try:
                cells.look()
            except RemoteUnusable:
                assert time.monotonic() < deadline
                time.sleep(0.5)
            else:
                break
        yield server


def test_it_computes_what_the_embedded_graph_computes(server: RemoteServer) -> None:
    assert verify(server).same


def test_a_whole_study_is_read_as_by_the_embedded_engine(server: RemoteServer, engine: EmbeddedEngine) -> None:
    remote = RemoteEngine(server)
    views = case_images("sfm-malign-0")
    assert len(views) == 4
    for view in views:
        read, expected = remote.read(view), engine.read(view)
        assert np.abs(read.heat_map - expected.heat_map).max() < 1e-3
        assert read.result.label == expected.result.label
        assert read.result.probabilities == pytest.approx(expected.result.probabilities, abs=1e-3)
        assert len(read.result.findings) == len(expected.result.findings)


def test_it_does_not_answer_for_a_version_that_it_does_not_have(server: RemoteServer) -> None:
    with pytest.raises((RemoteNotReady, RemoteRefuses)):  # Triton says that it is not ready, MLServer UNKNOWN
        RemoteCells(server, "7").cells(golden_pictures())
