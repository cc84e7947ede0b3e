"""A real PostgreSQL on loopback with a cluster of its own, for as long as a test needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.ports import LOOPBACK, free_port

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class PostgreSql:
    """Handle of a running server; `stop` and `start` keep its data."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@{LOOPBACK}:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses={LOOPBACK} -c unix_socket_directories={self.folder}"
        _run(
            "pg_ctl",
            "-D",
            str(self.folder / "cluster"),
            "-o",
            options,
            "-l",
            str(self.folder / "log"),
            "-w",
            "-t",
            "180",
            "start",
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop it; `immediate` ends it as a power cut would."""
        _run("pg_ctl", "-D", str(self.folder / "cluster"), "-m", mode, "-w", "-t", "180", "stop")


@contextmanager
def running_postgresql(folder: Path) -> Iterator[PostgreSql]:
    """Run a server whose cluster lies below `folder`."""
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        for parent in folder.parents:
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)  # the server's own user has to get through
    _run("initdb", "-D", str(folder / "cluster"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
    server = PostgreSql(folder, free_port())
    server.start()
    try:
        yield server
    finally:
        if (folder / "cluster" / "postmaster.pid").exists():
            server.stop("immediate")


def _run(program: str, *arguments: str) -> None:
    found = sorted(_DEBIAN.glob(f"*/bin/{program}"))
    path = str(found[-1]) if found else shutil.which(program)
    if path is None:
        pytest.fail(f"The program {program} is not installed; `make test` installs what the tests need.", pytrace=False)
    # PostgreSQL refuses to run as root.
    command = ["runuser", "-u", "postgres", "--", path] if os.geteuid() == 0 else [path]
    done = subprocess.run(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,  # the server would keep a pipe open
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{program} ended with {done.returncode}: {done.stdout}", pytrace=False)
