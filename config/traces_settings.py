"""The section `traces`: where to send how long each step of a study took."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import model_validator

from config.values import Section


class TracesSettings(Section):
    """OpenTelemetry traces over OTLP/HTTP; off without an endpoint."""

    endpoint: str | None = None
    """The whole address: http://collector.hospital:4318/v1/traces."""
    ca: Path | None = None
    """Who signs the collector's certificate (PEM); None: the usual authorities."""
    token_file: Path | None = None
    """Its content is sent along as a bearer token, over https only."""

    @model_validator(mode="after")
    def _can_be_used(self) -> TracesSettings:
        if self.endpoint is None:
            return self
        try:
            parts = urlsplit(self.endpoint)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            usable = False
        if not usable or "@" in parts.netloc or len(parts.path) < 2:
            raise ValueError(
                "TRACES__ENDPOINT is no address of a collector: write http://HOST:4318/v1/traces, or https://, and a "
                "password, if any, into TRACES__TOKEN_FILE"
            )
        if parts.scheme == "http" and (self.token_file or self.ca):
            raise ValueError(
                "TRACES__TOKEN_FILE and TRACES__CA would go unused or in the clear with http://: write https:// in "
                "TRACES__ENDPOINT, or take them out"
            )
        return self
