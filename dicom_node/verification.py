"""The Verification SCP (PS3.4 Annex A): answers C-ECHO."""

from __future__ import annotations

import structlog
from pynetdicom.events import Event

SUCCESS = 0x0000


def answer_echo(event: Event, log: structlog.typing.FilteringBoundLogger) -> int:
    """Say that we are here; whoever got an association may ask."""
    log.info("echo_answered", peer=event.assoc.requestor.ae_title, address=event.assoc.requestor.address)
    return SUCCESS
