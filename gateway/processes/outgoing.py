"""The destinations of the settings, opened."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import structlog

from config.settings import DestinationSettings, RequestorTlsSettings, Settings
from dicom_node.archive_query import ArchiveQuery, DicomArchive
from dicom_node.destination import CanDelete, Destination, DicomDestinationSettings, HttpDestinationSettings
from dicom_node.orthanc_archive import OrthancArchive
from dicom_node.orthanc_destination import OrthancDestination
from dicom_node.storage_scu import DicomDestination
from dicom_node.stow_destination import StowDestination
from dicom_node.tls import TlsUnusable
from gateway.processes.passwords import read_password
from gateway.processes.stopping import StartRefused
from gateway.requestor_tls import requestor_tls


def open_destinations(settings: Settings) -> Mapping[str, Destination]:
    """Return the destinations by name; nothing is connected yet."""
    return {item.name: open_destination(item, settings.dicom.ae_title) for item in settings.destinations}


def open_deletable(settings: Settings) -> Mapping[str, CanDelete]:
    """Return the destinations from which earlier objects are withdrawn by deleting them."""
    return {item.name: _orthanc(item) for item in settings.destinations if item.withdraw == "orthanc"}


def open_archives(settings: Settings) -> Mapping[str, ArchiveQuery]:
    """Return the destinations that can confirm what they hold."""
    return {
        item.name: DicomArchive(_dicom(item, settings.dicom.ae_title))
        if item.kind == "dicom"
        else OrthancArchive(_http(item))
        for item in settings.destinations
        if item.confirms
    }


def open_destination(item: DestinationSettings, calling_ae_title: str) -> Destination:
    """Return one destination.

    Raises:
        StartRefused: its password file can't be read, or TLS can't be used as configured.

    """
    log = structlog.get_logger("destination")
    if item.kind == "dicom":
        return DicomDestination(_dicom(item, calling_ae_title), log)
    return _orthanc(item) if item.kind == "orthanc" else StowDestination(_http(item), log)


def _dicom(item: DestinationSettings, calling_ae_title: str) -> DicomDestinationSettings:
    return DicomDestinationSettings(
        name=item.name,
        host=item.host or "",
        port=item.port or 0,
        ae_title=item.ae_title or "",
        calling_ae_title=calling_ae_title,
        tls=_tls(item.name, item.tls),
    )


def _tls(name: str, tls: RequestorTlsSettings | None) -> ssl.SSLContext | None:
    try:
        return requestor_tls(tls)
    except TlsUnusable as error:
        raise StartRefused(f"destination {name}: {error}") from None


def _orthanc(item: DestinationSettings) -> OrthancDestination:
    return OrthancDestination(_http(item), structlog.get_logger("destination"))


def _http(item: DestinationSettings) -> HttpDestinationSettings:
    return HttpDestinationSettings(
        name=item.name,
        url=item.url or "",
        username=item.username,
        password=read_password(item),
    )
