"""Entity tags (RFC 9110, 8.8.3): a client that already holds an answer gets 304 and no body."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response


def tag_of(body: bytes) -> str:
    """Return the strong tag of a body, with its quotes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Return whether If-None-Match names the tag; weak comparison, as RFC 9110, 13.1.2 wants it."""
    if if_none_match is None:
        return False
    names = [name.strip().removeprefix("W/") for name in if_none_match.split(",")]
    return "*" in names or tag in names


def tagged(request: Request, answer: BaseModel, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer as JSON with its tag, or 304 when the client already has it."""
    return tagged_body(request, answer.model_dump_json().encode(), "application/json", headers)


def tagged_body(request: Request, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body with its tag, or 304 when the client already has it."""
    tag = tag_of(body)
    all_headers = {**(headers or {}), "ETag": tag}
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=all_headers)
    return Response(body, media_type=media_type, headers=all_headers)
