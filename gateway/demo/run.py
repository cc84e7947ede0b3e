"""Starting a gateway for the demonstration, and waiting for its result."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import select

from gateway.database.account_models import User
from gateway.parts import Parts
from reporting.feed.credentials import Passwords
from reporting.feed.schemas import Study

_READY_SECONDS = 180.0
_RESULT_SECONDS = 300.0


class DemoFailed(Exception):
    """The demonstration did not come to its end."""


@dataclass(frozen=True)
class Login:
    """A user for the demonstration's feed, made anew each time."""

    name: str
    password: str


def free_port(preferred: int) -> int:
    """Return the preferred port if nobody has it, otherwise any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoFailed("this machine has no free port on 127.0.0.1")


@contextmanager
def running_gateway(environment: dict[str, str], log_file: Path, url: str) -> Iterator[None]:
    """Run `mammogate serve` in a process of its own until the block ends; its log goes to a file.

    Raises:
        DemoFailed: it ended, or did not become ready.

    """
    with log_file.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], env={**os.environ, **environment}, stderr=stderr
        )
    try:
        _wait_until_ready(process, url, log_file)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def add_login(parts: Parts) -> Login:
    """Add a doctor with a fresh password, or give it to the one of an earlier demo."""
    login = Login("demo", secrets.token_urlsafe(12))
    hashed = Passwords().hash(login.password)
    with parts.database.write() as session:
        user = session.scalars(select(User).where(User.name == login.name)).one_or_none()
        if user is None:
            session.add(User(name=login.name, role="doctor", password_hash=hashed))
        else:
            user.role, user.password_hash, user.disabled = "doctor", hashed, False
    return login


def wait_for_reports(client: httpx.Client, study_uid: str) -> Study:
    """Ask the feed until the study is reported or has failed, and return it.

    Raises:
        DemoFailed: that takes too long.

    """
    deadline = time.monotonic() + _RESULT_SECONDS
    while time.monotonic() < deadline:
        answer = client.get(f"/api/v1/studies/{study_uid}")
        if answer.status_code == httpx.codes.OK:
            study = Study.model_validate(answer.json())
            if study.status in ("reported", "failed"):
                return study
        time.sleep(0.5)
    raise DemoFailed(f"the study was not reported within {_RESULT_SECONDS:g} s: see the log")


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log_file: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoFailed(f"the gateway ended at its start: see {log_file}")
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    raise DemoFailed(f"the gateway was not ready within {_READY_SECONDS:g} s: see {log_file}")
