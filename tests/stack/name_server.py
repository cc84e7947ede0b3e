"""The name server that Docker has at 127.0.0.11: answers with the services' addresses (RFC 1035, A records only)."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from ipaddress import IPv4Address

ADDRESS = "127.0.0.11"
_A, _IN = 1, 1
_ANSWER = 0x8180  # a response, recursion asked for and at hand
_NO_SUCH_NAME = 3


def answer(question: bytes, names: Mapping[str, str]) -> bytes:
    """Answer one question. Raises ValueError or struct.error when it is none."""
    identifier, _, questions = struct.unpack_from("!HHH", question)
    if questions != 1:
        raise ValueError("not one question")
    labels, place = [], 12
    while length := question[place] if place < len(question) else 0:
        labels.append(question[place + 1 : place + 1 + length].decode("ascii"))
        place += 1 + length
    kind, family = struct.unpack_from("!HH", question, place + 1)
    asked, known = question[12 : place + 5], names.get(".".join(labels).lower())
    found = known is not None and (kind, family) == (_A, _IN)
    head = struct.pack("!6H", identifier, _ANSWER | (0 if known else _NO_SUCH_NAME), 1, int(found), 0, 0)
    if not found or known is None:
        return head + asked
    return head + asked + struct.pack("!HHHIH", 0xC00C, _A, _IN, 5, 4) + IPv4Address(known).packed


def serve(names: Mapping[str, str]) -> None:
    """Answer at port 53 of this network namespace, in a thread, as long as the process lives."""
    port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    port.bind((ADDRESS, 53))

    def run() -> None:
        while True:
            question, asker = port.recvfrom(512)
            try:
                port.sendto(answer(question, names), asker)
            except (ValueError, struct.error):
                continue  # no question

    threading.Thread(target=run, name="name-server", daemon=True).start()
