"""The viewer's shell over HTTP: the built files of `web/dist`, the same for everybody, without a patient's data.

They are open without login; what they show comes from the feed, which is not. The list of files is fixed at the
start, so that no path of a request is ever turned into a path on disk.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

DIST = Path(__file__).resolve().parent / "web" / "dist"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",  # the decoder is WebAssembly
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types mammogate",
    )
)
"""Content Security Policy of the shell; a worker's script needs it as much as the page."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Vary": "Accept-Encoding",
}
_TYPES = {".webmanifest": "application/manifest+json", ".wasm": "application/wasm", ".js": "text/javascript"}


class ShellMissing(Exception):
    """The viewer was not built, so there is nothing to serve: run `make viewer`."""


@dataclass(frozen=True)
class ShellFile:
    """One file, with its compressed form where there is one. `immutable` when its name changes with its content."""

    content: bytes
    brotli: bytes | None
    media_type: str
    immutable: bool

    def answer(self, request: Request) -> Response:
        """Return the file, compressed for those who take that, or 304 for those who have it."""
        tag = f'"{sha256(self.content).hexdigest()[:32]}"'
        lifetime = "public, max-age=31536000, immutable" if self.immutable else "no-cache"
        headers = {**HEADERS, "Cache-Control": lifetime, "ETag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        if self.brotli is not None and "br" in _codings(request.headers.get("accept-encoding", "")):
            headers["Content-Encoding"] = "br"
            return Response(self.brotli, media_type=self.media_type, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def read_shell(dist: Path = DIST) -> dict[str, ShellFile]:
    """Return the files by the paths under which they are served; `/` is the page itself.

    Raises:
        ShellMissing: there are no built files.

    """
    try:
        names = json.loads((dist / "built.json").read_text("utf-8"))["files"]
    except FileNotFoundError as error:
        raise ShellMissing("the viewer is not built: run `make viewer`") from error
    return {"/" if name == "index.html" else f"/{name}": _read(dist / name, dist) for name in names}


def build_shell_router(files: Mapping[str, ShellFile]) -> APIRouter:
    """Return a route for each file. The caller opens their paths to those who are not logged in."""
    router = APIRouter(include_in_schema=False)
    for path, file in files.items():
        router.add_api_route(path, file.answer, methods=["GET", "HEAD"], response_class=Response)
    return router


def _read(file: Path, dist: Path) -> ShellFile:
    compressed = file.with_name(f"{file.name}.br")
    media_type = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return ShellFile(
        file.read_bytes(),
        compressed.read_bytes() if compressed.exists() else None,
        media_type,
        immutable=file.parent == dist / "assets",
    )


def _codings(accepted: str) -> set[str]:
    """The content codings of Accept-Encoding that are not refused with `q=0` (RFC 9110, 12.5.3)."""
    entries = [entry.strip().lower().replace(" ", "") for entry in accepted.split(",")]
    return {entry.partition(";")[0] for entry in entries if not entry.endswith((";q=0", ";q=0.0"))}
