"""TLS handshakes that say in words why they failed, on both sides (RFC 8446 6, RFC 5280 6)."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import cast

# How long a peer may take from its connection to the end of the handshake.
HANDSHAKE_SECONDS = 15.0
# How many handshakes may be under way at once; associations are limited by the policy, which comes later.
MAX_HANDSHAKES = 100

# The first byte of a connection: a TLS record with a handshake message (RFC 8446 5.1), an A-ASSOCIATE-RQ (PS3.8 9.3.2).
_TLS_HANDSHAKE, _ASSOCIATE_RQ = b"\x16", b"\x01"

# OpenSSL's codes for why a certificate does not verify (X509_V_ERR_*).
_NOT_YET_VALID, _EXPIRED, _REVOKED, _PURPOSE = 9, 10, 23, 26
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21, 24, 27})
_WRONG_NAME = frozenset({62, 63, 64})
_WEAK = frozenset({66, 67, 68})
# What the other side said of our certificate in its alert, in OpenSSL's names.
_ALERTS = {
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the certificate authority that signed our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that our certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "it says that our certificate was revoked",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept our certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "it does not accept our kind of certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept our certificate",
    "TLSV1_ALERT_ACCESS_DENIED": "it accepts our certificate, but denies access",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it demands a certificate of ours, and we have none to show",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it ended the handshake: it may demand a certificate of ours, or no cipher suite "
    "suits both sides",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it does not speak TLS 1.2 or 1.3",
}
_OLD_VERSION = frozenset({"UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "WRONG_SSL_VERSION", "UNKNOWN_PROTOCOL"})
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "RECORD_LAYER_FAILURE"})


class HandshakeFailed(ConnectionError):
    """No TLS with this peer; the sentence says why."""


class NothingSaid(HandshakeFailed):
    """The connection was closed before a byte came: a port probe, mostly."""


def reason(problem: OSError) -> str:
    """Say in words why a handshake failed; "it" is the peer."""
    if isinstance(problem, ssl.SSLCertVerificationError):
        return _certificate(problem)
    name = (problem.reason or "") if isinstance(problem, ssl.SSLError) else ""
    if name == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return "it showed no certificate"
    if name in _ALERTS:
        return _ALERTS[name]
    if name in _OLD_VERSION:
        return "it offers only TLS versions before 1.2"
    if name == "NO_SHARED_CIPHER":
        return "it offers no cipher suite of the profile (ECDHE with AES-GCM)"
    if name in _NO_TLS:
        return "it does not speak TLS"
    if isinstance(problem, TimeoutError):
        return "it did not finish the handshake in time"
    if isinstance(problem, (ssl.SSLEOFError, ConnectionError)):
        return "it broke off during the handshake; its own log should say why (does it accept our certificate?)"
    return f"the handshake failed ({name.replace('_', ' ').lower() or problem.strerror or problem})"


def _certificate(problem: ssl.SSLCertVerificationError) -> str:
    code = problem.verify_code
    if code == _EXPIRED:
        return "its certificate has expired"
    if code == _NOT_YET_VALID:
        return "its certificate is not valid yet (is one of the clocks wrong?)"
    if code in _UNKNOWN_AUTHORITY:
        return "its certificate is not of a certificate authority that we trust"
    if code == _REVOKED:
        return "its certificate was revoked"
    if code == _PURPOSE:
        return "its certificate is not made for this use (extended key usage)"
    if code in _WEAK:
        return "its certificate is too weak"
    if code in _WRONG_NAME:
        return "its certificate does not name the host that was called"
    return f"its certificate is not accepted ({problem.verify_message})"


class TlsDoor:
    """Shakes hands with those who connect, each on its own thread: a slow peer delays nobody else."""

    def __init__(
        self, context: ssl.SSLContext, *, seconds: float = HANDSHAKE_SECONDS, at_once: int = MAX_HANDSHAKES
    ) -> None:
        self._context = context
        self._seconds = seconds
        self._at_once = at_once
        self._room = threading.BoundedSemaphore(at_once)

    def admit(self, connection: socket.socket) -> ssl.SSLSocket:
        """Return the connection with TLS over it.

        Raises:
            HandshakeFailed: there is none; `NothingSaid` when the peer only opened the port.

        """
        if not self._room.acquire(blocking=False):
            raise HandshakeFailed(f"{self._at_once} handshakes are under way at once, which is the limit; try again")
        try:
            return self._shake(connection)
        finally:
            self._room.release()

    def _shake(self, connection: socket.socket) -> ssl.SSLSocket:
        silence = connection.gettimeout()
        connection.settimeout(self._seconds)
        try:
            first = connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            raise HandshakeFailed(f"it said nothing for {self._seconds:g} s") from None
        except OSError:
            raise NothingSaid("the connection was reset before a byte came") from None
        if not first:
            raise NothingSaid("the connection was closed before a byte came")
        if first == _ASSOCIATE_RQ:
            raise HandshakeFailed("it speaks plain DICOM, no TLS: switch TLS on at the sender")
        if first != _TLS_HANDSHAKE:
            raise HandshakeFailed("it does not speak TLS")
        try:
            secured = self._context.wrap_socket(connection, server_side=True)
        except OSError as problem:
            raise HandshakeFailed(reason(problem)) from problem
        secured.settimeout(silence)
        return secured


class TellingSocket(ssl.SSLSocket):
    """A socket that tells its `OutgoingTls` what went wrong, since pynetdicom keeps that to itself."""

    telling: OutgoingTls | None = None

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError as problem:
            self._tell(problem)
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        # With TLS 1.3 the peer judges our certificate only after our side of the handshake (RFC 8446 4.4.2.4).
        try:
            return super().recv(buflen, flags)
        except OSError as problem:
            self._tell(problem)
            raise

    def _tell(self, problem: OSError) -> None:
        if self.telling is not None and self.telling.problem is None:
            self.telling.problem = problem


class OutgoingTls:
    """Stands where pynetdicom takes an `SSLContext`, for one association."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.problem: OSError | None = None

    def wrap_socket(self, sock: socket.socket, *, server_side: bool, server_hostname: str) -> ssl.SSLSocket:
        """Wrap a socket that is not connected yet; connecting it shakes hands."""
        secured = self._context.wrap_socket(sock, server_side=server_side, server_hostname=server_hostname)
        if isinstance(secured, TellingSocket):
            secured.telling = self
        return secured

    def arguments(self, host: str) -> tuple[ssl.SSLContext, str]:
        """Return pynetdicom's `tls_args`; of the context it uses `wrap_socket` only."""
        return cast(ssl.SSLContext, self), host


def would_accept(acceptor: ssl.SSLContext, requestor: ssl.SSLContext) -> None:
    """Shake hands between two contexts in memory, without a network.

    Raises:
        HandshakeFailed: the one does not accept the other.

    """
    to_acceptor, to_requestor = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = acceptor.wrap_bio(to_acceptor, to_requestor, server_side=True)
    calling = requestor.wrap_bio(to_requestor, to_acceptor, server_hostname="localhost")
    for side in (calling, serving, calling, serving):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError as problem:
            raise HandshakeFailed(reason(problem)) from problem
