"""A gateway over PostgreSQL with so many working processes: one receives, each other reads studies."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, create_engine, text

from benchmarks.failure import BenchmarkFailed
from tests.peers.gateway import Gateway, running_gateway
from tests.peers.ports import wait_until_listening
from tests.peers.postgresql import running_postgresql
from tests.peers.programs import environment, stop

_START_SECONDS = 300.0


@dataclass(frozen=True)
class Workers:
    """Handle of the running gateway."""

    gateway: Gateway
    processes: Sequence[subprocess.Popen[bytes]]
    engine: Engine

    def count(self, question: str, **values: str) -> int:
        """Ask the database for a number."""
        with self.engine.connect() as connection:
            return int(connection.execute(text(question), values).scalar_one())

    def wait_for(self, question: str, number: int, seconds: float) -> float:
        """Wait until a number is reached; return when that was, by the steady clock. Raises BenchmarkFailed."""
        deadline = time.monotonic() + seconds
        while self.count(question) < number:
            if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
                raise BenchmarkFailed(f"not {number} within {seconds:.0f} s: {question}; {self.gateway.log[-2000:]}")
            time.sleep(0.1)
        return time.monotonic()


@contextmanager
def running_workers(folder: Path, workers: int, settings: Mapping[str, str]) -> Iterator[Workers]:
    """Run one receiver and `workers` workers, each as a machine of its own over the same database and folder."""
    with ExitStack() as stack:
        server = stack.enter_context(running_postgresql(folder / "postgresql"))
        common = {"MAMMOGATE_DATABASE_URL": server.url, "MAMMOGATE_STUDY__QUIET_SECONDS": "600", **settings}
        gateway = stack.enter_context(running_gateway(folder / "gateway", settings=common, start=False))
        engine = create_engine(server.url)
        stack.callback(engine.dispose)
        log = stack.enter_context((folder / "gateway" / "gateway.log").open("ab"))
        processes = []
        for part, node in [("receive", "bench0"), *(("work", f"bench{number}") for number in range(1, workers + 1))]:
            own = environment({**gateway.settings, "MAMMOGATE_NODE": node})
            command = [sys.executable, "-m", "gateway", "serve", "--only", part]
            process = subprocess.Popen(command, env=own, stdout=log, stderr=log)
            stack.callback(stop, process, 40)
            processes.append(process)
        running = Workers(gateway, processes, engine)
        running.wait_for("SELECT count(*) FROM worker_heartbeat", workers + 1, _START_SECONDS)
        if not wait_until_listening(gateway.dicom_port, _START_SECONDS):
            raise BenchmarkFailed(f"the receiver did not start: {gateway.log[-2000:]}")
        yield running
