"""The files that docker-compose.yml names as secrets, made up for one stack; and the authority of its certificate."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from tests.peers.certificates import Authority

AUTHORITY = "authority.pem"
ARCHIVE_USER = "admin"


def make_secrets(data: Path) -> None:
    """Write the secrets; passwords that are there already stay, certificates are made anew."""
    folder = data / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / "pgpass").exists():
        password = secrets.token_urlsafe(24)
        _write(folder / "postgresql_password", f"{password}\n")
        _write(folder / "pgpass", f"postgresql:5432:*:mammogate:{password}\n")
        archive = secrets.token_urlsafe(24)
        _write(folder / "orthanc_users.json", json.dumps({"RegisteredUsers": {ARCHIVE_USER: archive}}))
        _write(folder / "metrics_token", "")
    authority = Authority(data / "certificates", "stack")
    own = authority.issue("https")
    shutil.copyfile(authority.certificate, data / AUTHORITY)
    _write(folder / "https.pem", own.certificate.read_text())
    _write(folder / "https.key", own.key.read_text())


def archive_password(data: Path) -> str:
    """The password of Orthanc's only user."""
    users = json.loads((data / "secrets" / "orthanc_users.json").read_text())["RegisteredUsers"]
    return str(users[ARCHIVE_USER])


def keep_token(data: Path, name: str, token: str) -> None:
    """Write a token into an existing file, so that a box that shows the file shows the new token."""
    path = data / "secrets" / name
    if path.exists():
        path.chmod(0o600)
        path.write_text(token)
    else:
        _write(path, token)


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(0o400)
