"""What sections of the settings are made of: their base, and values that several of them use."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ReportKindName = Literal["mammography_cad_sr", "measurement_report", "presentation_state", "summary_image"]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A section of the settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


def _fingerprint(value: str) -> str:
    digits = value.replace(":", "").strip().upper()
    if not re.fullmatch(r"[0-9A-F]{64}", digits):
        raise ValueError("a certificate's fingerprint is its SHA-256, 64 hexadecimal digits, as `make apk` prints it")
    return ":".join(digits[at : at + 2] for at in range(0, 64, 2))


CertificateFingerprint = Annotated[str, AfterValidator(_fingerprint)]
"""SHA-256 of a certificate, with or without colons; kept as `AA:BB:...`."""


def node_name(value: str) -> str:
    # It is part of file names, and of names of 64 characters in the database ("receive-12@" goes before it).
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}", value):
        raise ValueError(
            f"{value!r} can't name this machine: set NODE to 1 to 48 letters, digits, dots, hyphens or underscores, "
            "another one on each machine"
        )
    return value
