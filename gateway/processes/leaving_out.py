"""Libraries that a process is to do without: they would come in by the way, for nothing, with what it does need.

pydicom imports every pixel decoder that it finds, structlog a library that paints tracebacks. In the receiving process
they took a third of the memory. What can't be imported there also can't be reached by the bytes that a stranger sends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import cast

PAINTING = ("rich", "pygments")
PIXELS = ("numpy", "PIL", "gdcm", "pylibjpeg", "openjpeg", "libjpeg", "rle", "jpeg_ls")
HTTP = ("requests", "httpx")


def leave_out(names: Iterable[str]) -> None:
    """Have every later import of these fail with ModuleNotFoundError, as if they were not installed.

    For the process's first lines: what has been imported already stays.
    """
    modules = cast(dict[str, object], sys.modules)
    for name in names:
        modules[name] = None  # the import system takes None for "is not there"
