"""Syslog: the message (RFC 5424), its frames, and connections over TLS, TCP and UDP (RFC 5425, 6587, 5426).

Syslog has no acknowledgement. Over TLS and TCP a batch counts as delivered once the other machine's TCP has
acknowledged every byte of it and has not closed the connection; a server that ends between that and its disk loses it.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

from gateway.audit.message import written_time

_FACILITY = 10  # security and authorization (PS3.15 A.6)
NOTICE, WARNING = 5, 4
_MESSAGE_ID = "DICOM+RFC3881"
_BOM = b"\xef\xbb\xbf"
_TIMEOUT_SECONDS = 10.0
_ICMP_SECONDS = 0.05
_SECONDS_BETWEEN_LOOKS = 0.005


class SyslogAway(Exception):
    """The syslog server can't be reached, or has closed the connection: see its host, port and certificate."""


def syslog_message(text: str, *, at: datetime, host: str, severity: int) -> bytes:
    """Return a message of RFC 5424 with a UTF-8 text."""
    name = re.sub(r"[^!-~]", "?", host)[:255] or "-"
    header = f"<{_FACILITY * 8 + severity}>1 {written_time(at)} {name} mammogate {os.getpid()} {_MESSAGE_ID} - "
    return header.encode("ascii") + _BOM + text.encode("utf-8", "replace")


def framed(message: bytes) -> bytes:
    """Return a message as it goes over a stream: octet counting (RFC 5425 4.3, RFC 6587 3.4.1)."""
    return b"%d %s" % (len(message), message)


class Syslog(Protocol):
    """A way to a syslog server."""

    def deliver(self, messages: Sequence[bytes]) -> None:
        """Send them all. Raises `SyslogAway`: some may have arrived, so all are sent again later."""

    def close(self) -> None: ...


class StreamSyslog:
    """TCP, with TLS where there is a context. The connection stays open between batches."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        self._address = (host, port)
        self._context = context
        self._socket: socket.socket | None = None

    def deliver(self, messages: Sequence[bytes]) -> None:
        try:
            if self._socket is None or _is_closed(self._socket):
                self.close()
                self._socket = self._connect()
            self._socket.sendall(b"".join(framed(message) for message in messages))
            self._wait_until_acknowledged(self._socket)
        except (OSError, ValueError) as error:
            self.close()
            raise SyslogAway(_reason(error)) from error

    def close(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        plain = socket.create_connection(self._address, timeout=_TIMEOUT_SECONDS)
        if self._context is None:
            return plain
        try:
            return self._context.wrap_socket(plain, server_hostname=self._address[0])
        except BaseException:
            plain.close()
            raise

    def _wait_until_acknowledged(self, connection: socket.socket) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while _unacknowledged(connection):
            if time.monotonic() >= deadline:
                raise TimeoutError("the server does not take the messages")
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        if _is_closed(connection):
            raise ConnectionResetError("the server has closed the connection")


class DatagramSyslog:
    """UDP. Only a server that refuses is noticed; what is lost on the way is lost."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)

    def deliver(self, messages: Sequence[bytes]) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0]
            with socket.socket(family, kind, protocol) as sending:
                sending.connect(address)
                for message in messages:
                    sending.send(message)
                time.sleep(_ICMP_SECONDS)
                refusal = sending.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            raise SyslogAway(_reason(error)) from error
        if refusal:
            raise SyslogAway(os.strerror(refusal))

    def close(self) -> None:
        """Nothing stays open."""


def tls_context(ca: str | None, certificate: str | None, key: str | None, *, check_name: bool) -> ssl.SSLContext:
    """Return what a syslog server over TLS 1.2 or later is called with. Raises OSError: a file can't be used."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = check_name
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    return context


def _unacknowledged(connection: socket.socket) -> int:
    """Return how many bytes the other side's TCP has not acknowledged yet (tcp(7), SIOCOUTQ)."""
    return int(struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])


def _is_closed(connection: socket.socket) -> bool:
    """Say whether the server has closed the connection. A syslog server says nothing; if it does, it is dropped."""
    connection.settimeout(0)
    try:
        while connection.recv(4096):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(_TIMEOUT_SECONDS)
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
