"""The hospital's OpenID provider over HTTP: discovery, code against token, and what the ID token says (Authlib)."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from config.settings import OidcSettings
from gateway.processes.passwords import first_line
from reporting.feed.access import Role
from reporting.feed.login_stores import Identity, ProviderLoginError, ProviderTrip

log = structlog.get_logger(__name__)
_TIMEOUT_SECONDS = 10.0
_DISCOVERED_FOR_SECONDS = 3600.0
_AWAY_FOR_SECONDS = 10.0
"""Who logs in so soon after the provider didn't answer is told so at once, instead of waiting in line for it."""
_LEEWAY_SECONDS = 60
_VERIFIER_LENGTH = 64  # RFC 7636 4.1: 43 to 128
_LONGEST_NAME = 64
# Signatures that a stolen client secret does not let anybody make (OIDC Core 3.1.3.7).
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")


@dataclass(frozen=True)
class _Discovered:
    metadata: Mapping[str, Any]
    at: float


@dataclass(frozen=True)
class _Failed:
    error: Exception
    at: float


class OidcProvider:
    """Implements `reporting.feed.login_stores.IdentityProvider`. Thread safe; all methods block.

    Nothing is asked of the provider before somebody logs in, so it may be away when the gateway starts.
    """

    def __init__(self, settings: OidcSettings, callback_url: str) -> None:
        """Raises `StartRefused`: the file with the client's secret can't be read."""
        if settings.issuer is None:
            raise ValueError("there is no issuer in these settings")
        self._issuer = settings.issuer
        self._settings = settings
        self._callback_url = callback_url
        self._secret = first_line(settings.client_secret_file, "the client secret")
        self._verify = _trust(settings.ca)
        self._lock = threading.Lock()
        self._discovered: _Discovered | None = None
        self._failed: _Failed | None = None

    def begin(self) -> ProviderTrip:
        """Return where to send a browser. Raises `ProviderLoginError`."""
        endpoint = self._metadata()["authorization_endpoint"]
        nonce, verifier = generate_token(32), generate_token(_VERIFIER_LENGTH)
        with self._client() as client:
            url, state = client.create_authorization_url(
                endpoint, state=generate_token(32), nonce=nonce, code_verifier=verifier
            )
        return ProviderTrip(url, state, nonce, verifier)

    def finish(self, trip: ProviderTrip, code: str) -> Identity:
        """Return whom the provider vouches for. Raises `ProviderLoginError`."""
        metadata = self._metadata()
        try:
            with self._client() as client:
                token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=trip.verifier)
                answer = client.request("GET", metadata["jwks_uri"], withhold_token=True)
                keys = answer.raise_for_status().json()
        except OAuthError as error:
            raise ProviderLoginError("provider_refused", f"the provider refused the code: {error.error}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise _away(error) from error
        return self._identity(
            checked_claims(
                token.get("id_token"), keys, self._issuer, client_id=self._settings.client_id or "", nonce=trip.nonce
            )
        )

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        name = _at(claims, self._settings.name_claim)
        if not isinstance(name, str) or not 0 < len(name.strip()) <= _LONGEST_NAME:
            reason = f"the claim {self._settings.name_claim} holds no name of at most {_LONGEST_NAME} characters"
            raise ProviderLoginError("no_name", reason)
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ProviderLoginError("provider_refused", "the subject is no text of at most 255 characters")
        return Identity(self._issuer, subject, name.strip(), self._role(_at(claims, self._settings.role_claim)))

    def _role(self, claimed: Any) -> Role:
        values = [claimed] if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
        mapped = [entry.role for entry in self._settings.roles if entry.value in values]
        if not mapped:
            reason = f"no value of the claim {self._settings.role_claim} is in http.oidc.roles"
            raise ProviderLoginError("unknown_role", reason)
        return mapped[0]

    def _metadata(self) -> Mapping[str, Any]:
        """Return what the provider says of itself (OIDC Discovery 4), at most an hour old."""
        with self._lock:
            known, failed = self._discovered, self._failed
            if known is not None and time.monotonic() - known.at < _DISCOVERED_FOR_SECONDS:
                return known.metadata
            if failed is not None and time.monotonic() - failed.at < _AWAY_FOR_SECONDS:
                raise _away(failed.error)
            try:
                self._discovered = _Discovered(self._discover(), time.monotonic())
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                self._failed = _Failed(error, time.monotonic())
                raise _away(error) from error
            return self._discovered.metadata

    def _discover(self) -> Mapping[str, Any]:
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        with httpx.Client(timeout=_TIMEOUT_SECONDS, verify=self._verify) as client:
            metadata = client.get(address).raise_for_status().json()
        wanted = {key: metadata[key] for key in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        # Discovery 4.3: or another provider could pass for this one.
        if metadata.get("issuer") != self._issuer:
            reason = f"the provider calls itself {metadata.get('issuer')!r}: write that as http.oidc.issuer"
            raise ProviderLoginError("provider_refused", reason)
        return wanted

    def _client(self) -> OAuth2Client:
        return OAuth2Client(
            self._settings.client_id,
            self._secret,
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the name of a method
            scope=self._settings.scope,
            redirect_uri=self._callback_url,
            code_challenge_method="S256",
            timeout=_TIMEOUT_SECONDS,
            verify=self._verify,
        )


def checked_claims(id_token: Any, keys: Any, issuer: str, *, client_id: str, nonce: str) -> Mapping[str, Any]:
    """Return what an ID token says, after what OIDC Core 3.1.3.7 has one check: who signed it, when, for whom.

    `keys` is the provider's JSON Web Key Set (RFC 7517). Raises `ProviderLoginError`.
    """
    try:
        decoded = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=list(_ALGORITHMS))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={"iss": {"values": [issuer]}, "aud": {"values": [client_id]}},
            params={"nonce": nonce, "client_id": client_id},
        )
        claims.validate(leeway=_LEEWAY_SECONDS)
    except (JoseError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"the ID token is not good ({type(error).__name__}: {error})"
        raise ProviderLoginError("provider_refused", reason) from error
    return dict(claims)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim; `a.b` is b within a, unless there is a claim of just that name."""
    if path in claims:
        return claims[path]
    first, _, rest = path.partition(".")
    inner = claims.get(first)
    return _at(inner, rest) if rest and isinstance(inner, dict) else None


def _away(error: Exception) -> ProviderLoginError:
    return ProviderLoginError("provider_away", f"the provider does not answer as it should ({type(error).__name__})")


def _trust(ca: Path | None) -> ssl.SSLContext | bool:
    return True if ca is None else ssl.create_default_context(cafile=str(ca))
