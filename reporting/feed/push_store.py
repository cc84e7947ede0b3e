"""What the feed needs of the outside for messages to phones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reporting.feed.push_schemas import NewSubscription, PushDevice, PushState


class PushOffError(Exception):
    """No messages are sent to this user; the sentence says why."""


class SubscriptionUnusableError(Exception):
    """Messages may not go to this endpoint, or its keys are none; the sentence says why."""


class TooManyDevicesError(Exception):
    """The user has as many devices as one may have."""


@dataclass(frozen=True)
class Subscriber:
    """Who switches messages on, in which session, with which browser, and when."""

    name: str
    role: str
    session_digest: str
    device: str
    at: datetime


class PushStore(Protocol):
    """May block; called from many threads."""

    def state(self, name: str, role: str, session_digest: str | None) -> PushState:
        """Return whether this user can be told, and which of their devices are; those that were logged out are not."""

    def switch_on(self, subscription: NewSubscription, subscriber: Subscriber) -> PushDevice:
        """Keep the subscription, in place of an older one of the same browser.

        Raises:
            PushOffError: messages are off.
            SubscriptionUnusableError: nothing can be sent there.
            TooManyDevicesError: another device has to be switched off first.

        """

    def switch_off(self, name: str, device_id: str) -> bool:
        """Forget a device of this user; False when there is none of this id."""
