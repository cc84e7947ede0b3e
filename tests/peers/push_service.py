"""A push service and the browser behind it, as a process: it takes messages, checks who sent them, and decrypts.

`python -m tests.peers.push_service PORT FOLDER [CERTIFICATE KEY]` writes each message as a JSON line into
FOLDER/messages. The path says how it answers: /201/..., /410/..., /503/... .
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import http_ece
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from tests.peers.ports import LOOPBACK, free_port, wait_until_listening
from tests.peers.programs import environment, stop

# The browser's keys: the same in the process and in the test, which needs the public half.
_BROWSER = ec.derive_private_key(0x5EED, ec.SECP256R1())
_AUTH = bytes(range(16))


@dataclass(frozen=True)
class PushService:
    """A running push service."""

    origin: str
    folder: Path

    def subscription(self, answer: int = 201, name: str = "one") -> dict[str, Any]:
        """What the browser's Push API gives: the service answers `answer` to its messages."""
        keys = {"p256dh": _text(_point(_BROWSER.public_key())), "auth": _text(_AUTH)}
        return {"endpoint": f"{self.origin}/{answer}/{name}", "keys": keys}

    def messages(self) -> list[dict[str, Any]]:
        file = self.folder / "messages"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for(self, count: int, seconds: float = 60) -> list[dict[str, Any]]:
        deadline = time.monotonic() + seconds
        while len(self.messages()) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.messages()


@contextmanager
def running_push_service(folder: Path, *, tls: tuple[Path, Path] | None = None) -> Iterator[PushService]:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "tests.peers.push_service", str(port), str(folder), *map(str, tls or ())]
    root = Path(__file__).resolve().parent.parent.parent
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=root, env=environment(), stdout=log, stderr=log)
    try:
        assert wait_until_listening(port, 60), (folder / "log").read_text()
        yield PushService(f"{'https' if tls else 'http'}://{LOOPBACK}:{port}", folder)
    finally:
        stop(process)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with (Path(sys.argv[2]) / "messages").open("a") as file:
            file.write(json.dumps(_message(self.path, dict(self.headers.items()), body)) + "\n")
        self.send_response(int(self.path.split("/")[1]))
        if self.path.startswith("/307"):
            self.send_header("Location", "/201/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _message(path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    low = {name.lower(): value for name, value in headers.items()}
    try:
        clear = http_ece.decrypt(body, private_key=_BROWSER, auth_secret=_AUTH, version=low["content-encoding"])
        text = clear.decode()
    except http_ece.ECEException as error:
        text = f"not for this browser: {error}"
    return {"path": path, "headers": low, "bytes": len(body), "text": text, **_sender(low["authorization"])}


def _sender(authorization: str) -> dict[str, Any]:
    """Check the signature of RFC 8292 by ourselves, and say what it claims."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    signed, _, signature = parts["t"].rpartition(".")
    raw = _bytes(signature)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(parts["k"]))
    try:
        key.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
        signed_by = parts["k"]
    except InvalidSignature:
        signed_by = ""
    header, claims = (json.loads(_bytes(part)) for part in signed.split("."))
    return {"scheme": scheme, "signed_by": signed_by, "algorithm": header["alg"], "claims": claims}


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _main() -> None:
    server = ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), _Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    _main()
