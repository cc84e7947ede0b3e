"""Where objects go, whatever the protocol: each object is delivered, refused for good, or to be tried again."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Delivered:
    """The peer has said that it has the object. `note`: what it added (a warning, "already stored")."""

    note: str = ""


@dataclass(frozen=True)
class Refused:
    """The peer will never take this object as things stand; the sentence says why and what an operator can do."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """Not delivered this time; trying again later makes sense."""

    reason: str


@dataclass(frozen=True)
class NotTried(Failed):
    """Nothing of the object was sent this time, because of what became of those before it."""


Outcome = Delivered | Refused | Failed
Progress = Callable[[Path, Outcome], None]


@dataclass(frozen=True)
class Health:
    """Whether a destination answers now, with a sentence for the operator."""

    ok: bool
    detail: str


class Destination(Protocol):
    """A PACS or workstation. Neither method raises for what the other side or the network does."""

    @property
    def name(self) -> str: ...

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        """Send Part 10 files; return an outcome for every path, after telling `progress` of each as it is known.

        One after the other, in this order: `progress` hears of an object before the next one is begun.
        """

    def health(self) -> Health:
        """Ask the destination whether it is there."""


class CanDelete(Protocol):
    """A destination from which an object can be withdrawn by deleting it."""

    def delete(self, sop_instance_uid: str) -> Outcome:
        """Delete an instance; Delivered also when it was not there."""


@dataclass(frozen=True)
class DicomDestinationSettings:
    name: str
    host: str
    port: int
    ae_title: str
    """The peer's AE title (called)."""
    calling_ae_title: str = "MAMMOGATE"
    connect_timeout: float = 10.0
    acse_timeout: float = 30.0
    dimse_timeout: float = 120.0
    """How long the peer may take to store one object."""
    network_timeout: float = 60.0
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True)
class HttpDestinationSettings:
    """An Orthanc (its REST API's root) or a STOW-RS server (the root below which `/studies` lies)."""

    name: str
    url: str
    username: str | None = None
    password: str | None = None
    bearer_token: str | None = None
    connect_timeout: float = 10.0
    timeout: float = 120.0
    """How long the server may stay silent while it stores one request."""
    tls: ssl.SSLContext | None = None


def tell(progress: Progress | None, path: Path, outcome: Outcome) -> None:
    if progress is not None:
        progress(path, outcome)
