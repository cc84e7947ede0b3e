"""A receiver that loses patience soon: `python -m tests.system.impatient_receiver SECONDS`.

The product's network timeout is a minute, and no setting: it is patched from here.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from gateway.processes import receive


def main() -> None:
    from gateway.processes.part import main as run

    seconds = float(sys.argv[1])
    original = receive.ScpSettings

    def impatient(**settings: Any) -> Any:
        return replace(original(**settings), network_timeout=seconds, acse_timeout=seconds)

    receive.ScpSettings = impatient  # type: ignore[assignment,misc]  # a class replaced by a function
    run(["--only", "receive"])


if __name__ == "__main__":
    main()
