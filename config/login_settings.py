"""The section `http.oidc`: logging in with the hospital's own accounts (OpenID Connect)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from config.values import Section, is_loopback

RoleName = Literal["doctor", "radiologist", "admin", "operator", "uploader"]


def _over_tls(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname and is_loopback(parts.hostname):
        return url
    raise ValueError(f"{url}: write https://HOST; http:// is for this machine itself only")


def _origin(url: str) -> str:
    url = _over_tls(url)
    parts = urlsplit(url)
    if parts.path.rstrip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{url}: write scheme, host and port only, for example https://mammogate.hospital")
    return f"{parts.scheme}://{parts.netloc.lower()}"


HttpsUrl = Annotated[str, AfterValidator(_over_tls)]
Origin = Annotated[str, AfterValidator(_origin)]
"""Scheme, host and port (RFC 6454); over TLS, or of this machine itself."""


class RoleMapping(Section):
    """What a value of the provider's role claim means here."""

    value: Annotated[str, Field(min_length=1)]
    role: RoleName


class OidcSettings(Section):
    """The hospital's OpenID provider; without an issuer there is none."""

    issuer: HttpsUrl | None = None
    """As the provider writes it itself; its settings are read from `/.well-known/openid-configuration` below it."""
    client_id: Annotated[str, Field(min_length=1)] | None = None
    client_secret_file: Path | None = None
    scope: str = "openid profile"
    name_claim: Annotated[str, Field(min_length=1)] = "preferred_username"
    role_claim: Annotated[str, Field(min_length=1)] = "roles"
    """A claim that is a text or a list of texts; `a.b` is the claim b within the claim a."""
    roles: tuple[RoleMapping, ...] = ()
    """The first entry that a person's claim has is their role; who has none is refused."""
    ca: Path | None = None
    """Who signs the provider's certificate; None: the usual authorities."""

    @model_validator(mode="after")
    def _complete(self) -> OidcSettings:
        if self.issuer is None:
            if self.client_id or self.client_secret_file or self.roles:
                raise ValueError("HTTP__OIDC__ISSUER names the provider: set it, or take the rest of HTTP__OIDC out")
            return self
        if self.client_id is None or self.client_secret_file is None:
            raise ValueError(
                "HTTP__OIDC__CLIENT_ID and HTTP__OIDC__CLIENT_SECRET_FILE are both needed: the provider gives id and "
                "secret when mammogate is registered there as a confidential client"
            )
        if not self.roles:
            raise ValueError(
                "HTTP__OIDC__ROLES is empty, so nobody could log in: say which value of the claim is which role, for "
                'example [{ value = "mammo-doctors", role = "doctor" }]'
            )
        if "openid" not in self.scope.split():
            raise ValueError("HTTP__OIDC__SCOPE has to hold openid")
        return self
