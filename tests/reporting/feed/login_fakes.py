"""What login needs, in memory: devices, passkeys, unfinished logins, and the hospital's provider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from reporting.feed.access import Role
from reporting.feed.login_stores import (
    Device,
    Identity,
    KeptPasskey,
    NameTakenError,
    PasskeyExistsError,
    PendingKind,
    ProviderLoginError,
    ProviderTrip,
)
from reporting.feed.stores import User


class MemoryLogins:
    """Part of `MemoryAccounts`."""

    users: dict[str, User]
    sessions: dict[str, tuple[str, datetime, datetime]]

    def __init__(self) -> None:
        self.agents: dict[str, tuple[str, str]] = {}
        self.kept_passkeys: list[KeptPasskey] = []
        self.pending: dict[str, tuple[PendingKind, dict[str, Any], datetime]] = {}
        self.accounts_of_provider: dict[tuple[str, str], str] = {}
        self.revoked = 0

    def devices(self, user_name: str | None) -> Sequence[Device]:
        return [
            Device(device_id(key), name, *self.agents[key], opened, seen, key)
            for key, (name, opened, seen) in self.sessions.items()
            if user_name in (None, name)
        ]

    def revoke_device(self, device_id_: str, user_name: str | None, at: datetime) -> str | None:
        for device in self.devices(user_name):
            if device.id == device_id_:
                del self.sessions[device.key]
                self.revoked += 1
                return device.user_name
        return None

    def revocations(self) -> int:
        return self.revoked

    def passkeys(self, user_name: str) -> Sequence[KeptPasskey]:
        return [one for one in self.kept_passkeys if one.user_name == user_name]

    def passkey(self, credential_id: bytes) -> KeptPasskey | None:
        return next((one for one in self.kept_passkeys if one.credential_id == credential_id), None)

    def add_passkey(self, passkey: KeptPasskey) -> int:
        if self.passkey(passkey.credential_id):
            raise PasskeyExistsError
        self.kept_passkeys.append(replace(passkey, id=len(self.kept_passkeys) + 1))
        return len(self.kept_passkeys)

    def passkey_used(self, passkey_id: int, *, was: int, sign_count: int, at: datetime) -> bool:
        kept = next(one for one in self.kept_passkeys if one.id == passkey_id)
        if kept.sign_count != was:
            return False
        self.kept_passkeys[self.kept_passkeys.index(kept)] = replace(kept, sign_count=sign_count, last_used_at=at)
        return True

    def remove_passkey(self, passkey_id: int, user_name: str) -> str | None:
        for one in self.passkeys(user_name):
            if one.id == passkey_id:
                self.kept_passkeys.remove(one)
                return one.name
        return None

    def keep_pending(self, digest: str, kind: PendingKind, data: Mapping[str, Any], until: datetime) -> None:
        self.pending[digest] = (kind, dict(data), until)

    def take_pending(self, digest: str, kind: PendingKind, at: datetime) -> Mapping[str, Any] | None:
        found = self.pending.get(digest)
        if found is None or found[0] != kind:
            return None
        del self.pending[digest]
        return found[1] if at < found[2] else None

    def user_of(self, identity: Identity) -> str:
        account = (identity.issuer, identity.subject)
        name = self.accounts_of_provider.get(account, identity.name)
        if account not in self.accounts_of_provider and name in self.users:
            raise NameTakenError
        self.accounts_of_provider[account] = name
        self.users[name] = replace(self.users.get(name, User(name, identity.role, "")), role=identity.role)
        return name


def device_id(key: str) -> str:
    return key[:32]


class MemoryProvider:
    """A provider that vouches for `identity`, or has `trouble`."""

    def __init__(self, role: Role = "doctor") -> None:
        self.identity = Identity("https://login.example", "subject-1", "anna", role)
        self.trouble: ProviderLoginError | None = None
        self.trips: list[ProviderTrip] = []
        self.finished: list[tuple[ProviderTrip, str]] = []

    def begin(self) -> ProviderTrip:
        self._answer()
        number = len(self.trips)
        trip = ProviderTrip(f"https://login.example/?n={number}", f"state-{number}", f"nonce-{number}", "verifier")
        self.trips.append(trip)
        return trip

    def finish(self, trip: ProviderTrip, code: str) -> Identity:
        self._answer()
        self.finished.append((trip, code))
        return self.identity

    def _answer(self) -> None:
        if self.trouble is not None:
            raise self.trouble
