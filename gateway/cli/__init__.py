"""The command line: results on stdout, logs and progress on stderr; exit 0 done, 1 the work failed, 2 wrong usage."""

from __future__ import annotations

import os
import sys

from gateway.cli.application import app
from gateway.cli.failures import EXPECTED, sentence


def main() -> None:
    """Run `mammogate`; an expected failure is one sentence on stderr that says what to do, and exit code 1."""
    # Images, results and backups are patients' data: nobody else on this machine reads them.
    os.umask(0o077)
    try:
        app()
    except EXPECTED as error:
        print(f"mammogate: {sentence(error)}", file=sys.stderr)  # noqa: T201 - the one sentence for the person
        sys.exit(1)
