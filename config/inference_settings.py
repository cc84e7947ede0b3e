"""The section `inference`: which engine reads, and how a remote one is called."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from config.values import Seconds, Section

_MODEL_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def split_engine_url(url: str) -> tuple[str, str, bool]:
    """Take grpc://host:port/model (grpcs:// for TLS) apart: (host:port, model, TLS). Raises ValueError."""
    example = "write grpc://HOST:PORT/MODEL, or grpcs:// for TLS"
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("grpc", "grpcs") or not parts.hostname or not port or "@" in parts.netloc:
        raise ValueError(f"INFERENCE__URL is no address of a remote engine: {example}")
    model = parts.path.removeprefix("/")
    if parts.query or parts.fragment or not _MODEL_NAME.fullmatch(model):
        raise ValueError(f"INFERENCE__URL has to end in the name of the model: {example}")
    return parts.netloc, model, parts.scheme == "grpcs"


class EngineTlsSettings(Section):
    """TLS to a remote engine (grpcs://): who signs its certificate, and ours for when it asks for one."""

    ca: Path | None = None
    """None: the usual authorities."""
    certificate: Path | None = None
    key: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> EngineTlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                "INFERENCE__TLS__CERTIFICATE and INFERENCE__TLS__KEY belong together: give both or neither"
            )
        return self


class InferenceSettings(Section):
    """Which engine reads the images."""

    engine: Literal["embedded", "remote"] = "embedded"
    url: str | None = None
    fallback_minutes: Annotated[float, Field(ge=0)] | None = None
    """How long the remote engine may be unusable before the embedded one reads (minutes); None: for ever."""
    timeout_seconds: Seconds = 300
    """For one image, everything included; then the process that reads it is ended."""
    deadline_seconds: Seconds = 30
    """For one exchange with the remote engine, repetitions included."""
    first_retry_seconds: Seconds = 5
    longest_retry_seconds: Seconds = 60
    tls: EngineTlsSettings = EngineTlsSettings()
    token_file: Path | None = None
    """Its content is sent along as a bearer token."""

    @model_validator(mode="after")
    def _remote_is_complete(self) -> InferenceSettings:
        if self.engine == "remote" and self.url is None:
            raise ValueError("INFERENCE__ENGINE=remote needs INFERENCE__URL: write grpc://HOST:PORT/MODEL")
        if self.url is None:
            return self
        _, _, secure = split_engine_url(self.url)
        if not secure and (self.token_file or self.tls.ca or self.tls.certificate):
            raise ValueError(
                "INFERENCE__TOKEN_FILE and INFERENCE__TLS would go unused or in the clear with grpc://: write grpcs:// "
                "in INFERENCE__URL, or take them out"
            )
        if self.engine == "remote" and self.deadline_seconds >= self.timeout_seconds:
            raise ValueError("INFERENCE__DEADLINE_SECONDS has to be below INFERENCE__TIMEOUT_SECONDS")
        return self
