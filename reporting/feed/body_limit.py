"""How large the body of a request may be: whoever may ask, logged in or not, can't fill the memory with one."""

from __future__ import annotations

import re
from typing import Final

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
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return  # the client has gone
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > LARGEST_BODY:
                too_large = ApiError(413, "body_too_large", f"A request has at most {LARGEST_BODY} bytes.")
                await too_large.response()(scope, receive, send)
                return
        whole: Message | None = {"type": "http.request", "body": bytes(body), "more_body": False}

        async def receive_whole() -> Message:
            nonlocal whole
            first, whole = whole, None
            return first or await receive()

        await self.app(scope, receive_whole, send)
