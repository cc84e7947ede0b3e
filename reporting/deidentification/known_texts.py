"""The texts that mammogate's own documents hold; any other text of a document is replaced."""

from __future__ import annotations

import re
from typing import Final

from reporting.algorithm import ALGORITHM_NAME, FIXED_PARAMETERS
from reporting.deidentification.defined_terms import TERMS
from reporting.withdrawal import DESCRIPTION

REMOVED: Final = "Removed"
_FIXED: Final = frozenset({ALGORITHM_NAME, *FIXED_PARAMETERS, DESCRIPTION, REMOVED})
_VIEWS: Final = "|".join(sorted(TERMS["ViewPosition"]))
# Narrow on purpose: digits in them are versions and small counts.
_PATTERN: Final = re.compile(
    r"[0-9]{1,4}(\.[0-9]{1,3}){1,2}, model [0-9]{1,4}(\.[0-9]{1,3}){1,2}(-[a-z]{1,8})?"
    r"|Engine (embedded|remote)"
    rf"|Study|Finding [0-9]{{1,3}}|Image (view not known|[RL]|([RL] )?({_VIEWS}))"
    r"|[APRLHF]{1,3}"
)


def known_text(text: str) -> str:
    """Return `text` if mammogate writes it itself, otherwise a word that says nothing."""
    return text if text in _FIXED or _PATTERN.fullmatch(text) else REMOVED
