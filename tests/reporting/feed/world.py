"""A whole feed for a test: stores in memory, users of every role, and clients that log in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, Depends, FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from reporting.feed.access import Role
from reporting.feed.app import create_feed
from reporting.feed.caller import require_upload
from reporting.feed.credentials import Passwords, digest, new_session_id, new_token
from reporting.feed.login_stores import IdentityProvider
from reporting.feed.settings import FeedSettings
from tests.reporting.feed.fakes import (
    Clock,
    MemoryAccounts,
    MemoryImages,
    MemoryMetrics,
    MemoryOperations,
    MemoryReadiness,
    MemoryStudies,
    a_study,
)

PASSWORD = "correct horse battery"
CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
HASH = CHEAP.hash(PASSWORD)


class Browser:
    """A client over ASGI that keeps cookies, as httpx does over TLS."""

    def __init__(self, app: FastAPI, headers: dict[str, str] | None = None) -> None:
        self._app = app
        self._headers = headers or {}
        self.cookies = httpx.Cookies()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=("10.0.0.1", 50000))
        headers = {**self._headers, **options.pop("headers", {})}
        async with httpx.AsyncClient(
            transport=transport, base_url="https://feed.example", cookies=self.cookies, headers=headers
        ) as client:
            answer = await client.request(method, path, **options)
            self.cookies = client.cookies
            return answer


def stow_like_router() -> APIRouter:
    """A router as another package would bring it."""
    router = APIRouter()

    @router.post("/dicom-web/studies", dependencies=[Depends(require_upload)])
    def store() -> dict[str, bool]:
        return {"stored": True}

    return router


class World:
    def __init__(
        self,
        folder: Path,
        settings: FeedSettings | None = None,
        routers: Sequence[APIRouter] | None = None,
        provider: IdentityProvider | None = None,
    ) -> None:
        self.settings = settings or FeedSettings(version="1.2.3", public_url="https://feed.example")
        self.clock = Clock()
        self.studies = MemoryStudies(folder)
        self.accounts = MemoryAccounts(HASH)
        self.images = MemoryImages(folder)
        self.operations = MemoryOperations(self.studies)
        self.readiness = MemoryReadiness()
        self.studies.add(a_study("1.2.3", "high"), self.clock())
        (folder / "1.2.3.2.dcm").write_bytes(b"DICM")
        self.app = create_feed(
            studies=self.studies,
            accounts=self.accounts,
            operations=self.operations,
            readiness=self.readiness,
            metrics=MemoryMetrics(self.studies),
            images=self.images,
            settings=self.settings,
            routers=[stow_like_router()] if routers is None else routers,
            passwords=Passwords(CHEAP),
            provider=provider,
            now=self.clock,
        )

    def stranger(self) -> Browser:
        return Browser(self.app)

    def logged_in(self, role: Role) -> Browser:
        """A browser with an open session, without the work of a login."""
        browser = Browser(self.app)
        session_id = new_session_id()
        self.accounts.open_session(digest(session_id), role, self.clock(), "test")
        browser.cookies.set(self.settings.cookie_name, session_id, domain="feed.example", path="/")
        return browser

    def with_token(self, role: Role, *, may_upload: bool = False) -> Browser:
        token = self.token(role, may_upload=may_upload)
        return Browser(self.app, {"Authorization": f"Bearer {token}"})

    def token(self, role: Role, *, may_upload: bool = False) -> str:
        token = new_token()
        self.accounts.tokens[digest(token)] = (role, may_upload)
        return token
