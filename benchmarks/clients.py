"""A remote engine's clients beside the same graph in process, each for 1, 4, 16 at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.failure import BenchmarkFailed
from inference.card import read_model_info
from inference.cells import Picture
from inference.remote.breaker import Limits
from inference.remote.client import RemoteCells
from inference.remote.failures import RemoteUnusable
from inference.remote.server import RemoteServer
from inference.remote.version import served_version
from tests.peers.programs import environment
from tests.peers.triton import PYTHON

# The breast of a view at the larger of the network's two scales, as it is for the demonstration study.
VIEW: Final = (1, 1664, 960)
_START_SECONDS: Final = 180.0
_SCRIPT: Final = Path(__file__).with_name("in_process.py")


@dataclass(frozen=True)
class ClientRates:
    """Views a second by the number of clients."""

    remote: Mapping[int, float]
    in_process: Mapping[int, float]

    def ratio(self, clients: int) -> float:
        """How much of what the graph does in process the remote engine does for so many clients."""
        return self.remote[clients] / self.in_process[clients]


def measure_clients(
    folder: Path, address: str, numbers: Sequence[int], *, seconds: float, say: Callable[[str], None]
) -> ClientRates:
    """Measure both sides in turn, number by number.

    In process is ONNX Runtime in the Python that Triton's backend has, with the same graph and the same threads.

    Raises:
        BenchmarkFailed: the engine did not answer.

    """
    (graph,) = folder.glob("repository/mammogate/*/model.onnx")
    remote, in_process = {}, {}
    for clients in numbers:
        remote[clients] = _remote(address, clients, seconds)
        in_process[clients] = _in_process(graph, clients, seconds)
        say(f"{clients} clients: remote {remote[clients]:.2f}, in process {in_process[clients]:.2f} views/s")
    return ClientRates(remote, in_process)


def _remote(address: str, clients: int, seconds: float) -> float:
    server = RemoteServer(address, "mammogate", deadline_seconds=_START_SECONDS)
    version = served_version(read_model_info().version)
    picture: Picture = np.random.default_rng(1).random(VIEW, dtype=np.float32)
    together = threading.Barrier(clients)

    def work() -> list[float]:
        cells = RemoteCells(server, version, Limits(failures=1000))
        cells.cells([picture])
        together.wait()
        ends, stop = [], time.monotonic() + seconds
        while time.monotonic() < stop:
            cells.cells([picture])
            ends.append(time.monotonic())
        cells.close()
        return ends

    try:
        with ThreadPoolExecutor(clients) as pool:
            ends = sorted(end for one in [pool.submit(work) for _ in range(clients)] for end in one.result())
    except RemoteUnusable as failure:
        raise BenchmarkFailed(str(failure)) from None
    return rate(ends)


def rate(ends: Sequence[float]) -> float:
    """Answers a second, from the first answer to the last."""
    if len(ends) < 2:
        raise BenchmarkFailed("too few answers to tell a rate: measure for longer")
    return (len(ends) - 1) / (ends[-1] - ends[0])


def _in_process(graph: Path, clients: int, seconds: float) -> float:
    shape = ",".join(map(str, (VIEW[0], 1, *VIEW[1:])))
    command = [str(PYTHON), str(_SCRIPT), str(graph), str(clients), str(seconds), shape]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        raise BenchmarkFailed("the graph could not be evaluated in process: see above")
    return rate(sorted(json.loads(done.stdout)))
