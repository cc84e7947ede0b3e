"""What login needs of the outside besides users and sessions: devices, passkeys, unfinished logins, a provider.

As in `reporting.feed.stores`, all methods may block and raise `StoreUnavailableError`. Secrets arrive as SHA-256
digests (hex) only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from reporting.feed.access import Role

PendingKind = Literal["oidc", "passkey_login", "passkey_registration"]


@dataclass(frozen=True)
class Device:
    """An open session, as people know it; `agent` is what its browser calls itself, `key` the session's digest."""

    id: str
    user_name: str
    agent: str
    address: str
    opened_at: datetime
    last_seen_at: datetime
    key: str


class DeviceStore(Protocol):
    def devices(self, user_name: str | None) -> Sequence[Device]:
        """Return the sessions that were not ended, of one user or (None) of everybody; the feed judges their age."""

    def revoke_device(self, device_id: str, user_name: str | None, at: datetime) -> str | None:
        """End the session of a device and return whose it was; None: there is none, or it is not that user's."""

    def revocations(self) -> int:
        """Return a number that is another one after anybody may have lost access: a session ended, a user disabled."""


@dataclass(frozen=True)
class KeptPasskey:
    """`credential_id`, `public_key` (COSE) and `user_handle` as the authenticator gave them (WebAuthn 4, 6)."""

    id: int
    user_name: str
    credential_id: bytes
    public_key: bytes
    sign_count: int
    user_handle: bytes
    name: str
    created_at: datetime
    last_used_at: datetime | None


class PasskeyExistsError(Exception):
    """This passkey is registered already."""


class PasskeyStore(Protocol):
    def passkeys(self, user_name: str) -> Sequence[KeptPasskey]: ...

    def passkey(self, credential_id: bytes) -> KeptPasskey | None: ...

    def add_passkey(self, passkey: KeptPasskey) -> int:
        """Keep a new passkey and return its id; its own `id` is ignored. Raises `PasskeyExistsError`."""

    def passkey_used(self, passkey_id: int, *, was: int, sign_count: int, at: datetime) -> bool:
        """Write the new sign count; False: it was not `was` any more, so somebody else used it at the same time."""

    def remove_passkey(self, passkey_id: int, user_name: str) -> str | None:
        """Remove a passkey of that user and return its name; None: there is none."""


class PendingStore(Protocol):
    def keep_pending(self, digest: str, kind: PendingKind, data: Mapping[str, Any], until: datetime) -> None:
        """Keep what the second step of a login needs; forget what is too old."""

    def take_pending(self, digest: str, kind: PendingKind, at: datetime) -> Mapping[str, Any] | None:
        """Return it, once; None when there is none of that kind or it is too old."""


@dataclass(frozen=True)
class Identity:
    """Whom the provider has vouched for."""

    issuer: str
    subject: str
    name: str
    role: Role


class NameTakenError(Exception):
    """A user of that name exists and is not this account of the provider."""


class IdentityStore(Protocol):
    def user_of(self, identity: Identity) -> str:
        """Return the name of the user of this account, made or given the provider's role now.

        A name once given stays. Raises `NameTakenError`.
        """


@dataclass(frozen=True)
class ProviderTrip:
    """A login that a browser is sent away for: where to, and what has to fit when it comes back (OIDC Core 3.1.2)."""

    url: str
    state: str
    nonce: str
    verifier: str


ProviderTrouble = Literal["provider_away", "provider_refused", "unknown_role", "no_name"]


class ProviderLoginError(Exception):
    """The provider vouched for nobody whom we know; `code` says why for programs, the text for operators' logs."""

    def __init__(self, code: ProviderTrouble, message: str) -> None:
        super().__init__(message)
        self.code = code


class IdentityProvider(Protocol):
    """The hospital's OpenID provider."""

    def begin(self) -> ProviderTrip:
        """Raises `ProviderLoginError`."""

    def finish(self, trip: ProviderTrip, code: str) -> Identity:
        """Return who logged in there. Raises `ProviderLoginError`."""
