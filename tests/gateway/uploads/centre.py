"""The gateway's own feed, desk and storer over a fresh database, asked over HTTP; a test says when it stores."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from gateway.database.account_models import ApiToken, AuditEntry, User
from gateway.database.columns import Base
from gateway.database.models import Instance, Study
from gateway.intake.durable import DurableIntake
from gateway.parts import Parts
from gateway.processes.api import build_app
from gateway.uploads.storing import UploadStorer
from reporting.feed.credentials import digest, new_token
from tests.peers.health_centre import HealthCentre
from tests.peers.synthetic import mammogram, write

NOTE = {"age": 61, "reason": "Knoten rechts seit Juni", "history": "Mutter mit 48 erkrankt"}


class Client:
    """Speaks to the feed as the owner of a token."""

    def __init__(self, app: Any, token: str | None) -> None:
        self._app = app
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._request(method, path, **options))

    async def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self._headers, **options.pop("headers", {})}
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False, client=("10.0.0.1", 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://feed.example", headers=headers) as client:
            return await client.request(method, path, **options)


class Site:
    def __init__(self, parts: Parts, max_unpacked: int = 64 << 20) -> None:
        self.parts = parts
        self.max_unpacked = max_unpacked
        self.intake: DurableIntake = parts.intake("api@test")
        self.storer = self.new_storer()
        self.app = build_app(parts, self.intake)

    def new_storer(self, intake: Any = None) -> UploadStorer:
        return UploadStorer(self.parts.database, self.parts.folders, intake or self.intake, self.max_unpacked)

    def restart(self) -> None:
        """A new API process over the same database and folder."""
        self.intake.close()
        self.intake = self.parts.intake("api@test")
        self.storer = self.new_storer()
        self.app = build_app(self.parts, self.intake)

    def client(self, role: Any = "uploader", name: str | None = None, *, may_upload: bool = False) -> Client:
        token = new_token()
        with self.parts.database.write() as session:
            user = session.scalars(select(User).where(User.name == (name or role))).one_or_none()
            if user is None:
                user = User(name=name or role, role=role, password_hash="none")
                session.add(user)
                session.flush()
            session.add(ApiToken(secret_sha256=digest(token), user_id=user.id, may_upload=may_upload))
        return Client(self.app, token)

    def centre(self, role: Any = "uploader", name: str | None = None, **options: Any) -> HealthCentre:
        return HealthCentre(self.client(role, name, **options))

    def upload(self, files: Mapping[str, bytes], note: Mapping[str, Any] | None = None) -> Any:
        """Upload and store; return the state afterwards."""
        centre = self.centre()
        centre.send(files, note)
        self.storer.store_all()
        return centre.state()

    def count(self, table: type[Base]) -> int:
        with self.parts.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def stored(self) -> dict[str, bytes]:
        """The files of all instances, by SOP Instance UID."""
        with self.parts.database.read() as session:
            rows = session.execute(select(Instance.sop_instance_uid, Instance.path)).all()
        return {uid: (self.parts.folders.root / path).read_bytes() for uid, path in rows}

    def study_uids(self) -> list[str]:
        with self.parts.database.read() as session:
            return list(session.scalars(select(Study.study_instance_uid).order_by(Study.id)))

    def trail(self) -> list[tuple[str, str, str | None]]:
        with self.parts.database.read() as session:
            rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        return [(row.action, row.outcome, row.study_instance_uid) for row in rows]

    def left(self) -> list[str]:
        """What lies in the folders of things on their way."""
        folders = self.parts.folders
        return [folders.relative(path) for folder in (folders.uploads, folders.incoming) for path in folder.rglob("*")]


def image(folder: Path, view: str = "CC", **options: Any) -> bytes:
    return write(mammogram("L", view, rows=64, columns=48, **options), folder / "image.dcm").read_bytes()


def packed(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def verdicts(state: Any) -> dict[str, tuple[str, str | None]]:
    return {item["name"]: (item["verdict"], item["reason"]) for item in state["items"]}
