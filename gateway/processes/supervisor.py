"""The supervisor: starts receive, work and api as processes of their own, and starts again what dies.

Several receiving processes share one listening socket, which the supervisor opens: while one of them is dead, the
others take what comes to the port.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from config.settings import DicomSettings
from dicom_node.listening import AddressUnavailable, PortInUse, open_shared
from gateway.processes.part import Place, part_command
from gateway.processes.stopping import EXIT_REFUSED, StartRefused

log = structlog.get_logger(__name__)
_LONGEST_PAUSE = 30.0
_STOP_SECONDS = 20.0


def places(receivers: int) -> list[Place]:
    """Return the processes of a whole gateway with so many receiving ones."""
    return [*receiving_places(receivers), Place("work"), Place("api")]


def receiving_places(receivers: int) -> list[Place]:
    """Return the receiving processes."""
    return [Place("receive", number) for number in range(1, receivers + 1)]


@dataclass
class _Child:
    place: Place
    process: subprocess.Popen[bytes]
    started: float = field(default_factory=time.monotonic)
    deaths: int = 0
    restart_at: float | None = None


class Supervisor:
    """Runs the processes until told to stop; each dies with the supervisor, so that nothing is left behind."""

    def __init__(self, config_path: Path | None, places: Sequence[Place], dicom: DicomSettings) -> None:
        self._config_path = config_path
        self._places = tuple(places)
        self._dicom = dicom
        self._listening: socket.socket | None = None
        self._children: list[_Child] = []

    def run(self, stop: threading.Event) -> None:
        """Run the processes until `stop` is set.

        Raises:
            StartRefused: the port that they share can't be opened, or one of them refused to start as configured; the
                others were ended.

        """
        if self._dicom.processes > 1:
            try:
                self._listening = open_shared(self._dicom.host, self._dicom.port)
            except (PortInUse, AddressUnavailable) as error:
                raise StartRefused(str(error.strerror)) from None
        try:
            for place in self._places:
                self._children.append(_Child(place, self._start(place)))
            while not stop.wait(0.2):
                self._look_after()
        finally:
            self._end_all()

    def _look_after(self) -> None:
        moment = time.monotonic()
        for child in self._children:
            if child.restart_at is not None:
                if moment >= child.restart_at:
                    child.process, child.started, child.restart_at = self._start(child.place), moment, None
                continue
            code = child.process.poll()
            if code is None:
                continue
            if code == EXIT_REFUSED:
                raise StartRefused(f"{child.place.part} could not start: see its line above")
            # A part that ran for a while starts at once; one that dies again and again waits longer each time.
            child.deaths = 0 if moment - child.started > 60 else child.deaths + 1
            pause = min(_LONGEST_PAUSE, 0.2 * 2.0 ** min(child.deaths, 10))
            child.restart_at = moment + pause
            log.error(
                "supervisor.part_died",
                part=child.place.part,
                number=child.place.number,
                exit=code,
                starts_again_in=round(pause, 1),
            )

    def _start(self, place: Place) -> subprocess.Popen[bytes]:
        inherited: tuple[int, ...] = ()
        listening = None
        if place.part == "receive" and self._listening is not None:
            listening = self._listening.fileno()
            inherited = (listening,)
        command = part_command(place, config=self._config_path, parent=os.getpid(), listening=listening)
        return subprocess.Popen(command, pass_fds=inherited)  # noqa: S603 - our own program with our own arguments

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
        if self._listening is not None:
            self._listening.close()
