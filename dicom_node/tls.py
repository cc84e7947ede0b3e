"""TLS at DICOM ports after the BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12).

TLS 1.2 or 1.3 and nothing older, no compression, no renegotiation, key exchange with forward secrecy and AES-GCM only,
keys of 2048 bits (RSA) or 224 bits (elliptic curves) and more. What can't be used is found out before anybody connects.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

from dicom_node.certificate_file import NoCertificate, Validity, validity_of
from dicom_node.tls_handshake import TellingSocket

# RFC 9325 4.2, in OpenSSL's names; TLS 1.3 has suites of its own, all of which are good (RFC 9325 4.2.1).
TLS_1_2_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
# OpenSSL's level 2 refuses keys of less than 112 bits of security (RFC 9325 4.3, 4.5) and SHA-1 signatures.
_STRENGTH = "@SECLEVEL=2"
# The second one: a key of another kind (RSA, elliptic curve) than the certificate's.
_MISMATCH = frozenset({"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
_WEAK = frozenset({"EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"})


class TlsUnusable(Exception):
    """TLS can't be used as configured; every cause is a subclass with a sentence of its own."""


class FileUnreadable(TlsUnusable):
    def __init__(self, what: str, path: Path, problem: OSError) -> None:
        super().__init__(
            f"the {what} file {path} can't be read ({problem.strerror or problem}): correct the path, "
            "and let this user read the file"
        )


class CertificateUnreadable(TlsUnusable):
    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} holds {problem}: give a certificate in PEM, with its chain below it if there is one")


class CertificateExpired(TlsUnusable):
    def __init__(self, path: Path, ended: datetime) -> None:
        super().__init__(
            f"the certificate {path} expired on {ended:%Y-%m-%d %H:%M} UTC: have it renewed and put the new one there"
        )


class CertificateNotYetValid(TlsUnusable):
    def __init__(self, path: Path, begins: datetime) -> None:
        super().__init__(
            f"the certificate {path} is valid only from {begins:%Y-%m-%d %H:%M} UTC: check this machine's clock"
        )


class CertificateTooWeak(TlsUnusable):
    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"the certificate {path} is too weak ({problem}): have one made with an RSA key of 2048 bits or more, "
            "or an elliptic curve key, and SHA-256"
        )


class KeyUnreadable(TlsUnusable):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} holds no private key in PEM (-----BEGIN PRIVATE KEY-----): give the key of the certificate"
        )


class KeyLocked(TlsUnusable):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the private key {path} is locked with a password, which nobody could enter at a start: take it off with "
            "`openssl pkey -in OLD -out NEW`, and set the file's mode to 0400"
        )


class KeyMismatch(TlsUnusable):
    def __init__(self, key: Path, certificate: Path) -> None:
        super().__init__(
            f"the private key {key} does not belong to the certificate {certificate}: give the key that the "
            "certificate was requested with"
        )


class AuthorityUnreadable(TlsUnusable):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} holds no certificate authority in PEM (-----BEGIN CERTIFICATE-----): give the certificate of the "
            "authority that signs the peers' certificates, or the peers' self-signed certificates one below the other"
        )


def acceptor_context(
    certificate: Path, key: Path, peer_ca: Path | None, *, certificate_required: bool = True
) -> ssl.SSLContext:
    """Return what the SCP speaks TLS with.

    With `peer_ca` a peer that shows a certificate must show one of that authority, and unless `certificate_required` is
    switched off it must show one. Without `peer_ca` no certificate is asked for.

    Raises:
        TlsUnusable: the files can't be used.

    """
    context = _profile(ssl.PROTOCOL_TLS_SERVER)
    # The order of our suites counts, not the peer's (RFC 9325 4.2.1).
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    _show(context, certificate, key)
    if peer_ca is not None:
        _trust(context, peer_ca)
        context.verify_mode = ssl.CERT_REQUIRED if certificate_required else ssl.CERT_OPTIONAL
    return context


def requestor_context(
    ca: Path, certificate: Path | None = None, key: Path | None = None, *, check_name: bool = True
) -> ssl.SSLContext:
    """Return what an SCU speaks TLS with: the peer has to show a certificate of `ca`; ours is shown when asked for.

    `check_name`: the certificate must also name the host that was called (RFC 9525).

    Raises:
        TlsUnusable: the files can't be used.

    """
    context = _profile(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = check_name
    context.sslsocket_class = TellingSocket
    _trust(context, ca)
    if certificate is not None and key is not None:
        _show(context, certificate, key)
    return context


def own_requestor_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what the gateway calls its own port with: it shows its own certificate, and takes that one only.

    Raises:
        TlsUnusable: the files can't be used.

    """
    context = requestor_context(certificate, certificate, key, check_name=False)
    # The certificate itself is the anchor, whoever signed it (RFC 5280 6.1: a trust anchor may be any certificate).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def certificate_validity(path: Path) -> Validity:
    """Return from when to when a certificate is valid.

    Raises:
        TlsUnusable: it can't be read.

    """
    try:
        return validity_of(_read("certificate", path))
    except NoCertificate as problem:
        raise CertificateUnreadable(path, str(problem)) from None


def _profile(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(":".join((*TLS_1_2_SUITES, _STRENGTH)))
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load our own certificate, or say what is wrong with it."""
    validity = certificate_validity(certificate)
    moment = datetime.now(UTC)
    if validity.ends <= moment:
        raise CertificateExpired(certificate, validity.ends)
    if validity.begins > moment:
        raise CertificateNotYetValid(certificate, validity.begins)
    _read("private key", key)

    def locked() -> str:
        raise KeyLocked(key)  # asked for a password only when the key needs one; OpenSSL would ask the terminal

    try:
        context.load_cert_chain(certificate, key, password=locked)
    except ssl.SSLError as problem:
        if problem.reason in _MISMATCH:
            raise KeyMismatch(key, certificate) from None
        if problem.reason in _WEAK:
            raise CertificateTooWeak(certificate, problem.reason.replace("_", " ").lower()) from None
        raise KeyUnreadable(key) from None


def _trust(context: ssl.SSLContext, ca: Path) -> None:
    _read("certificate authority", ca)
    try:
        context.load_verify_locations(ca)
    except ssl.SSLError:
        raise AuthorityUnreadable(ca) from None


def _read(what: str, path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except OSError as problem:
        raise FileUnreadable(what, path, problem) from None
