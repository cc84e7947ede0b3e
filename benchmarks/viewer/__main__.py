"""`python -m benchmarks.viewer`: how fast the phone viewer is, against its goals."""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.failure import BenchmarkFailed
from benchmarks.machine import this_machine
from benchmarks.viewer.findings import Findings, shell_bytes, write_table
from benchmarks.viewer.focused import look_closely
from benchmarks.viewer.lines import FAST, POOR
from benchmarks.viewer.opening import open_studies
from gateway.demo.study import write_study
from tests.peers.dcmtk import dcmsend
from tests.peers.gateway import PASSWORD, running_gateway
from tests.peers.phone import chromium, phone
from tests.system.viewer_studies import wait_for_pictures

DOCUMENT = Path("android_viewer") / "README.md"


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def bench(
    times: Annotated[int, typer.Option(min=1, help="How often the study is opened on each line.")] = 7,
    write: Annotated[bool, typer.Option(help=f"Write the table into {DOCUMENT}.")] = False,
) -> None:
    """Measure how fast the viewer shows the demonstration study on a phone, over two lines."""
    with tempfile.TemporaryDirectory(prefix="viewer-bench-") as name:
        folder = Path(name)
        machine = this_machine(folder)
        # As in a hospital; chromium takes the session's cookie from loopback without TLS.
        settings = {"MAMMOGATE_HTTP__SECURE_COOKIES": "true"}
        with running_gateway(folder / "gateway", settings=settings) as gateway, chromium() as browser:
            study = write_study(folder / "study", datetime.now().astimezone()).study_instance_uid
            if dcmsend(gateway.dicom_port, folder / "study").returncode != 0:
                raise BenchmarkFailed("the gateway did not take the demonstration study")
            reported = gateway.wait_for(study, lambda found: found["status"] == "reported", 600)
            wait_for_pictures(gateway, reported)
            _say("the study is read; now the phone")
            with phone(browser, gateway.url) as held:
                held.log_in("doctor", PASSWORD)
                held.page.evaluate("navigator.serviceWorker.ready")
                held.page.reload()
                openings = {}
                for line in (FAST, POOR):
                    openings[line] = open_studies(held.page, line, study, len(reported["views"]), times)
                    for opening in openings[line]:
                        _say(f"{line.title}: {opening}")
                focused = look_closely(browser, held.page, study, "R MLO")
    findings = Findings(openings, focused, shell_bytes(), machine)
    sys.stdout.write(findings.text() + "\n")
    if write:
        write_table(DOCUMENT, findings)
        _say(f"wrote {DOCUMENT}")


def main() -> None:
    """Run it; an expected failure is a sentence on stderr and exit code 1."""
    try:
        typer.run(bench)
    except BenchmarkFailed as failure:
        _say(f"benchmarks: {failure}")
        sys.exit(1)


if __name__ == "__main__":
    main()
