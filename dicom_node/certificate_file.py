"""From when to when a certificate is valid (X.509 validity, RFC 5280 4.1.2.5), read from its PEM file.

The standard library loads certificates but does not show a certificate of our own, so the few DER elements up to the
validity are walked here.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

_FIRST_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
# From when on it is worth a warning that a certificate ends.
ENDS_SOON_DAYS = 30
# DER tags (X.690 8.1.2).
_SEQUENCE, _EXPLICIT_VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


class NoCertificate(ValueError):
    """The text holds no certificate in PEM."""


@dataclass(frozen=True)
class Validity:
    """The first and the last moment of a certificate."""

    begins: datetime
    ends: datetime

    def days_left(self, moment: datetime) -> int:
        """Return how many whole days are left; negative after the end."""
        return (self.ends - moment).days


def validity_of(pem: str) -> Validity:
    """Return the validity of the first certificate of the text, which is the own one where a chain follows.

    Raises:
        NoCertificate: there is none, or it can't be read.

    """
    found = _FIRST_CERTIFICATE.search(pem)
    if found is None:
        raise NoCertificate("no certificate in PEM (-----BEGIN CERTIFICATE-----)")
    try:
        return _validity(ssl.PEM_cert_to_DER_cert(found[0]))
    except (ValueError, IndexError) as problem:
        raise NoCertificate(f"a certificate that can't be read ({problem})") from None


def _validity(der: bytes) -> Validity:
    # Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL, serialNumber, signature, issuer,
    # validity SEQUENCE { notBefore, notAfter }, ...
    _, at, _ = _element(der, 0, _SEQUENCE)
    _, at, _ = _element(der, at, _SEQUENCE)
    tag, _, end = _element(der, at)
    if tag == _EXPLICIT_VERSION:
        at = end
    for _ in ("serialNumber", "signature", "issuer"):
        _, _, at = _element(der, at)
    _, at, _ = _element(der, at, _SEQUENCE)
    begins, at = _time(der, at)
    ends, _ = _time(der, at)
    return Validity(begins, ends)


def _element(der: bytes, at: int, wanted: int | None = None) -> tuple[int, int, int]:
    """Return tag, start and end of the content of the element at `at` (X.690 8.1.3)."""
    tag, length, start = der[at], der[at + 1], at + 2
    if wanted is not None and tag != wanted:
        raise ValueError(f"DER tag 0x{tag:02X} where 0x{wanted:02X} belongs")
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[start : start + count], "big")
        start += count
    if start + length > len(der):
        raise ValueError("cut off")
    return tag, start, start + length


def _time(der: bytes, at: int) -> tuple[datetime, int]:
    tag, start, end = _element(der, at)
    text = der[start:end].decode("ascii")
    if tag == _UTC_TIME:
        # Two digits of the year: 50 and more are 19xx (RFC 5280 4.1.2.5.1).
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"DER tag 0x{tag:02X} where a time belongs")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC), end
