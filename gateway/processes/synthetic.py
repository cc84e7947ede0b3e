"""The synthetic study as the settings want it: when, through which port, and under which name."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import structlog

from config.settings import Settings
from dicom_node.destination import DicomDestinationSettings, Outcome
from dicom_node.storage_scu import send_files
from dicom_node.tls import TlsUnusable
from gateway.parts import Parts
from gateway.processes.stopping import StartRefused
from gateway.processes.synthetic_peer import AE_TITLE, as_address
from gateway.requestor_tls import requestor_tls
from gateway.synthetic.rounds import SyntheticRounds

_LOOK_SECONDS: Final = 2.0


def send_synthetic_studies(parts: Parts, stop: threading.Event) -> None:
    """Start what sends them; nothing where they are off.

    Raises:
        StartRefused: TLS can't be used as configured.

    """
    section = parts.settings.synthetic
    if section.every_minutes is None:
        return
    rounds = SyntheticRounds(
        parts.database,
        parts.folders,
        parts.jobs,
        _sender(parts.settings),
        every=timedelta(minutes=section.every_minutes),
        within=timedelta(minutes=section.within_minutes),
        keep=timedelta(hours=section.keep_hours),
    )
    threading.Thread(target=rounds.run, args=(stop, _LOOK_SECONDS), name="synthetic", daemon=True).start()


def _sender(settings: Settings) -> _Sender:
    try:
        tls = requestor_tls(settings.synthetic.tls.as_requestor)
    except TlsUnusable as error:
        raise StartRefused(f"the synthetic study: {error}") from None
    return _Sender(
        DicomDestinationSettings(
            name="synthetic",
            host=settings.synthetic.host or _on_this_machine(settings.dicom.host),
            port=settings.synthetic.port or settings.dicom.port,
            ae_title=settings.dicom.ae_title,
            calling_ae_title=AE_TITLE,
            tls=tls,
        )
    )


class _Sender:
    def __init__(self, port: DicomDestinationSettings) -> None:
        self._port = port

    def __call__(self, paths: Sequence[Path]) -> dict[Path, Outcome]:
        return send_files(self._port, paths, structlog.get_logger("synthetic"))


def _on_this_machine(host: str) -> str:
    """The address at which a port is called that listens on `host`."""
    if as_address(host) and ip_address(host).is_unspecified:
        return "::1" if ":" in host else "127.0.0.1"
    return host
