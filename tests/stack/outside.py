"""A running stack as the world outside sees it: its open ports, and who runs."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from inference.export import export_model
from tests.docs.papers import ROOT
from tests.peers.ports import LOOPBACK
from tests.peers.programs import program, stop
from tests.stack.box import first_process_of_box
from tests.stack.composition import NotInstalled, services
from tests.stack.published import open_ports
from tests.stack.secret_files import ARCHIVE_USER, AUTHORITY, archive_password, make_secrets
from tests.stack.supervisor import STATE

_READY_SECONDS = 900.0
# Debian's packages of the programs that are no images here.
_PROGRAMS = ("bwrap", "unshare", "ip", "Orthanc", "nginx", "curl", "docker-compose", "openssl")


class StackFailed(Exception):
    """The stack did not start, or lost something; the sentence says what."""


@dataclass(frozen=True)
class Stack:
    """Handle of a running stack. `ports`: by service and its own port, where it is open on this machine."""

    data: Path
    process: subprocess.Popen[bytes]
    ports: Mapping[tuple[str, int], int]
    left_out: tuple[str, ...]

    @property
    def url(self) -> str:
        return f"https://localhost:{self.ports['nginx', 8443]}"

    @property
    def services(self) -> dict[str, Any]:
        """What the supervisor says of each service: pid, starts, healthy."""
        return dict(self._state().get("services", {}))

    def secret(self, name: str) -> str:
        return (self.data / "secrets" / name).read_text().strip()

    def feed(self, *, operator: bool = False) -> httpx.Client:
        """A client of the feed through nginx with TLS, as a doctor or an operator; the certificate is checked."""
        trusted = ssl.create_default_context(cafile=str(self.data / AUTHORITY))
        headers = {"Authorization": f"Bearer {self.secret('metrics_token' if operator else 'doctor_token')}"}
        return httpx.Client(base_url=self.url, verify=trusted, headers=headers, timeout=30, trust_env=False)

    def archive(self) -> httpx.Client:
        """A client of Orthanc's REST interface."""
        login = (ARCHIVE_USER, archive_password(self.data))
        url = f"http://{LOOPBACK}:{self.ports['orthanc', 8042]}"
        return httpx.Client(base_url=url, auth=login, timeout=30, trust_env=False)

    def kill(self, name: str) -> bool:
        """SIGKILL the first process of a service, and with it all of them; say whether there was one."""
        pid = self.services[name]["pid"]
        first = None if pid is None else first_process_of_box(pid)
        if first is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(first, 9)
            return True
        return False

    def wait_until_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until all services are healthy and users are made. Raises StackFailed."""
        self._wait(lambda: bool(self._state().get("ready")) and self.all_healthy, seconds, "ready")

    @property
    def all_healthy(self) -> bool:
        found = self.services
        return bool(found) and all(one["healthy"] for one in found.values())

    def _wait(self, so_that: Any, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not so_that():
            if self.process.poll() is not None:
                raise StackFailed(f"the stack ended by itself: see {self.data}/logs")
            if time.monotonic() > deadline:
                unwell = {name: one["told"] for name, one in self.services.items() if not one["healthy"]}
                raise StackFailed(f"the stack was not {what} within {seconds:g} s: {unwell}; see {self.data}/logs")
            time.sleep(0.2)

    def _state(self) -> dict[str, Any]:
        with suppress(FileNotFoundError):
            return dict(json.loads((self.data / STATE).read_text()))
        return {}


def missing_programs() -> list[str]:
    """What has to be installed before a stack can run."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    found = [name for name in _PROGRAMS if shutil.which(name, path=path) is None]
    return found if any(Path("/usr/lib/postgresql").glob("*/bin/postgres")) else [*found, "postgres"]


@contextmanager
def running_stack(data: Path, *, fresh: bool = False) -> Iterator[Stack]:
    """Run the stack with its state in `data`, which is emptied before when `fresh`. Raises NotInstalled."""
    missing = missing_programs()
    if missing:
        raise NotInstalled(f"{', '.join(missing)} is missing: `make stack` installs requirements/debian-stack.txt")
    if fresh:
        shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, exist_ok=True)
    data = data.resolve()
    (data / STATE).unlink(missing_ok=True)
    make_secrets(data)
    shutil.rmtree(data / "models", ignore_errors=True)
    export_model(data / "models", "triton")
    without = () if shutil.which("prometheus") else ("prometheus",)
    open_to_us = open_ports(services(data, without))
    given = {f"{name}:{inside}": one.fileno() for (name, inside), one in open_to_us.items()}
    ports = {key: int(one.getsockname()[1]) for key, one in open_to_us.items()}
    command = [
        program("unshare"),
        "--user",
        "--map-root-user",
        "--net",
        "--",
        sys.executable,
        "-m",
        "tests.stack.inside",
    ]
    command += [str(data), str(os.getpid()), ",".join(without), json.dumps(given)]
    with (data / "stack.log").open("ab") as log:
        process = subprocess.Popen(command, pass_fds=tuple(given.values()), cwd=ROOT, stdout=log, stderr=log)
    for one in open_to_us.values():
        one.close()  # the stack has its own
    try:
        yield Stack(data, process, ports, without)
    finally:
        stop(process, seconds=90)
