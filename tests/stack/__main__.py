"""`python -m tests.stack`: the whole of docker-compose.yml on this machine, for looking at it or for a trial."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.processes.stopping import stop_on_signals
from tests.stack.composition import NotInstalled
from tests.stack.inside import DOCTOR
from tests.stack.outside import Stack, StackFailed, running_stack
from tests.stack.secret_files import ARCHIVE_USER, AUTHORITY, archive_password
from tests.stack.trial import try_out


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def stack(
    leave: Annotated[bool, typer.Option("--exit", help="Try it out with studies and SIGKILLs, then end.")] = False,
    kills: Annotated[int, typer.Option(min=0, help="How many SIGKILLs the trial has.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the trial's dice.")] = 1,
    data_dir: Annotated[Path, typer.Option(help="State; the trial empties it at its start.")] = Path("data/stack"),
) -> None:
    """Run the services of docker-compose.yml as processes. Research use only, not a medical device."""
    stop = stop_on_signals()
    with running_stack(data_dir, fresh=leave) as running:
        _say(f"Starting the services; their logs are in {running.data}/logs.")
        if running.left_out:
            _say(f"Not installed, so left out: {', '.join(running.left_out)}.")
        started = time.monotonic()
        running.wait_until_ready()
        _say(f"All services are healthy after {time.monotonic() - started:.0f} s.")
        if leave:
            sys.stdout.write(try_out(running, kills, seed, _say) + "\n")
            return
        sys.stdout.write(_where(running) + "\n")
        sys.stdout.flush()
        while not stop.wait(1):
            if running.process.poll() is not None:
                raise StackFailed(f"the stack ended by itself: see {running.data}/stack.log")


def _where(running: Stack) -> str:
    ports = running.ports
    return "\n".join(
        [
            "Research use only, not a medical device.",
            f"viewer and feed   {running.url}   {DOCTOR}, password {running.secret('doctor_password')}",
            f"                  its certificate is signed by {running.data / AUTHORITY}",
            f"gateway, DICOM    MAMMOGATE 127.0.0.1:{ports['receive', 11112]}, from XRAY1",
            f"Orthanc, DICOM    ORTHANC 127.0.0.1:{ports['orthanc', 4242]}",
            f"Orthanc           http://127.0.0.1:{ports['orthanc', 8042]}   {ARCHIVE_USER}, "
            f"password {archive_password(running.data)}",
            "Ctrl-C ends it.",
        ]
    )


def main() -> None:
    """Run; an expected failure is a sentence on stderr and exit code 1."""
    try:
        typer.run(stack)
    except (NotInstalled, StackFailed) as failure:
        _say(f"stack: {failure}")
        sys.exit(1)


if __name__ == "__main__":
    main()
