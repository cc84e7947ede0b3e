"""TLS for calling a DICOM node: from the settings to what an association is opened with."""

from __future__ import annotations

import ssl

from config.settings import RequestorTlsSettings
from dicom_node.tls import requestor_context


def requestor_tls(settings: RequestorTlsSettings | None) -> ssl.SSLContext | None:
    """Return the context for a node with these settings; None: it is called without TLS.

    Raises:
        TlsUnusable: the files can't be used.

    """
    if settings is None:
        return None
    return requestor_context(settings.ca, settings.certificate, settings.key, check_name=settings.check_name)
