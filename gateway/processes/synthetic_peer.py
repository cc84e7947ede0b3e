"""Who sends the synthetic study, as the receiving process knows it; imports nothing that touches pixels."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from config.settings import Settings
from dicom_node.association_policy import AllowedPeer

AE_TITLE: Final = "MGSYNTHETIC"
_LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


def synthetic_peer(settings: Settings) -> tuple[AllowedPeer, ...]:
    """Return whom the DICOM port lets in for it, beside the site's senders; the worker is on the same machine."""
    if settings.synthetic.every_minutes is None or settings.synthetic.host is not None:
        return ()
    if not settings.dicom.allowed_peers:
        return ()  # anybody may send
    return (AllowedPeer(AE_TITLE, (*_LOOPBACK, *as_address(settings.dicom.host))),)


def as_address(host: str) -> tuple[str, ...]:
    """Return the host if it is an address, nothing for a name."""
    try:
        ip_address(host)
    except ValueError:
        return ()
    return (host,)
