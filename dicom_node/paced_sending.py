"""Two things that pynetdicom does not do when it sends an object.

It queues the whole object in memory, however slow the network is; and when a peer aborts between two objects, it waits
for the whole DIMSE timeout for a response that can't come any more.
"""

from __future__ import annotations

import queue
import time
from typing import Any

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE

MAX_QUEUED_PDUS = 32
POLL_SECONDS = 0.0005
LOOK_UP_SECONDS = 0.2


class PacedProvider(DIMSEServiceProvider):
    """pynetdicom's DIMSE provider, waiting for the network thread while enough is queued, but not after its end."""

    def send_msg(self, primitive: Any, context_id: int) -> None:
        if not isinstance(primitive, C_STORE) or primitive.MessageIDBeingRespondedTo is not None:
            super().send_msg(primitive, context_id)
            return
        message = C_STORE_RQ()
        message.primitive_to_message(primitive)
        message.context_id = context_id
        for fragment in message.encode_msg(context_id, self.maximum_pdu_size):
            while self.dul.to_provider_queue.qsize() >= MAX_QUEUED_PDUS:
                if not self.dul.is_alive():
                    return  # the association has ended; whoever waits for the response finds that out
                time.sleep(POLL_SECONDS)
            self.dul.send_pdu(fragment)

    def get_msg(self, block: bool = False) -> Any:
        if not block:
            return super().get_msg(block=False)
        started = time.monotonic()
        while True:
            try:
                return self.msg_queue.get(timeout=LOOK_UP_SECONDS)
            except queue.Empty:
                waited = time.monotonic() - started
                if not self.dul.is_alive() or (self.dimse_timeout is not None and waited >= self.dimse_timeout):
                    return None, None


def pace(association: Association) -> Association:
    """Have an established association of ours send at the pace of the network."""
    association.dimse = PacedProvider(association)
    return association
