"""Log lines of a defect: they say where it is, and nothing that was received."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import structlog
from gateway.logs import configure_logs

configure_logs("info", "receive")
log = structlog.get_logger("test")

def parse(name):
    raise ValueError(f"no such name: {name}")

try:
    try:
        parse("Muster^Erika")
    except ValueError as error:
        raise KeyError("Muster^Erika") from error
except KeyError:
    log.exception("receive.failed", patient_name="Muster^Erika", study="1.2.3")
"""


def test_a_defect_is_logged_with_its_place_and_causes_and_without_what_its_message_quotes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    (line,) = done.stderr.splitlines()
    assert "Muster" not in line
    assert "event=receive.failed" in line
    assert "study=1.2.3" in line
    assert "KeyError at " in line
    assert "because of ValueError at " in line
    assert " in parse" in line
