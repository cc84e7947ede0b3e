"""The section `synthetic`: a made study that is sent through the gateway on a timer, to see whether it comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from config.dicom_settings import RequestorTlsSettings
from config.values import Port, Section


class SyntheticTlsSettings(Section):
    """For a DICOM port that speaks TLS: whose certificate it has to show, and ours as a sender (PEM)."""

    ca: Path | None = None
    """None: the port is called without TLS."""
    certificate: Path | None = None
    key: Path | None = None
    check_name: bool = True

    @property
    def as_requestor(self) -> RequestorTlsSettings | None:
        """As for any node that is called; None: without TLS."""
        if self.ca is None:
            return None
        return RequestorTlsSettings(ca=self.ca, certificate=self.certificate, key=self.key, check_name=self.check_name)

    @model_validator(mode="after")
    def _complete(self) -> SyntheticTlsSettings:
        if (self.certificate is None) != (self.key is None):
            raise ValueError(
                "SYNTHETIC__TLS__CERTIFICATE and SYNTHETIC__TLS__KEY belong together: give both or neither"
            )
        if self.certificate and self.ca is None:
            raise ValueError("SYNTHETIC__TLS__CERTIFICATE is of no use without SYNTHETIC__TLS__CA: set it too")
        return self


class SyntheticSettings(Section):
    """Off without `every_minutes`."""

    every_minutes: Annotated[float, Field(gt=0, le=10_080)] | None = None
    within_minutes: Annotated[float, Field(gt=0, le=1440)] = 15
    """How long its reports may take before somebody has to look."""
    keep_hours: Annotated[float, Field(gt=0, le=720)] = 24
    """Then it is erased."""
    host: str | None = None
    """Where the DICOM port is, as the worker sees it; None: on its own machine."""
    port: Port | None = None
    """None: `dicom.port`."""
    tls: SyntheticTlsSettings = SyntheticTlsSettings()
