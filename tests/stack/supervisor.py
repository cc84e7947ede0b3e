"""Keeps the services running as Docker would: order at the start, the restart policy, health checks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.stack.box import entered, first_in_box
from tests.stack.composition import Service

STATE = "state.json"
# Docker's `unless-stopped`: 0.1 s, doubling up to a minute; from the start again after ten seconds of running.
_FIRST_PAUSE, _LONGEST_PAUSE, _RAN_WELL = 0.1, 60.0, 10.0
# Until a health check has succeeded it is repeated so often (seconds), then as docker-compose.yml says.
_EAGER = 3.0
# A check may take so many times as long as the file says: programs start slowly on a machine that has more to do.
_PATIENCE = 4.0


@dataclass
class Kept:
    """A service and its present process, a box (tests/stack/box.py)."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    starts: int = 0
    pause: float = 0.0
    restart_at: float | None = None
    healthy: bool = False
    told: str = ""


class Supervisor:
    """Runs services until told to stop. `boxed` gives the command line of a service, for its words."""

    def __init__(
        self, services: Sequence[Service], boxed: Callable[[Service, Sequence[str]], list[str]], data: Path
    ) -> None:
        self._kept = {one.name: Kept(one) for one in services}
        self._boxed = boxed
        self._data = data
        self._written = ""
        self._ready = False

    @property
    def all_healthy(self) -> bool:
        return all(one.healthy for one in self._kept.values())

    def say_ready(self) -> None:
        """Note that users can be served."""
        self._ready = True

    def run(self, stop: threading.Event) -> None:
        """Run everything until `stop` is set, then end it."""
        (self._data / "logs").mkdir(exist_ok=True)
        for kept in self._kept.values():
            threading.Thread(target=self._look_at_health, args=(kept, stop), daemon=True).start()
        try:
            while not stop.wait(0.05):
                for kept in self._kept.values():
                    self._look_after(kept)
                self._write_state()
        finally:
            self._end_all()

    def _look_after(self, kept: Kept) -> None:
        moment = time.monotonic()
        if kept.process is None:
            if kept.restart_at is None and not self._may_start(kept.service):
                return
            if kept.restart_at is None or moment >= kept.restart_at:
                self._start(kept)
        elif kept.process.poll() is not None:
            ran_well = moment - kept.started >= _RAN_WELL
            kept.pause = _FIRST_PAUSE if ran_well or not kept.pause else min(_LONGEST_PAUSE, 2 * kept.pause)
            kept.process, kept.healthy, kept.restart_at = None, False, moment + kept.pause

    def _may_start(self, service: Service) -> bool:
        return all(
            self._kept[name].healthy if condition == "service_healthy" else self._kept[name].process is not None
            for name, condition in service.needs.items()
            if name in self._kept
        )

    def _start(self, kept: Kept) -> None:
        with (self._data / "logs" / f"{kept.service.name}.log").open("ab") as log:
            command = self._boxed(kept.service, kept.service.command)
            kept.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        kept.started, kept.restart_at = time.monotonic(), None
        kept.starts += 1

    def _look_at_health(self, kept: Kept, stop: threading.Event) -> None:
        while not stop.wait(kept.service.health.interval if kept.healthy else _EAGER):
            looked_at = kept.process
            if looked_at is None:
                continue
            health = kept.service.health
            try:
                done = self.execute(kept.service.name, health.command, seconds=_PATIENCE * health.timeout)
                well, told = done.returncode == 0, (done.stdout + done.stderr)[-500:]
            except subprocess.TimeoutExpired:
                well, told = False, "the health check took too long"
            if kept.process is looked_at:
                kept.healthy, kept.told = well, told

    def execute(
        self, name: str, command: Sequence[str], given: str = "", seconds: float = 600.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command beside a service, in its box."""
        kept = self._kept[name]
        first = None if kept.process is None else first_in_box(kept.process.pid)
        if first is None:
            return subprocess.CompletedProcess(command, 1, "", "it isn't running")
        words = entered(first, kept.service, command)
        return subprocess.run(words, input=given, capture_output=True, text=True, timeout=seconds, check=False)

    def _write_state(self) -> None:
        services = {
            name: {
                "pid": None if kept.process is None else kept.process.pid,
                "starts": kept.starts,
                "healthy": kept.healthy,
                "told": "" if kept.healthy else kept.told,
            }
            for name, kept in self._kept.items()
        }
        text = json.dumps({"ready": self._ready, "services": services}, indent=1)
        if text != self._written:
            part = self._data / f"{STATE}.part"
            part.write_text(text)
            part.replace(self._data / STATE)
            self._written = text

    def _end_all(self) -> None:
        running = [kept for kept in self._kept.values() if kept.process is not None]
        for kept in running:
            if kept.process is not None and (first := first_in_box(kept.process.pid)) is not None:
                with suppress(ProcessLookupError):
                    os.kill(first, signal.SIGTERM)
        for kept in running:
            assert kept.process is not None
            try:
                kept.process.wait(kept.service.stop_seconds)
            except subprocess.TimeoutExpired:
                kept.process.kill()
                kept.process.wait()
