"""The supervisor: starts receive, work and api as processes of their own, and starts again what dies."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import structlog

from gateway.processes.stopping import EXIT_REFUSED, StartRefused

log = structlog.get_logger(__name__)
PARTS = ("receive", "work", "api")
_LONGEST_PAUSE = 30.0
_STOP_SECONDS = 20.0


@dataclass
class _Child:
    part: str
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    deaths: int = 0
    restart_at: float | None = None


class Supervisor:
    """Runs the parts until told to stop; each dies with the supervisor, so that nothing is left behind."""

    def __init__(self, config_path: str | None) -> None:
        self._config_path = config_path
        self._children: list[_Child] = []

    def run(self, stop: threading.Event) -> None:
        """Run the parts until `stop` is set.

        Raises:
            StartRefused: a part refused to start as configured; the others were ended.

        """
        try:
            for part in PARTS:
                self._children.append(_Child(part, self._start(part)))
            while not stop.wait(0.2):
                self._look_after()
        finally:
            self._end_all()

    def _look_after(self) -> None:
        moment = time.monotonic()
        for child in self._children:
            if child.restart_at is not None:
                if moment >= child.restart_at:
                    child.process, child.started, child.restart_at = self._start(child.part), moment, None
                continue
            code = child.process.poll()
            if code is None:
                continue
            if code == EXIT_REFUSED:
                raise StartRefused(f"{child.part} could not start: see its line above")
            # A part that ran for a while starts at once; one that dies again and again waits longer each time.
            child.deaths = 0 if moment - child.started > 60 else child.deaths + 1
            pause = min(_LONGEST_PAUSE, 0.2 * 2.0 ** min(child.deaths, 10))
            child.restart_at = moment + pause
            log.error("supervisor.part_died", part=child.part, exit=code, starts_again_in=round(pause, 1))

    def _start(self, part: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gateway", "serve", "--only", part, "--parent", str(os.getpid())]
        if self._config_path is not None:
            command += ["--config", self._config_path]
        return subprocess.Popen(command)  # noqa: S603 - our own program with our own arguments

    def _end_all(self) -> None:
        for child in self._children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for child in self._children:
            try:
                child.process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
