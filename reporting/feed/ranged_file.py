"""A file of which a client may ask for a part (RFC 9110, 14): one range; what can't be understood is ignored."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from reporting.feed.errors import ApiError

_ONE_RANGE: Final = re.compile(r"bytes=[ \t]*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))[ \t]*", re.IGNORECASE | re.ASCII)


class RangedFile(FileResponse):
    """A file with a strong tag. Starlette sends it and its parts; what is a good part is judged here.

    Several ranges, a range that is no range, and one whose If-Range names another tag get the whole file, as the
    standard has it (14.2); Starlette would answer 400 to some. A range behind the end is 416, in our errors' shape.
    """

    def __init__(self, path: Path, *, size: int, tag: str, media_type: str) -> None:
        super().__init__(path, headers={"ETag": tag}, media_type=media_type)
        self._size = size
        self._tag = tag

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        found = _ONE_RANGE.fullmatch(headers.get("range", ""))
        if found is None or headers.get("if-range", self._tag) != self._tag or _is_backwards(found):
            kept = [(name, value) for name, value in scope["headers"] if name.lower() not in (b"range", b"if-range")]
            await super().__call__({**scope, "headers": kept}, receive, send)
            return
        first, _, last_bytes = found.groups()
        if (int(first) >= self._size) if first else int(last_bytes) == 0:
            beyond = ApiError(
                416,
                "range_not_satisfiable",
                f"The file has {self._size} bytes: ask for a range within it.",
                {"Content-Range": f"bytes */{self._size}", "Accept-Ranges": "bytes", "ETag": self._tag},
            )
            await beyond.response()(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def _is_backwards(found: re.Match[str]) -> bool:
    first, last, _ = found.groups()
    return bool(first and last) and int(last) < int(first)
