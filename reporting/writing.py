"""A finished report as the bytes of a DICOM file (PS3.10 section 7)."""

from __future__ import annotations

import warnings
from io import BytesIO

from pydicom.filewriter import dcmwrite

from reporting.study import BuiltReport


def report_bytes(report: BuiltReport) -> bytes:
    """The report as a Part 10 file in Explicit VR Little Endian; equal reports give equal bytes."""
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a patient's name longer than allowed is written as it came, knowingly
        dcmwrite(buffer, report.dataset, enforce_file_format=True)
    return buffer.getvalue()
