"""The lines between phone and gateway, and how slow the phone is: chromium's own emulation, over CDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from playwright.sync_api import CDPSession

PROCESSOR_SLOWDOWN: Final = 4
"""The page's main thread runs that many times slower. Chromium slows down neither workers nor drawing."""


@dataclass(frozen=True)
class Line:
    """A line: megabits a second, each way, and milliseconds before each answer begins."""

    title: str
    megabits: float
    latency_ms: float

    def slow_down(self, phone: CDPSession) -> None:
        """Put a page and its workers on this line, behind a phone's processor."""
        rate = self.megabits * 1e6 / 8
        conditions: dict[str, Any] = {"downloadThroughput": rate, "uploadThroughput": rate, "offline": False}
        phone.send("Emulation.setCPUThrottlingRate", {"rate": PROCESSOR_SLOWDOWN})
        phone.send("Network.emulateNetworkConditions", {**conditions, "latency": self.latency_ms})


def speed_up(phone: CDPSession) -> None:
    """As fast as this machine is."""
    phone.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    phone.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1},
    )


FAST: Final = Line("9 Mbps, 60 ms", 9.0, 60.0)
POOR: Final = Line("1.6 Mbps, 150 ms", 1.6, 150.0)
