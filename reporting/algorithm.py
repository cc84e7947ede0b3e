"""Which algorithm made the results, and what a reader of its scores must know (PS3.16 TID 4019)."""

from __future__ import annotations

from typing import Final

from reporting.study import StudyToReport
from reporting.wording import NOT_CALIBRATED, RESEARCH_USE_ONLY, plain_ascii

ALGORITHM_NAME: Final = "mammogate"
_UT: Final = 512
FIXED_PARAMETERS: Final = (
    "Certainty of finding is the peak score of the marked region",
    NOT_CALIBRATED,
    RESEARCH_USE_ONLY,
)


def algorithm_version(study: StudyToReport) -> str:
    """Both versions that a score depends on."""
    return plain_ascii(f"{study.software_version}, model {study.result.model_version}", _UT)


def algorithm_parameters(study: StudyToReport) -> list[str]:
    """What a reader of the scores must know; the only free texts that TID 4000 has room for."""
    return [plain_ascii(f"Engine {study.result.engine}", _UT), *FIXED_PARAMETERS]
