"""A real Triton serves the exported graph: verified, and a mammogram is read as by the embedded engine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from inference.card import read_model_info
from inference.engine import ViewReading
from inference.remote.client import RemoteCells
from inference.remote.engine import RemoteEngine
from inference.remote.failures import RemoteNotReady, RemoteUnusable
from inference.remote.server import RemoteServer
from inference.remote.verify import golden_pictures, verify
from inference.remote.version import served_version
from tests.peers.triton import running_triton
from tests.preprocessing.lesion_boxes import real_mammograms

pytestmark = [pytest.mark.long, pytest.mark.system]


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteServer]:
    with running_triton(tmp_path_factory.mktemp("triton")) as address:
        server = RemoteServer(address, "mammogate")
        cells = RemoteCells(server, served_version(read_model_info().version))
        deadline = time.monotonic() + 60
        while True:
            try:
                cells.look()
            except RemoteUnusable:
                assert time.monotonic() < deadline
                time.sleep(0.5)
            else:
                break
        yield server


def test_triton_computes_what_the_embedded_graph_computes(triton: RemoteServer) -> None:
    assert verify(triton).same


def test_a_mammogram_is_read_by_triton_as_by_the_embedded_engine(
    triton: RemoteServer, real_reading: ViewReading
) -> None:
    read = RemoteEngine(triton).read(real_mammograms()["1-280.dcm"])
    assert np.abs(read.heat_map - real_reading.heat_map).max() < 1e-3
    assert read.result.label == real_reading.result.label


def test_triton_does_not_answer_for_a_version_that_it_does_not_have(triton: RemoteServer) -> None:
    with pytest.raises(RemoteNotReady):
        RemoteCells(triton, "7").cells(golden_pictures())
