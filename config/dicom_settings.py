"""The section `dicom`: the DICOM port, who may call it, and TLS."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from config.values import AeTitle, Port, Section, is_loopback


class RequestorTlsSettings(Section):
    """TLS where we call a DICOM node (PS3.15 B.12): whose certificate it has to show, and ours for when it asks."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    check_name: bool = True
    """Whether its certificate has to name the host that is called."""

    @model_validator(mode="after")
    def _complete(self) -> RequestorTlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: give both or neither")
        return self


class Peer(Section):
    """One allowed sender: its AE title, the networks that it may call from, and where it listens itself."""

    ae_title: AeTitle
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    max_associations: Annotated[int, Field(ge=1)] | None = None
    """How many of its associations may be open at once in one receiving process; without it only the limit for all
    counts (100, in one receiving process too)."""
    host: str | None = None
    """Where storage commitment reports go; None: the address that it called from."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: it is told nothing, so its requests for storage commitment are refused."""
    tls: RequestorTlsSettings | None = None
    """How storage commitment reports are sent to it; None: without TLS."""

    @model_validator(mode="after")
    def _tls_has_a_use(self) -> Peer:
        if self.tls and self.port is None:
            raise ValueError(
                f"{self.ae_title}: tls is for reports that we send: give its entry the port where it listens too"
            )
        return self


class DicomTlsSettings(Section):
    """TLS at the DICOM port (PS3.15 B.12): on when there is a certificate."""

    certificate: Path | None = None
    key: Path | None = None
    peer_ca: Path | None = None
    """The authority whose certificates senders have to show."""
    allow_unauthenticated_peers: bool = False

    @model_validator(mode="after")
    def _complete(self) -> DicomTlsSettings:
        if (self.certificate is None) != (self.key is None):
            there, missing = ("CERTIFICATE", "KEY") if self.key is None else ("KEY", "CERTIFICATE")
            raise ValueError(f"DICOM__TLS__{there} is set, so DICOM__TLS__{missing} has to be set too")
        if self.certificate is None and (self.peer_ca or self.allow_unauthenticated_peers):
            raise ValueError(
                "TLS is off without a certificate: set DICOM__TLS__CERTIFICATE and DICOM__TLS__KEY, or take the other "
                "settings of DICOM__TLS out"
            )
        if self.certificate and self.peer_ca is None and not self.allow_unauthenticated_peers:
            raise ValueError(
                "DICOM__TLS__PEER_CA must name the authority that signs the senders' certificates (or set "
                "DICOM__TLS__ALLOW_UNAUTHENTICATED_PEERS=true to accept senders without a certificate)"
            )
        return self


class DicomSettings(Section):
    """The DICOM port that X-ray machines and PACS send to."""

    host: str = "127.0.0.1"
    port: Port = 11112
    ae_title: AeTitle = "MAMMOGATE"
    processes: Annotated[int, Field(ge=1, le=32)] = 1
    """How many receiving processes share the port. Limits of associations count in each of them."""
    allowed_peers: tuple[Peer, ...] = ()
    allow_any_peer: bool = False
    tls: DicomTlsSettings = DicomTlsSettings()

    @model_validator(mode="after")
    def _one_port_for_all(self) -> DicomSettings:
        if self.processes > 1 and self.port == 0:
            raise ValueError("DICOM__PROCESSES above 1 needs a fixed port: set DICOM__PORT to the one that they share")
        return self

    @model_validator(mode="after")
    def _closed_unless_told_otherwise(self) -> DicomSettings:
        if not self.allowed_peers and not self.allow_any_peer and not is_loopback(self.host):
            raise ValueError(
                f"DICOM__HOST={self.host} is reachable from the network, so DICOM__ALLOWED_PEERS must name the senders "
                "(or set DICOM__ALLOW_ANY_PEER=true to accept anybody)"
            )
        return self
