"""A syslog server over TCP, TLS or UDP that keeps what it gets, and can go away and come back."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from xml.etree import ElementTree as Tree

from tests.peers.ports import LOOPBACK

# RFC 5424 6: PRI, VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID, no STRUCTURED-DATA, MSG in UTF-8.
_MESSAGE = re.compile(
    rb"<(?P<priority>\d{1,3})>1 (?P<time>\S+) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) "
    rb"(?P<id>[!-~]{1,32}) - \xef\xbb\xbf(?P<text>.*)",
    re.DOTALL,
)


@dataclass
class SyslogServer:
    """Messages as they came, without their frames."""

    port: int
    messages: list[bytes] = field(default_factory=list)
    broken: list[bytes] = field(default_factory=list)

    def wait_for(self, count: int, seconds: float = 60.0) -> list[bytes]:
        deadline = time.monotonic() + seconds
        while len(self.messages) < count:
            assert time.monotonic() < deadline, f"{len(self.messages)} messages came, not {count}"
            time.sleep(0.02)
        return self.messages


def parsed(message: bytes) -> tuple[dict[str, str], Tree.Element]:
    """The header's fields by name, and the audit message."""
    found = _MESSAGE.fullmatch(message)
    assert found is not None, message
    header = {name: value.decode() for name, value in found.groupdict().items() if name != "text"}
    return header, Tree.fromstring(found["text"].decode("utf-8"))  # noqa: S314 - from a test's own gateway


@contextmanager
def stream_server(port: int = 0, context: ssl.SSLContext | None = None) -> Iterator[SyslogServer]:
    """Octet counting (RFC 6587 3.4.1). Leaving it closes every connection, as a server that ends does."""
    listening = socket.create_server((LOOPBACK, port))
    server = SyslogServer(listening.getsockname()[1])
    connections: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                try:
                    served = context.wrap_socket(connection, server_side=True) if context else connection
                except OSError:
                    connection.close()
                    continue
                connections.append(served)
                threading.Thread(target=_read_frames, args=(served, server), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@contextmanager
def datagram_server(port: int = 0) -> Iterator[SyslogServer]:
    receiving = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiving.bind((LOOPBACK, port))
    receiving.settimeout(0.1)
    server = SyslogServer(receiving.getsockname()[1])
    stop = threading.Event()

    def receive() -> None:
        while not stop.is_set():
            with suppress(TimeoutError):
                server.messages.append(receiving.recv(65535))

    thread = threading.Thread(target=receive, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        thread.join()
        receiving.close()


def _read_frames(connection: socket.socket, server: SyslogServer) -> None:
    held = b""
    with suppress(OSError):
        while chunk := connection.recv(65536):
            held += chunk
            while (found := re.match(rb"(\d{1,9}) ", held)) and len(held) >= found.end() + int(found[1]):
                end = found.end() + int(found[1])
                server.messages.append(held[found.end() : end])
                held = held[end:]
    if held:
        server.broken.append(held)
