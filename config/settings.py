"""Typed settings: `mammogate.toml`, each key overridable by environment (`MAMMOGATE_` + section + `__` + key)."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from config.audit_settings import AuditSettings, SyslogSettings
from config.dicom_settings import DicomSettings, DicomTlsSettings, Peer, RequestorTlsSettings
from config.exchange_settings import DestinationSettings, HttpPeer, SourceSettings
from config.inference_settings import InferenceSettings
from config.login_settings import OidcSettings, Origin, RoleMapping
from config.push_settings import PushSettings
from config.synthetic_settings import SyntheticSettings
from config.traces_settings import TracesSettings
from config.values import (
    AeTitle,
    CertificateFingerprint,
    Port,
    ReportKindName,
    Seconds,
    Section,
    is_loopback,
    node_name,
)

__all__ = [
    "AeTitle",
    "AuditSettings",
    "CommitmentSettings",
    "DeliverySettings",
    "DestinationSettings",
    "DicomSettings",
    "DicomTlsSettings",
    "HttpPeer",
    "HttpSettings",
    "InferenceSettings",
    "OidcSettings",
    "Peer",
    "Port",
    "PushSettings",
    "ReportKindName",
    "RequestorTlsSettings",
    "RetentionSettings",
    "RoleMapping",
    "Seconds",
    "Section",
    "Settings",
    "SiteSettings",
    "SourceSettings",
    "StudySettings",
    "SyntheticSettings",
    "SyslogSettings",
    "TracesSettings",
    "UploadSettings",
    "is_loopback",
]


class HttpSettings(Section):
    """The HTTP port of the feed."""

    host: str = "127.0.0.1"
    port: Port = 8080
    metrics_open: bool = False
    """/metrics is served without login; it holds counts, scores by source and names of sources, no patients."""
    secure_cookies: bool = True
    session_hours: Annotated[float, Field(gt=0, le=168)] = 12
    idle_minutes: Annotated[float, Field(gt=0, le=1440)] = 30
    app_certificates: tuple[CertificateFingerprint, ...] = ()
    """Whose Android packages are our own app: SHA-256 of the certificates they are signed with."""
    public_url: Origin | None = None
    """Where people's browsers reach the gateway; passkeys and the hospital's accounts are bound to it."""
    oidc: OidcSettings = OidcSettings()

    @model_validator(mode="after")
    def _provider_knows_the_way_back(self) -> HttpSettings:
        if self.oidc.issuer and self.public_url is None:
            raise ValueError(
                "HTTP__OIDC needs HTTP__PUBLIC_URL, the address to which the provider sends people back: set it, for "
                "example to https://mammogate.hospital"
            )
        return self


class StudySettings(Section):
    """When a study counts as complete."""

    settle_seconds: Seconds = 10
    quiet_seconds: Seconds = 120


class SiteSettings(Section):
    """What the site has decided."""

    accepts_research_use: bool = False
    draw_without_asking: bool = False
    store_is_archive: bool = False
    """The data folder is the archive: storage commitment is answered from what lies in it."""


class DeliverySettings(Section):
    """How patiently reports are delivered to a destination that is away."""

    first_retry_seconds: Seconds = 5
    longest_retry_seconds: Seconds = 300
    give_up_hours: Annotated[float, Field(gt=0)] = 168


class CommitmentSettings(Section):
    """How patiently storage commitment waits: first for the archive to confirm, then for the requester to listen."""

    first_retry_seconds: Seconds = 5
    longest_retry_seconds: Seconds = 300
    give_up_hours: Annotated[float, Field(gt=0)] = 24


class UploadSettings(Section):
    """Uploads in pieces, from a health centre that has no DICOM line to us."""

    max_mib: Annotated[int, Field(ge=1)] = 2048
    """One upload, as it is sent (MiB)."""
    max_unpacked_mib: Annotated[int, Field(ge=1)] = 8192
    """What the zip files of one upload may unpack to, together (MiB)."""
    keep_hours: Annotated[float, Field(gt=0)] = 72
    """An unfinished upload is removed when nothing of it has come for so long."""


class RetentionSettings(Section):
    """When the images of a reported study are deleted here; without an age they never are."""

    after_days: Annotated[float, Field(gt=0)] | None = None
    """How long after the last image of the study came (days)."""
    pacs_has_its_own_copy: bool = False
    """The site has made sure that the PACS gets every image by another way than through us."""


class Settings(Section):
    """Everything that a site can set."""

    data_dir: Path = Path("data")
    database_url: str | None = None
    node: Annotated[str, AfterValidator(node_name)] | None = None
    """The name of this machine among those that share the database; None: its host name."""
    reserve_mib: Annotated[int, Field(ge=0)] = 512
    """Room that stays free on the disk of the data folder: below it, senders are answered 0xA700 (MiB)."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    dicom: DicomSettings = DicomSettings()
    http: HttpSettings = HttpSettings()
    study: StudySettings = StudySettings()
    inference: InferenceSettings = InferenceSettings()
    delivery: DeliverySettings = DeliverySettings()
    commitment: CommitmentSettings = CommitmentSettings()
    retention: RetentionSettings = RetentionSettings()
    upload: UploadSettings = UploadSettings()
    site: SiteSettings = SiteSettings()
    synthetic: SyntheticSettings = SyntheticSettings()
    traces: TracesSettings = TracesSettings()
    audit: AuditSettings = AuditSettings()
    push: PushSettings = PushSettings()
    destinations: tuple[DestinationSettings, ...] = ()
    sources: tuple[SourceSettings, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Settings:
        for what, names in (
            ("destination", [d.name for d in self.destinations]),
            ("source", [s.name for s in self.sources]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two entries of {what}s are called {twice[0]}: give each a name of its own")
        return self

    @model_validator(mode="after")
    def _one_archive(self) -> Settings:
        confirming = [item.name for item in self.destinations if item.confirms]
        if self.site.store_is_archive and confirming:
            raise ValueError(
                f"SITE__STORE_IS_ARCHIVE=true and confirms of destination {confirming[0]} are two answers to the same "
                "question, where the archive is: set one of them"
            )
        return self

    @model_validator(mode="after")
    def _images_are_elsewhere_before_they_go(self) -> Settings:
        if self.retention.after_days is None:
            return self
        if self.site.store_is_archive:
            raise ValueError(
                "RETENTION__AFTER_DAYS would delete images from what SITE__STORE_IS_ARCHIVE=true says is the archive: "
                "take one of them out"
            )
        confirming = [item.name for item in self.destinations if item.confirms]
        if not confirming and not self.retention.pacs_has_its_own_copy:
            raise ValueError(
                "RETENTION__AFTER_DAYS needs somebody who has the images: give the destination that they are forwarded "
                "to confirms=query, or set RETENTION__PACS_HAS_ITS_OWN_COPY=true if the PACS gets them by another way"
            )
        if confirming and self.retention.pacs_has_its_own_copy:
            raise ValueError(
                f"RETENTION__PACS_HAS_ITS_OWN_COPY=true and confirms of destination {confirming[0]} are two answers to "
                "the same question, who has the images: set one of them"
            )
        return self

    @model_validator(mode="after")
    def _the_synthetic_study_gets_in(self) -> Settings:
        if self.synthetic.every_minutes is None:
            return self
        if self.dicom.tls.certificate is not None and self.synthetic.tls.ca is None:
            raise ValueError(
                "SYNTHETIC__EVERY_MINUTES sends to a DICOM port that speaks TLS: set SYNTHETIC__TLS__CA, and "
                "SYNTHETIC__TLS__CERTIFICATE and SYNTHETIC__TLS__KEY, which the gateway shows there as a sender"
            )
        if self.dicom.port == 0 and self.synthetic.port is None:
            raise ValueError("SYNTHETIC__EVERY_MINUTES needs a fixed port: set DICOM__PORT")
        return self

    @field_validator("database_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("use postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, or sqlite:///PATH")
        return value

    @model_validator(mode="after")
    def _this_machine_has_a_name(self) -> Settings:
        node_name(self.resolved_node)
        return self

    @property
    def resolved_node(self) -> str:
        """The name of this machine: what was set, or its host name."""
        return self.node or socket.gethostname()

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL: what was set, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'mammogate.sqlite').resolve()}"
