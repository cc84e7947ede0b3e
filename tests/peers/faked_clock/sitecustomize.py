"""Loaded by every Python under libfaketime: its version 0.9.10 fails the call by which Python 3.11 sleeps."""

from __future__ import annotations

import select
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
