"""Whether whoever reads the file gets the texts that were meant: its bytes are read back and compared."""

from __future__ import annotations

import warnings
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from reporting.character_set import declared_terms, is_plain, texts_of
from reporting.self_check.causes import TextNotAsWritten
from reporting.study import BuiltReport, StudyToReport
from reporting.writing import report_bytes


def check_texts(report: BuiltReport, study: StudyToReport) -> None:
    """Compare every text of a finished object with what its bytes read back as; raises TextNotAsWritten."""
    written = _read_back(report)
    intended, found = list(texts_of(report.dataset)), list(texts_of(written))
    differing = sorted({keyword for keyword, _ in set(intended) ^ set(found)})
    if differing or intended != found:
        raise TextNotAsWritten(
            f"{', '.join(differing) or 'a text'} reads back from the file otherwise than it was meant"
        )
    # pydicom reads undeclared bytes as Latin-1, so that comparing alone would not miss a declaration. Only bytes that
    # came undeclared may go so.
    if not written.get("SpecificCharacterSet") and not is_plain(written) and declared_terms(study):
        raise TextNotAsWritten("the report has letters beyond ASCII and declares no character set")


def _read_back(report: BuiltReport) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name longer than allowed was copied as it is, knowingly
        try:
            return dcmread(BytesIO(report_bytes(report)), stop_before_pixels=True)
        except UnicodeError as error:
            raise TextNotAsWritten("a text of the report is not in the character set that it declares") from error
