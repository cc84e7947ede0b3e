"""How large the body of a request may be: whoever may ask, logged in or not, can't fill the memory with one."""

from __future__ import annotations

import re
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reporting.feed.errors import ApiError

LARGEST_BODY: Final = 4 * 2**20
"""Bytes. The largest that is meant to come is the announcement of an upload's files."""
_STREAMED: Final = re.compile(r"/dicom-web/studies(/.*)?|/api/v1/uploads/[^/]+/files/[^/]+")
"""Images and pieces of uploads: these routes take them bit by bit, and have limits of their own."""


class BodyLimit:
    """ASGI middleware that takes a body whole before it is parsed, and answers 413 once it is too large."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _STREAMED.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        too_large = ApiError(413, "body_too_large", f"A request has at most {LARGEST_BODY} bytes.").response()
        if _announced(scope) > LARGEST_BODY:
            await too_large(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > LARGEST_BODY:
                await too_large(scope, receive, send)
                return
        whole: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}

        async def receive_whole() -> Message:
            nonlocal whole
            first, whole = whole, None
            return first or await receive()

        await self.app(scope, receive_whole, send)


def _announced(scope: Scope) -> int:
    """Bytes of the body as its header says (RFC 9110 8.6), 0 where it doesn't: then it is counted as it comes."""
    given = Headers(scope=scope).get("content-length", "")
    return int(given) if given.isdecimal() and given.isascii() and len(given) <= 20 else 0
