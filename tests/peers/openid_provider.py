"""A real OpenID provider in a process of its own (oidc-provider-mock), and a browser that logs in there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import environment, stop


@dataclass
class OpenIdProvider:
    """Its `issuer` is what it calls itself."""

    port: int

    @property
    def issuer(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def vouch(self, url: str, subject: str) -> dict[str, str]:
        """Log in there as `subject`, at the address that the gateway leads to; return what it sends back."""
        answer = httpx.post(url, data={"sub": subject}, trust_env=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return dict(httpx.URL(answer.headers["location"]).params)


@contextmanager
def openid_provider(
    log: Path, users: Sequence[dict[str, Any]], *, token_seconds: int = 3600, port: int | None = None
) -> Iterator[OpenIdProvider]:
    """Each of `users` holds claims, the subject (`sub`) among them."""
    provider = OpenIdProvider(port or free_port())
    claims = [word for user in users for word in ("--user-claims", json.dumps(user))]
    options = ["--port", str(provider.port), "--require-nonce", "true", "--token-max-age", str(token_seconds)]
    command = [sys.executable, "-m", "oidc_provider_mock", *options, *claims]
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=environment(), stdout=written, stderr=written)
    try:
        _wait_until_it_answers(provider, log)
        yield provider
    finally:
        stop(process, seconds=20)


def _wait_until_it_answers(provider: OpenIdProvider, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{provider.issuer}/jwks", trust_env=False, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the provider did not start: {log.read_text(errors='replace')[-2000:]}")
