"""The audit trail to syslog, as the settings have it: one of the working processes sends it."""

from __future__ import annotations

import threading

from config.settings import SyslogSettings
from gateway.audit.message import AuditSource
from gateway.audit.sending import AuditSender
from gateway.audit.syslog import DatagramSyslog, StreamSyslog, Syslog, tls_context
from gateway.parts import Parts
from gateway.processes.sources import KeptPosition
from gateway.processes.stopping import StartRefused

# No source can have this name: theirs hold no colon.
SYSLOG_POSITION = "syslog:audit"
_POLL_SECONDS = 1.0


def send_audit_trail(parts: Parts, worker: str, stop: threading.Event) -> threading.Thread | None:
    """Start what sends the audit trail; None where no server is set.

    Raises:
        StartRefused: a file for TLS can't be used.

    """
    section = parts.settings.audit.syslog
    if section.host is None:
        return None
    source = AuditSource(parts.settings.resolved_node, parts.settings.dicom.ae_title)
    position = KeptPosition(parts.database, SYSLOG_POSITION, worker)
    sender = AuditSender(parts.database, position, _syslog(section, section.host), source)
    thread = threading.Thread(
        target=sender.run, args=(stop, _POLL_SECONDS, section.retry_seconds), name="audit", daemon=True
    )
    thread.start()
    return thread


def _syslog(section: SyslogSettings, host: str) -> Syslog:
    if section.transport == "udp":
        return DatagramSyslog(host, section.port)
    if section.transport == "tcp":
        return StreamSyslog(host, section.port, None)
    files = [None if path is None else str(path) for path in (section.ca, section.certificate, section.key)]
    try:
        context = tls_context(*files, check_name=section.check_name)
    except OSError as error:
        raise StartRefused(
            f"the files of audit.syslog can't be used ({error}): give PEM files that this user may read"
        ) from None
    return StreamSyslog(host, section.port, context)
