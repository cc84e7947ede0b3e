"""The audit trail on its way out: DICOM audit messages to a syslog server."""
