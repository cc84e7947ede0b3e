"""Passwords (argon2id through pwdlib) and random secrets (sessions, tokens)."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

TOKEN_PREFIX = "mmg_"  # noqa: S105  no secret: marks our tokens, so that scanners find leaked ones
MINIMUM_PASSWORD_LENGTH = 10


def new_token() -> str:
    """Return a fresh API token with 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_session_id() -> str:
    """Return a fresh session id with 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a random secret. Plain SHA-256 is enough: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class Passwords:
    """Hashes and verifies; thread safe. One verification takes about 64 MiB, so only `parallel` run at once."""

    def __init__(self, hasher: PasswordHash | None = None, parallel: int = 2) -> None:
        self._hasher = hasher or PasswordHash((Argon2Hasher(),))
        self._slots = threading.BoundedSemaphore(parallel)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))

    def hash(self, password: str) -> str:
        """Return the hash of a new password. Raises ValueError when it is shorter than 10 characters."""
        if len(password) < MINIMUM_PASSWORD_LENGTH:
            raise ValueError(f"A password needs at least {MINIMUM_PASSWORD_LENGTH} characters.")
        with self._slots:
            return self._hasher.hash(password)

    def verify(self, password: str, password_hash: str | None, renew: Callable[[str], None]) -> bool:
        """Return whether the password is right; None stands for a user who does not exist and takes as long.

        `renew` is called with a new hash when the password is right and its hash was made with weaker parameters.
        """
        with self._slots:
            try:
                right, renewed = self._hasher.verify_and_update(password, password_hash or self._nobody)
            except UnknownHashError:
                return False
        if password_hash is None or not right:
            return False
        if renewed is not None:
            renew(renewed)
        return True
