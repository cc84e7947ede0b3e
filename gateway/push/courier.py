"""One message to one browser: encrypted for it (RFC 8291), signed by us (RFC 8292), posted to its push service."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import httpcore

from gateway.push.endpoints import EndpointRefused, open_pool, origin_of
from gateway.push.vapid_key import VapidKey

TTL_SECONDS: Final = 12 * 3600
"""How long a push service keeps a message for a phone that is off: what is older is in the list anyway."""
PADDED_BYTES: Final = 96
"""All messages are as long: a push service can't tell the level by the length."""
_TIMEOUT: Final = {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 5.0}
_OK: Final = range(200, 300)
_GONE: Final = (404, 410)
# Too many, or something of the service's own; anything else stays as it is however often it is tried.
_AGAIN: Final = (408, 425, 429)


@dataclass(frozen=True)
class Addressee:
    """A browser, as its push service knows it; `p256dh` and `auth` in base64url."""

    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True)
class Sent:
    """The push service has taken the message."""


@dataclass(frozen=True)
class Gone:
    """The subscription is over (RFC 8030, 7.3): nobody must send to it again."""


@dataclass(frozen=True)
class Refused:
    """It will not be taken, however often it is tried."""

    reason: str


@dataclass(frozen=True)
class Failed:
    """It was not taken now."""

    reason: str


Outcome = Sent | Gone | Refused | Failed


class Courier:
    """Thread safe; `send` blocks for some seconds where a service hangs. Needs the extra `push`."""

    def __init__(self, key: VapidKey, contact: str, also_allowed: Collection[str] = ()) -> None:
        self._key = key
        self._contact = contact
        self._also_allowed = tuple(also_allowed)

    def send(self, to: Addressee, level: str) -> Outcome:
        """Tell that there is something of this attention. The message says nothing of whom it is about."""
        from pywebpush import WebPusher, WebPushException

        try:
            keys = {"p256dh": to.p256dh, "auth": to.auth}
            body = WebPusher({"endpoint": to.endpoint, "keys": keys}).encode(message(level))["body"]
            headers: dict[bytes | str, bytes | str] = {
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(TTL_SECONDS),
                "Urgency": "high",  # of every message: it would tell the level otherwise
                "Authorization": self._authorization(origin_of(to.endpoint)),
            }
            with open_pool(to.endpoint, self._also_allowed) as pool:
                extensions = {"timeout": _TIMEOUT}
                # The answer's body is not read: whoever sends it could go on for ever.
                with pool.stream(
                    "POST", to.endpoint, headers=headers, content=bytes(body), extensions=extensions
                ) as answer:
                    return _outcome(answer.status)
        except EndpointRefused as refusal:
            return Refused(str(refusal))
        except (WebPushException, ValueError) as error:
            return Refused(f"its keys can't be used ({type(error).__name__})")
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            return Failed(f"the push service can't be reached ({type(error).__name__})")

    def _authorization(self, audience: str) -> str:
        from py_vapid import Vapid02

        claims = {"aud": audience, "sub": self._contact, "exp": int(time.time()) + TTL_SECONDS}
        return str(Vapid02.from_pem(self._key.private).sign(claims)["Authorization"])


def message(level: str) -> bytes:
    """Return what is encrypted: version, something random, the level; blanks behind it up to `PADDED_BYTES`."""
    text = json.dumps({"v": 1, "t": secrets.token_hex(16), "u": level}, separators=(",", ":"))
    return text.ljust(PADDED_BYTES).encode()


def _outcome(status: int) -> Outcome:
    if status in _OK:
        return Sent()
    if status in _GONE:
        return Gone()
    reason = f"the push service answered {status}"
    return Failed(reason) if status in _AGAIN or status >= 500 else Refused(reason)
