"""DCMTK's programs as senders and receivers that are none of ours."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.ports import LOOPBACK, free_port, wait_until_listening
from tests.peers.programs import environment, program, run, stop

Finished = subprocess.CompletedProcess[str]


def echoscu(
    port: int,
    called: str = "MAMMOGATE",
    calling: str = "ECHOSCU",
    options: Sequence[str] = (),
    host: str = LOOPBACK,
) -> Finished:
    return run(["echoscu", "-v", "-aet", calling, "-aec", called, *options, host, str(port)])


def storescu(
    port: int,
    *paths: Path,
    called: str = "MAMMOGATE",
    calling: str = "STORESCU",
    options: Sequence[str] = (),
    host: str = LOOPBACK,
    seconds: float = 120.0,
) -> Finished:
    """Send files or folders; compressed files need the option that proposes their syntax (see `STORESCU_OPTIONS`)."""
    command = ["storescu", "-v", "-aet", calling, "-aec", called, *options, host, str(port), "+sd", "+r"]
    return run([*command, *paths], seconds)


# storescu proposes one family of transfer syntaxes an association; these choose it.
STORESCU_OPTIONS = {
    "1.2.840.10008.1.2": ["-xi"],
    "1.2.840.10008.1.2.1": ["-xe"],
    "1.2.840.10008.1.2.2": ["-xb"],
    "1.2.840.10008.1.2.1.99": ["-xd"],
    "1.2.840.10008.1.2.4.50": ["-xy"],
    "1.2.840.10008.1.2.4.51": ["-xx"],
    "1.2.840.10008.1.2.4.70": ["-xs"],
    "1.2.840.10008.1.2.4.80": ["-xt"],
    "1.2.840.10008.1.2.4.81": ["-xu"],
    "1.2.840.10008.1.2.4.90": ["-xv"],
    "1.2.840.10008.1.2.4.91": ["-xw"],
    "1.2.840.10008.1.2.5": ["-xr"],
}


def dcmsend(
    port: int,
    *paths: Path,
    called: str = "MAMMOGATE",
    calling: str = "DCMSEND",
    options: Sequence[str] = (),
    host: str = LOOPBACK,
    seconds: float = 120.0,
) -> Finished:
    """Send files as they are encoded; dcmsend proposes each one's own transfer syntax."""
    command = ["dcmsend", "-v", "-aet", calling, "-aec", called, *options, host, str(port), "+sd", "+r"]
    return run([*command, *paths], seconds)


def dcmdump(path: Path, *options: str) -> str:
    return run(["dcmdump", *options, path]).stdout


@dataclass(frozen=True)
class StoreScp:
    """A running storescp: what it received lies in `folder`."""

    port: int
    ae_title: str
    folder: Path
    log: Path

    def files(self) -> list[Path]:
        return sorted(p for p in self.folder.iterdir() if p.is_file())


@contextmanager
def running_storescp(
    folder: Path, *, ae_title: str = "STORESCP", options: Sequence[str] = ("+xa",), port: int | None = None
) -> Iterator[StoreScp]:
    """Start storescp; `+xa` accepts every transfer syntax, `()` only the uncompressed ones."""
    port = port or free_port()
    received = folder / "received"
    received.mkdir(parents=True, exist_ok=True)
    log = folder / "storescp.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program("storescp"), "-v", "-aet", ae_title, "-od", str(received), *options, str(port)],
            stdout=output,
            stderr=output,
            env=environment(),
        )
    try:
        if not wait_until_listening(port):
            pytest.fail(f"storescp did not start: {log.read_text(errors='replace')[-500:]}", pytrace=False)
        yield StoreScp(port, ae_title, received, log)
    finally:
        stop(process)
