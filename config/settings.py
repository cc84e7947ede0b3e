"""Typed settings: `mammogate.toml`, each key overridable by environment (`MAMMOGATE_` + section + `__` + key)."""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

ReportKindName = Literal["mammography_cad_sr", "measurement_report", "presentation_state", "summary_image"]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _ae_title(value: str) -> str:
    # PS3.5 table 6.2-1, VR AE: 16 bytes, no backslash or control characters, not only spaces.
    title = value.strip()
    if not title or len(title) > 16 or "\\" in title or not title.isprintable() or not title.isascii():
        raise ValueError("an AE title has 1 to 16 printable ASCII characters and no backslash (PS3.5 6.2)")
    return title


AeTitle = Annotated[str, AfterValidator(_ae_title)]


def _node(value: str) -> str:
    # It is part of file names, and of names of 64 characters in the database ("receive-12@" goes before it).
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}", value):
        raise ValueError(
            f"{value!r} can't name this machine: set NODE to 1 to 48 letters, digits, dots, hyphens or underscores, "
            "another one on each machine"
        )
    return value


class Section(BaseModel):
    """A section of the settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RequestorTlsSettings(Section):
    """TLS where we call a DICOM node (PS3.15 B.12): whose certificate it has to show, and ours for when it asks."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    check_name: bool = True
    """Whether its certificate has to name the host that is called."""

    @model_validator(mode="after")
    def _complete(self) -> RequestorTlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: give both or neither")
        return self


class Peer(Section):
    """One allowed sender: its AE title, the networks that it may call from, and where it listens itself."""

    ae_title: AeTitle
    addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    max_associations: Annotated[int, Field(ge=1)] | None = None
    """How many of its associations may be open at once in one receiving process; without it only the limit for all
    counts (100, in one receiving process too)."""
    host: str | None = None
    """Where storage commitment reports go; None: the address that it called from."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """None: it is told nothing, so its requests for storage commitment are refused."""
    tls: RequestorTlsSettings | None = None
    """How storage commitment reports are sent to it; None: without TLS."""

    @model_validator(mode="after")
    def _tls_has_a_use(self) -> Peer:
        if self.tls and self.port is None:
            raise ValueError(
                f"{self.ae_title}: tls is for reports that we send: give its entry the port where it listens too"
            )
        return self


class DicomTlsSettings(Section):
    """TLS at the DICOM port (PS3.15 B.12): on when there is a certificate."""

    certificate: Path | None = None
    key: Path | None = None
    peer_ca: Path | None = None
    """The authority whose certificates senders have to show."""
    allow_unauthenticated_peers: bool = False

    @model_validator(mode="after")
    def _complete(self) -> DicomTlsSettings:
        if (self.certificate is None) != (self.key is None):
            there, missing = ("CERTIFICATE", "KEY") if self.key is None else ("KEY", "CERTIFICATE")
            raise ValueError(f"DICOM__TLS__{there} is set, so DICOM__TLS__{missing} has to be set too")
        if self.certificate is None and (self.peer_ca or self.allow_unauthenticated_peers):
            raise ValueError(
                "TLS is off without a certificate: set DICOM__TLS__CERTIFICATE and DICOM__TLS__KEY, or take the other "
                "settings of DICOM__TLS out"
            )
        if self.certificate and self.peer_ca is None and not self.allow_unauthenticated_peers:
            raise ValueError(
                "DICOM__TLS__PEER_CA must name the authority that signs the senders' certificates (or set "
                "DICOM__TLS__ALLOW_UNAUTHENTICATED_PEERS=true to accept senders without a certificate)"
            )
        return self


class DicomSettings(Section):
    """The DICOM port that X-ray machines and PACS send to."""

    host: str = "127.0.0.1"
    port: Port = 11112
    ae_title: AeTitle = "MAMMOGATE"
    processes: Annotated[int, Field(ge=1, le=32)] = 1
    """How many receiving processes share the port. Limits of associations count in each of them."""
    allowed_peers: tuple[Peer, ...] = ()
    allow_any_peer: bool = False
    tls: DicomTlsSettings = DicomTlsSettings()

    @model_validator(mode="after")
    def _one_port_for_all(self) -> DicomSettings:
        if self.processes > 1 and self.port == 0:
            raise ValueError("DICOM__PROCESSES above 1 needs a fixed port: set DICOM__PORT to the one that they share")
        return self

    @model_validator(mode="after")
    def _closed_unless_told_otherwise(self) -> DicomSettings:
        if not self.allowed_peers and not self.allow_any_peer and not is_loopback(self.host):
            raise ValueError(
                f"DICOM__HOST={self.host} is reachable from the network, so DICOM__ALLOWED_PEERS must name the senders "
                "(or set DICOM__ALLOW_ANY_PEER=true to accept anybody)"
            )
        return self


class HttpSettings(Section):
    """The HTTP port of the feed."""

    host: str = "127.0.0.1"
    port: Port = 8080
    metrics_open: bool = False
    """/metrics is served without login; it holds counts, scores by source and names of sources, no patients."""
    secure_cookies: bool = True
    session_hours: Annotated[float, Field(gt=0, le=168)] = 12
    idle_minutes: Annotated[float, Field(gt=0, le=1440)] = 30


class StudySettings(Section):
    """When a study counts as complete."""

    settle_seconds: Seconds = 10
    quiet_seconds: Seconds = 120


class InferenceSettings(Section):
    """Which engine reads the images."""

    engine: Literal["embedded", "remote"] = "embedded"
    url: str | None = None
    fallback_minutes: Annotated[float, Field(ge=0)] | None = None
    timeout_seconds: Seconds = 300

    @model_validator(mode="after")
    def _only_what_exists(self) -> InferenceSettings:
        if self.engine == "remote":
            raise ValueError("INFERENCE__ENGINE=remote is not available in this version: use embedded")
        return self


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


class RetentionSettings(Section):
    """When the images of a reported study are deleted here; without an age they never are."""

    after_days: Annotated[float, Field(gt=0)] | None = None
    """How long after the last image of the study came (days)."""
    pacs_has_its_own_copy: bool = False
    """The site has made sure that the PACS gets every image by another way than through us."""


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


class Settings(Section):
    """Everything that a site can set."""

    data_dir: Path = Path("data")
    database_url: str | None = None
    node: Annotated[str, AfterValidator(_node)] | None = None
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
    site: SiteSettings = SiteSettings()
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

    @field_validator("database_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("use postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, or sqlite:///PATH")
        return value

    @model_validator(mode="after")
    def _this_machine_has_a_name(self) -> Settings:
        _node(self.resolved_node)
        return self

    @property
    def resolved_node(self) -> str:
        """The name of this machine: what was set, or its host name."""
        return self.node or socket.gethostname()

    @property
    def resolved_database_url(self) -> str:
        """The SQLAlchemy URL: what was set, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'mammogate.sqlite').resolve()}"
