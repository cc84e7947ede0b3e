"""The section `audit`: where the audit trail is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.values import Port, Seconds, Section


class SyslogSettings(Section):
    """The syslog server that gets the audit trail (PS3.15 A.6, A.7); without a host nothing is sent."""

    host: str | None = None
    port: Annotated[Port, Field(ge=1)] = 6514
    transport: Literal["tls", "tcp", "udp"] = "tls"
    """tls: RFC 5425; tcp: RFC 6587 with octet counting; udp: RFC 5426, where a lost message stays lost."""
    ca: Path | None = None
    """Who signs the server's certificate; None: the usual authorities."""
    certificate: Path | None = None
    key: Path | None = None
    check_name: bool = True
    retry_seconds: Seconds = 10

    @model_validator(mode="after")
    def _complete(self) -> SyslogSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("AUDIT__SYSLOG__CERTIFICATE and AUDIT__SYSLOG__KEY belong together: give both or neither")
        if self.transport != "tls" and (self.ca or self.certificate):
            raise ValueError(
                "AUDIT__SYSLOG__CA and AUDIT__SYSLOG__CERTIFICATE are for AUDIT__SYSLOG__TRANSPORT=tls: set that, or "
                "take them out"
            )
        return self


class AuditSettings(Section):
    """The audit trail. It is always kept in the database."""

    syslog: SyslogSettings = SyslogSettings()
