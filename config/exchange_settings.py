"""The entries of `destinations` and `sources`: where reports go, and whose changes are followed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, model_validator

from config.dicom_settings import RequestorTlsSettings
from config.values import AeTitle, Port, ReportKindName, Seconds, Section


class HttpPeer(Section):
    """A server that we log in to; `url` never holds user and password, since it is shown to operators and in logs."""

    url: str | None = None
    username: str | None = None
    password_file: Path | None = None
    password: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _login_out_of_the_url(cls, values: Any) -> Any:
        """Take `user:password@` out of the URL (RFC 3986 3.2.1), where people may well write it."""
        url = values.get("url") if isinstance(values, dict) else None
        if not isinstance(url, str) or "@" not in urlsplit(url).netloc:
            return values
        parts = urlsplit(url)
        login, _, address = parts.netloc.rpartition("@")
        username, _, password = login.partition(":")
        taken = {"username": unquote(username), "password": unquote(password)}
        return {**taken, **values, "url": urlunsplit(parts._replace(netloc=address))}


class DestinationSettings(HttpPeer):
    """One place that reports go to."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
    kind: Literal["dicom", "orthanc", "stow"]
    host: str | None = None
    port: Port | None = None
    ae_title: AeTitle | None = None
    reports: tuple[ReportKindName, ...] = (
        "mammography_cad_sr",
        "measurement_report",
        "presentation_state",
        "summary_image",
    )
    dialect: Literal["SCT", "SRT"] = "SCT"
    forward_images: bool = False
    withdraw: Literal["note", "orthanc", "none"] = "none"
    tls: RequestorTlsSettings | None = None
    confirms: Literal["query"] | None = None
    """How this archive confirms that it holds a forwarded object; without it, storage commitment can't rest on it."""

    @model_validator(mode="after")
    def _has_an_address(self) -> DestinationSettings:
        if self.kind == "dicom" and not (self.host and self.port and self.ae_title):
            raise ValueError(f"destination {self.name}: kind dicom needs host, port and ae_title")
        if self.kind != "dicom" and not self.url:
            raise ValueError(f"destination {self.name}: kind {self.kind} needs url")
        if self.kind != "dicom" and self.tls:
            raise ValueError(
                f"destination {self.name}: tls is for kind dicom; for kind {self.kind} write https:// in url"
            )
        if self.withdraw == "orthanc" and self.kind != "orthanc":
            raise ValueError(f"destination {self.name}: withdraw=orthanc needs kind orthanc")
        return self

    @model_validator(mode="after")
    def _can_confirm(self) -> DestinationSettings:
        if self.confirms and not self.forward_images:
            raise ValueError(f"destination {self.name}: confirms needs forward_images=true")
        if self.confirms and self.kind == "stow":
            raise ValueError(f"destination {self.name}: confirms=query needs kind dicom or orthanc")
        return self


class SourceSettings(HttpPeer):
    """An Orthanc whose changes are followed."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]
    kind: Literal["orthanc"] = "orthanc"
    url: str
    interval_seconds: Seconds = 5
