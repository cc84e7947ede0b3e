"""A receiver that kills itself, as by SIGKILL, at a named point: `python -m tests.system.crashing_receiver POINT CALL`.

The product knows nothing of it: the point is patched in from here, and hit at the given call (1 = the first).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from dicom_node.association_connection import AssociationConnection
from dicom_node.data_set_file import DataSetFile
from gateway import folders
from gateway.intake import durable
from gateway.intake.group_commit import GroupCommit
from gateway.intake.recording import ArrivalRecorder

Patch = tuple[Any, str, bool]
# Where, and whether it dies after the call (or before it).
POINTS: dict[str, Patch] = {
    "the data set is being written": (DataSetFile, "write", True),
    "the data set is whole": (DataSetFile, "hand_over", True),
    "the file has its name and is not synced": (folders, "sync_file", False),
    "the file is synced and its folder is not": (folders, "sync_folder", False),
    "the file is durable and has no row": (durable, "make_durable", True),
    "the rows are written and not committed": (ArrivalRecorder, "record", True),
    "the rows are committed and nobody knows": (GroupCommit, "_in_one_transaction", True),
    "the answer is about to be sent": (AssociationConnection, "send", False),
    "the answer is sent": (AssociationConnection, "send", True),
}


def arm(point: str, call: int) -> None:
    """Have the process die at the given call of the point."""
    owner, name, after = POINTS[point]
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **named)
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


def main() -> None:
    from gateway.processes.part import main as run

    point, call = sys.argv[1], int(sys.argv[2])
    if point:
        arm(point, call)
    run(["--only", "receive"])


if __name__ == "__main__":
    main()
