"""Who may associate: known peers, our own AE title, and not too many at once (PS3.8 9.3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


class InvalidPeerAddress(ValueError):
    """An allowed peer's address is neither an address nor a network."""

    def __init__(self, ae_title: str, address: str) -> None:
        super().__init__(
            f"The address {address!r} of the allowed peer {ae_title!r} is neither an IP address nor a network; "
            "write it like 192.0.2.7 or 192.0.2.0/24."
        )


@dataclass(frozen=True)
class AllowedPeer:
    """A node that may send. No addresses: from any; an empty AE title: any title from these addresses."""

    ae_title: str
    addresses: tuple[str, ...] = ()
    max_associations: int | None = None
    """How many may be open at once by this entry; None: only the limit for all counts."""
    networks: tuple[Network, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "networks", tuple(self._network(a) for a in self.addresses))

    def _network(self, address: str) -> Network:
        try:
            return ip_network(address, strict=False)
        except ValueError as problem:
            raise InvalidPeerAddress(self.ae_title, address) from problem

    def has_title(self, calling: str) -> bool:
        return not self.ae_title or self.ae_title.strip() == calling.strip()

    def has_address(self, address: str) -> bool:
        if not self.networks:
            return True
        # A dual-stack socket reports IPv4 peers as ::ffff:192.0.2.7, link-local ones with a %zone.
        peer = ip_address(address.partition("%")[0])
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self.networks)


@dataclass(frozen=True)
class Refusal:
    """An A-ASSOCIATE-RJ: result, source and reason as in PS3.8 Table 9-21, and a sentence for our log."""

    result: int
    source: int
    reason: int
    sentence: str


PERMANENT, TRANSIENT = 0x01, 0x02
_SERVICE_USER, _PRESENTATION_PROVIDER = 0x01, 0x03
_CALLING_NOT_RECOGNISED, _CALLED_NOT_RECOGNISED, _LOCAL_LIMIT_EXCEEDED = 0x03, 0x07, 0x02


@dataclass(frozen=True)
class AssociationPolicy:
    ae_title: str
    allowed_peers: Sequence[AllowedPeer] = ()
    """Empty = anybody may send."""
    max_associations: int = 100

    def entry_for(self, calling: str, address: str) -> AllowedPeer | None:
        """Return the first entry that lets this peer in, None when there is none or anybody may send."""
        for peer in self.allowed_peers:
            if peer.has_title(calling) and peer.has_address(address):
                return peer
        return None

    def refusal(
        self,
        *,
        called: str,
        calling: str,
        address: str,
        open_associations: int,
        open_by_entry: Mapping[AllowedPeer, int] | None = None,
    ) -> Refusal | None:
        """Return why an association is rejected, or None when it is welcome."""
        calling = calling.strip()
        if called.strip() != self.ae_title.strip():
            return Refusal(
                PERMANENT,
                _SERVICE_USER,
                _CALLED_NOT_RECOGNISED,
                f"{calling!r} at {address} called us {called.strip()!r}; our AE title is {self.ae_title.strip()!r}. "
                "Correct the title at the sender, or dicom.ae_title here.",
            )
        if self.allowed_peers:
            if not any(peer.has_title(calling) for peer in self.allowed_peers):
                return self._unknown(f"{calling!r} at {address} is not among the allowed peers")
            entry = self.entry_for(calling, address)
            if entry is None:
                return self._unknown(f"{calling!r} is allowed, but not from {address}")
            its_own = (open_by_entry or {}).get(entry, 0)
            if entry.max_associations is not None and its_own >= entry.max_associations:
                return self._full(
                    f"{calling!r} at {address} has to try again: {its_own} of its associations are open, which is the "
                    "max_associations of its entry in dicom.allowed_peers"
                )
        if open_associations >= self.max_associations:
            return self._full(
                f"{calling!r} at {address} has to try again: {open_associations} associations are open, "
                "which is the limit"
            )
        return None

    @staticmethod
    def _full(what: str) -> Refusal:
        return Refusal(TRANSIENT, _PRESENTATION_PROVIDER, _LOCAL_LIMIT_EXCEEDED, f"{what}.")

    @staticmethod
    def _unknown(what: str) -> Refusal:
        sentence = f"{what}; add it to dicom.allowed_peers if it may send."
        return Refusal(PERMANENT, _SERVICE_USER, _CALLING_NOT_RECOGNISED, sentence)
