"""Real programs that tests start: found on the PATH, or the test fails and says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

# DCMTK and Orthanc otherwise wait about 40 ms an image for delayed acknowledgements.
FAST_SOCKETS = {"TCP_NODELAY": "1"}


def program(name: str) -> str:
    """Return the path of a program that the test can't do without."""
    # pynetdicom installs programs with DCMTK's names (storescu, echoscu) beside our Python: those are no peers.
    ours = str(Path(sys.executable).parent)
    elsewhere = os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if part != ours)
    # Debian keeps servers in sbin, which an ordinary user's PATH often lacks.
    path = shutil.which(name, path=elsewhere) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.fail(f"The program {name} is not installed; `make test` installs what the tests need.", pytrace=False)
    return path


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, **FAST_SOCKETS, **(extra or {})}


def stop(process: subprocess.Popen[bytes], seconds: float = 15.0) -> None:
    """End a program that a test started: politely, then for good."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(
    command: Sequence[str | Path], seconds: float = 60.0, extra: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end with the output captured; the caller looks at the return code."""
    return subprocess.run(
        [program(str(command[0])), *map(str, command[1:])],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        env=environment(extra),
        check=False,
    )
