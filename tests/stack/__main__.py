"""`python -m tests.stack`: the whole of docker-compose.yml on this machine, for looking at it or for a trial."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tests.stack.composition import NotInstalled
from tests.stack.inside import USER
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
        _on_signals(_leave)
        running.process.wait()
        raise StackFailed(f"the stack ended by itself: see {running.data}/stack.log")


def _where(running: Stack) -> str:
    ports = running.ports
    return "\n".join(
        [
            "Research use only, not a medical device.",
            f"viewer and feed   {running.url}   {USER}, password {running.secret('user_password')}",
            f"                  its certificate is signed by {running.data / AUTHORITY}",
            f"gateway, DICOM    MAMMOGATE 127.0.0.1:{ports['receive', 11112]}, from XRAY1",
            f"Orthanc, DICOM    ORTHANC 127.0.0.1:{ports['orthanc', 4242]}",
            f"Orthanc           http://127.0.0.1:{ports['orthanc', 8042]}   {ARCHIVE_USER}, "
            f"password {archive_password(running.data)}",
            "Ctrl-C ends it.",
        ]
    )


def _break_off(signum: int, _frame: object) -> NoReturn:
    sys.exit(128 + signum)  # an exception, so that the services are ended on the way out


def _leave(_signum: int, _frame: object) -> NoReturn:
    sys.exit(0)  # whoever looks at the stack ends it so


def _on_signals(handler: Callable[[int, object], NoReturn]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handler)


def main() -> None:
    """Run; an expected failure is a sentence on stderr and exit code 1."""
    _on_signals(_break_off)
    try:
        typer.run(stack)
    except (NotInstalled, StackFailed) as failure:
        _say(f"stack: {failure}")
        sys.exit(1)


if __name__ == "__main__":
    main()
