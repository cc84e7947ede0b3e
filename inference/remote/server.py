"""Which server, how it is called, and what must never be sent to it in the clear."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_MODEL_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class AddressUnusable(ValueError):
    """The URL names no model on a server; the text says what it should look like."""


@dataclass(frozen=True)
class RemoteServer:
    """A model on a server of the Open Inference Protocol.

    `address`: host:port. `ca`: who signs its certificate (None: the usual authorities); `certificate`, `key`: ours, for
    servers that ask for one; all PEM. `token_file`: its content goes along as a bearer token (RFC 6750), read anew for
    every exchange. `deadline_seconds`: for one exchange, repetitions included; above 0.
    """

    address: str
    model: str
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token_file: Path | None = None
    deadline_seconds: float = 30.0


def split_url(url: str) -> tuple[str, str, bool]:
    """Take grpc://host:port/model (grpcs:// for TLS) apart: (host:port, model, TLS). Raises AddressUnusable."""
    example = "write grpc://HOST:PORT/MODEL, or grpcs:// for TLS"
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("grpc", "grpcs") or not parts.hostname or not port:
        raise AddressUnusable(f"{url!r} is no address of a remote engine: {example}")
    model = parts.path.removeprefix("/")
    if "@" in parts.netloc or parts.query or parts.fragment or not _MODEL_NAME.fullmatch(model):
        raise AddressUnusable(f"{url!r} has to end in the name of the model, without a login or a query: {example}")
    return parts.netloc, model, parts.scheme == "grpcs"
