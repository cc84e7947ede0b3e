"""uvicorn, made to end live streams when it stops."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI


class FeedServer(uvicorn.Server):
    """uvicorn waits for open answers before it stops, and a live stream is never finished: it is told to end first."""

    def __init__(self, config: uvicorn.Config, feed: FastAPI) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._feed.state.watch.stop()
        await super().shutdown(sockets)
