"""A receiver on loopback and what a test wants to know of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvicorn
from structlog.testing import LogCapture

from dicom_node.storage_scp import ScpSettings, StorageScp
from tests.dicom_node.directory_intake import DirectoryIntake
from tests.dicom_node.stow_application import application
from tests.peers.ports import free_port, wait_until_listening


@dataclass
class Receiver:
    scp: StorageScp
    intake: DirectoryIntake
    log: LogCapture

    @property
    def port(self) -> int:
        return self.scp.port

    def events(self, name: str) -> list[Any]:
        return [entry for entry in self.log.entries if entry["event"] == name]

    def wait_for_endings(self, count: int, seconds: float = 10) -> None:
        """Wait for `association_closed` calls, and a moment more to see that there are not too many."""
        deadline = time.monotonic() + seconds
        while len(self.intake.closed) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.15)
        closed = [origin.association_id for origin in self.intake.closed]
        assert len(closed) == len(set(closed)) == count


StartReceiver = Callable[..., Receiver]


@pytest.fixture
def captured() -> LogCapture:
    return LogCapture()


@pytest.fixture
def log(captured: LogCapture) -> Any:
    return structlog.wrap_logger(None, processors=[captured], wrapper_class=structlog.BoundLogger)


@pytest.fixture
def intake(tmp_path: Path) -> DirectoryIntake:
    return DirectoryIntake(tmp_path / "intake")


@pytest.fixture
def start_receiver(intake: DirectoryIntake, log: Any, captured: LogCapture) -> Iterator[StartReceiver]:
    """Start a receiver with changed settings."""
    running: list[StorageScp] = []

    def start(**settings: Any) -> Receiver:
        scp = StorageScp(ScpSettings(**{"port": 0, "stop_seconds": 1.0, **settings}), intake, log)
        scp.start()
        running.append(scp)
        return Receiver(scp, intake, captured)

    yield start
    for scp in running:
        scp.stop()


@pytest.fixture
def receiver(start_receiver: StartReceiver) -> Receiver:
    return start_receiver()


@pytest.fixture
def served(intake: DirectoryIntake, log: Any) -> Iterator[int]:
    """The router behind a real server."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(application(intake, log), port=port, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert wait_until_listening(port)
    yield port
    server.should_exit = True
    thread.join()
