"""A health centre that uploads over HTTP, as the viewer does: pieces, offsets, digests."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import uuid4

PIECE = 1 << 20


class Asking(Protocol):
    """What of httpx's client is used."""

    def request(self, method: str, url: str, **options: Any) -> Any: ...


def digest_of(piece: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(piece).digest()).decode()}:"


class HealthCentre:
    """One sender; `upload_id` is that of its last upload."""

    def __init__(self, client: Asking) -> None:
        self.client = client
        self.upload_id = ""

    def begin(
        self, files: Mapping[str, bytes], note: Mapping[str, Any] | None = None, upload_id: str | None = None
    ) -> Any:
        self.upload_id = upload_id or str(uuid4())
        announced = [
            {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in files.items()
        ]
        return self.client.request(
            "PUT", f"/api/v1/uploads/{self.upload_id}", json={"files": announced, "note": dict(note) if note else None}
        )

    def put(self, number: int, offset: int, piece: bytes, digest: str | None = None) -> Any:
        return self.client.request(
            "PATCH",
            f"/api/v1/uploads/{self.upload_id}/files/{number}",
            headers={"Upload-Offset": str(offset), "Content-Digest": digest or digest_of(piece)},
            content=piece,
        )

    def reached(self, number: int) -> int:
        answer = self.client.request("HEAD", f"/api/v1/uploads/{self.upload_id}/files/{number}")
        return int(answer.headers["Upload-Offset"])

    def state(self) -> Any:
        return self.client.request("GET", f"/api/v1/uploads/{self.upload_id}").json()

    def finish(self) -> Any:
        return self.client.request("POST", f"/api/v1/uploads/{self.upload_id}/finish")

    def cancel(self) -> Any:
        return self.client.request("DELETE", f"/api/v1/uploads/{self.upload_id}")

    def send(self, files: Mapping[str, bytes], note: Mapping[str, Any] | None = None) -> Any:
        """Upload all of it over a line that holds."""
        assert self.begin(files, note).status_code == 201
        for number, content in enumerate(files.values(), 1):
            for offset in range(0, len(content), PIECE):
                answer = self.put(number, offset, content[offset : offset + PIECE])
                assert answer.status_code == 204, answer.text
        answer = self.finish()
        assert answer.status_code == 202, answer.text
        return answer.json()

    def wait_until_done(self, seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while (state := self.state())["status"] != "done":
            assert time.monotonic() < deadline, state
            time.sleep(0.2)
        return state
