"""Messages to phones: which devices are told, and from which attention on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from reporting.feed.schemas import Attention

Base64Url = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+={0,2}$", max_length=128)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PushKeys(_Answer):
    """The browser's keys (RFC 8291): its public point, and 16 random bytes."""

    p256dh: Base64Url
    auth: Base64Url


class NewSubscription(_Answer):
    """What the browser's Push API gave, and from which attention on its user wants to hear of a study."""

    endpoint: Annotated[str, Field(min_length=1, max_length=2048)]
    keys: PushKeys
    least_attention: Attention = "high"


class PushDevice(_Answer):
    """A device that is told. `id` is the SHA-256 of its endpoint, so that a browser knows which of them it is.

    `current`: switched on in the session that asks. A browser that finds itself with another one's does so again, so
    that its messages end with its newest login.
    """

    id: str
    device: str
    least_attention: Attention
    created_at: datetime
    current: bool


class PushState(_Answer):
    """Whether the gateway sends messages to this user, else why not; the key that browsers subscribe with."""

    available: bool
    why_not: str | None
    public_key: str | None
    devices: tuple[PushDevice, ...]
