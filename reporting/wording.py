"""The sentences every report uses: scores, places and "resembles"; never an assessment category, never a pathology."""

from __future__ import annotations

import unicodedata
from typing import Final

from inference.classes import ClassName, FindingType
from inference.results import Finding

RESEARCH_USE_ONLY: Final = "Research use only, not a medical device"
BANNER: Final = f"AI result, not for primary diagnosis. {RESEARCH_USE_ONLY}"
NOT_CALIBRATED: Final = "Scores are not calibrated on this site's images; a score is not a probability of cancer"

_LEADING_MALIGNANT: Final = 0.5
_CLASS_OF_FINDING: Final[dict[tuple[bool, FindingType], ClassName]] = {
    (False, "calcification"): "benign_calcification",
    (False, "mass"): "benign_mass",
    (True, "calcification"): "malignant_calcification",
    (True, "mass"): "malignant_mass",
}


def class_of(finding: Finding) -> ClassName:
    """The class a marked place resembles most: its type, and the larger part of its malignancy score."""
    return _CLASS_OF_FINDING[(finding.malignancy_score >= _LEADING_MALIGNANT, finding.type)]


def in_words(class_name: ClassName) -> str:
    """`malignant_mass` as people write it."""
    return class_name.replace("_", " ")


def sentence_of(finding: Finding) -> str:
    """What is said of a marked place, e.g. "resembles malignant mass, score 0.83"."""
    return f"resembles {in_words(class_of(finding))}, score {finding.score:.2f}"


def plain_ascii(text: str, longest: int) -> str:
    """A text of our own that every character set of DICOM can hold, cut at a word with "..." when it is too long."""
    folded = text.replace("\u2019", "'").replace("\u2013", "-").replace("\u2014", "-").replace("\u2026", "...")
    # Backslash separates values in short texts (PS3.5 6.2), so it goes too.
    folded = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode("ascii").replace("\\", "/")
    folded = " ".join(folded.split())
    if len(folded) <= longest:
        return folded
    cut = folded[: longest - 3]
    return (cut.rsplit(" ", 1)[0] if " " in cut[longest // 2 :] else cut).rstrip(" ,;:") + "..."
