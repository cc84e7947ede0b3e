"""Which server holds the model, and how it is called."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RemoteServer:
    """A model on a server of the Open Inference Protocol.

    `address`: host:port. `ca`: who signs its certificate (None: the usual authorities); `certificate`, `key`: ours, for
    servers that ask for one; all PEM. `token_file`: its content goes along as a bearer token (RFC 6750), read anew for
    every exchange. `deadline_seconds`: for one exchange, repetitions included; `rest_seconds`: how long
    it is left alone after it failed several times in a row, then twice as long each time that it fails again, up to
    `longest_rest_seconds`; all above 0.
    """

    address: str
    model: str
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    token_file: Path | None = None
    deadline_seconds: float = 30.0
    rest_seconds: float = 5.0
    longest_rest_seconds: float = 60.0
