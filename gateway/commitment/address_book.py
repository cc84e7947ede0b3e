"""Where the machines that ask for storage commitment listen for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from config.settings import Peer, RequestorTlsSettings
from dicom_node.association_policy import AllowedPeer


@dataclass(frozen=True)
class Listener:
    """Where an AE takes reports, and how they are secured."""

    host: str
    port: int
    tls: RequestorTlsSettings | None = None


class AddressBook:
    """The entries of `dicom.allowed_peers` that say a port; an address alone tells nobody where its server is."""

    def __init__(self, peers: Sequence[Peer]) -> None:
        self._entries = [
            (AllowedPeer(peer.ae_title, tuple(str(network) for network in peer.addresses)), peer)
            for peer in peers
            if peer.port is not None
        ]

    def listener(self, ae_title: str, called_from: str) -> Listener | None:
        """Return where an AE that called from this address listens; None where the settings don't say."""
        for allowed, peer in self._entries:
            if peer.port is not None and allowed.has_title(ae_title) and allowed.has_address(called_from):
                return Listener(peer.host or _plain(called_from), peer.port, peer.tls)
        return None


def _plain(address: str) -> str:
    """Return the IPv4 address that a dual-stack socket shows as ::ffff:192.0.2.7."""
    mapped = getattr(ip_address(address.partition("%")[0]), "ipv4_mapped", None)
    return str(mapped) if mapped else address
