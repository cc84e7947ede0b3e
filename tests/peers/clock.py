"""A wall clock that a test can set while programs run: libfaketime, which leaves their steady clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

_LIBRARY = "*/faketime/libfaketimeMT.so.1"


@dataclass(frozen=True)
class SettableClock:
    """`settings`: the environment of the programs that live by it."""

    offset: Path
    settings: dict[str, str]

    def set_by(self, seconds: int) -> None:
        """Have the programs' clock go so many seconds before the machine's, from now on."""
        new = self.offset.with_suffix(".new")
        new.write_text(f"{seconds:+d}")
        new.rename(self.offset)


def settable_clock(folder: Path) -> SettableClock:
    """Return a clock that goes with the machine's until it is set."""
    found = sorted(Path("/usr/lib").glob(_LIBRARY))
    if not found:
        pytest.fail("libfaketime is not installed; `make test` installs what the tests need.", pytrace=False)
    offset = folder / "clock"
    settings = {
        "LD_PRELOAD": str(found[0]),
        "PYTHONPATH": str(Path(__file__).with_name("faked_clock")),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_RESET": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",  # the times of files are the kernel's
    }
    clock = SettableClock(offset, settings)
    clock.set_by(0)
    return clock
