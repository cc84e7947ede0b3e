"""What of the feed can be set."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from reporting.feed.stores import LoginLimits

ALWAYS_OPEN: tuple[str, ...] = (
    "/healthz",
    "/readyz",
    "/api/v1/auth/login",
    "/api/v1/auth/methods",
    "/api/v1/auth/oidc/start",
    "/api/v1/auth/oidc/callback",
    "/api/v1/auth/passkey/challenge",
    "/api/v1/auth/passkey/login",
)
"""The ways in cannot ask for a login themselves; all of them count attempts."""


@dataclass(frozen=True)
class FeedSettings:
    """Every value has a default that is safe in a hospital."""

    version: str = "0"
    """The software's version, shown in the API's description."""
    secure_cookies: bool = True
    """True: cookie `__Host-mammogate`, for TLS only. Browsers that count loopback as trustworthy (Chromium) take it
    there over plain HTTP too; Safari and HTTP libraries do not, and programs had better use a token anyway.
    False: cookie `mammogate` without Secure, for loopback and tests without TLS."""
    session_lifetime: timedelta = timedelta(hours=12)
    session_idle: timedelta = timedelta(minutes=30)
    login_limits: LoginLimits = field(default_factory=LoginLimits)
    public_url: str | None = None
    """Scheme, host and port under which browsers reach us; passkeys are bound to it, and there are none without."""
    pending_lifetime: timedelta = timedelta(minutes=10)
    """How long the two steps of a login with a passkey or a provider may take."""
    allowed_origins: tuple[str, ...] = ()
    """Origins (`https://reading.example.org`) from which a browser may post besides our own; needed only when a
    proxy in front rewrites the Host header."""
    open_paths: tuple[str, ...] = ()
    """Paths served without login besides `ALWAYS_OPEN`; one that ends with `/` (not `/` itself) opens all below it."""
    heartbeat: timedelta = timedelta(seconds=15)
    event_poll: timedelta = timedelta(seconds=1)
    max_event_streams: int = 500
    """Live connections to one process; more are answered with 503."""
    max_event_streams_each: int = 20
    """Of them of one user, so that nobody takes everybody's places."""

    @property
    def cookie_name(self) -> str:
        return "__Host-mammogate" if self.secure_cookies else "mammogate"

    @property
    def pending_cookie_name(self) -> str:
        """The cookie that binds the two steps of a login to one browser."""
        return f"{self.cookie_name}-login"

    def is_open(self, path: str) -> bool:
        """Return whether a path is served without login."""
        if path in ALWAYS_OPEN or path in self.open_paths:
            return True
        return any(len(prefix) > 1 and prefix.endswith("/") and path.startswith(prefix) for prefix in self.open_paths)
