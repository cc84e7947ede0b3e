"""What is said of ways to log in, of devices, and of passkeys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# Base64url without padding, as browsers write bytes in JSON (WebAuthn 5.1); nothing of it is longer than this.
Base64Url = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", min_length=1, max_length=32768)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoginMethods(_Answer):
    """How people can log in here."""

    password: Literal[True] = True
    oidc: bool
    passkey: bool


class About(_Answer):
    """What this software is."""

    version: str
    notice: str


class DeviceAnswer(_Answer):
    """A browser in which somebody is logged in; `current` is the one that asks. `user` is told to admins only."""

    id: str
    name: str
    user: str | None
    address: str
    first_seen_at: datetime
    last_seen_at: datetime
    current: bool


class DeviceList(_Answer):
    items: tuple[DeviceAnswer, ...]


class PasskeyAnswer(_Answer):
    id: int
    name: str
    created_at: datetime
    last_used_at: datetime | None


class PasskeyList(_Answer):
    items: tuple[PasskeyAnswer, ...]


class _FromBrowser(BaseModel):
    """What a browser made of a credential; what it adds beyond this is of no use here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class AttestationResponse(_FromBrowser):
    client_data: Annotated[Base64Url, Field(alias="clientDataJSON")]
    attestation: Annotated[Base64Url, Field(alias="attestationObject")]


class AssertionResponse(_FromBrowser):
    client_data: Annotated[Base64Url, Field(alias="clientDataJSON")]
    authenticator_data: Annotated[Base64Url, Field(alias="authenticatorData")]
    signature: Base64Url
    user_handle: Annotated[Base64Url | None, Field(alias="userHandle")] = None


class NewPasskey(_FromBrowser):
    """The answer of `navigator.credentials.create`, as RegistrationResponseJSON (WebAuthn 5.1.8.1)."""

    id: Base64Url
    type: Literal["public-key"]
    response: AttestationResponse


class ShownPasskey(_FromBrowser):
    """The answer of `navigator.credentials.get`, as AuthenticationResponseJSON (WebAuthn 5.1.8.2)."""

    id: Base64Url
    type: Literal["public-key"]
    response: AssertionResponse
