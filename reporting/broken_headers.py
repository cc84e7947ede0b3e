"""Reading attributes of headers that may break the rules of their value representations.

Images come as they are: old scanners write dates with points, text in number fields, values longer than allowed. A
report must be built all the same, so nothing here raises; what can't be used reads as absent.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from typing import Any, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue

_UNREADABLE: Final = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""What pydicom raises while it turns bytes into values."""

_DATE: Final = re.compile(r"(?:18|19|20|21)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_OLD_DATE: Final = re.compile(r"(\d{4})\.(\d\d)\.(\d\d)")  # ACR-NEMA 300, PS3.5 6.2 note to DA
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\.\d{1,6})?)?)?")
_AGE: Final = re.compile(r"\d{3}[DWMY]")
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4])[0-5]\d")
_UID: Final = re.compile(r"[0-9.]{1,64}")
_DIRECTIONS: Final = frozenset("APRLHF")
_SEXES: Final = ("M", "F", "O")
_CODE: Final = re.compile(r"[A-Z0-9_ ]{1,16}")


def element(header: Dataset, keyword: str) -> DataElement | None:
    """The data element, or None when it is absent or its bytes can't be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the receiver has already told what is wrong with the image
            found = header[keyword]
            found.value  # noqa: B018  # the value is what may fail to convert, and it converts when looked at
    except _UNREADABLE:
        return None
    return found


def value(header: Dataset, keyword: str) -> Any:
    """The value as pydicom gives it, or None."""
    found = element(header, keyword)
    return None if found is None else found.value


def text(header: Dataset, keyword: str) -> str:
    """The value as text without padding; several values are joined again with a backslash; empty when absent."""
    raw = value(header, keyword)
    if raw is None:
        return ""
    if isinstance(raw, MultiValue):
        return "\\".join(str(one) for one in raw)
    return str(raw).strip("\0 ")


def _matching(pattern: re.Pattern[str]) -> Callable[[Dataset, str], str]:
    def read(header: Dataset, keyword: str) -> str:
        found = text(header, keyword)
        return found if pattern.fullmatch(found) else ""

    return read


time = _matching(_TIME)
age = _matching(_AGE)
offset = _matching(_OFFSET)
uid = _matching(_UID)
code_string = _matching(_CODE)


def date(header: Dataset, keyword: str) -> str:
    """A date as YYYYMMDD; the old form with points is understood; empty when it is no date."""
    found = _OLD_DATE.sub(r"\1\2\3", text(header, keyword))
    return found if _DATE.fullmatch(found) else ""


def sex(header: Dataset, keyword: str) -> str:
    """One of the enumerated values of Patient's Sex (0010,0040), or empty."""
    found = text(header, keyword).upper()
    return found if found in _SEXES else ""


def number(header: Dataset, keyword: str) -> float | None:
    """The first value as a finite number, or None."""
    numbers_found = numbers(header, keyword)
    return numbers_found[0] if numbers_found else None


def numbers(header: Dataset, keyword: str) -> tuple[float, ...]:
    """All values as finite numbers; empty when any of them is none."""
    raw = value(header, keyword)
    if raw is None or raw == "":
        return ()
    values = list(raw) if isinstance(raw, MultiValue | list | tuple) else [raw]
    try:
        found = tuple(float(one) for one in values)
    except (TypeError, ValueError):
        return ()
    return found if all(math.isfinite(one) for one in found) else ()


def whole_number(header: Dataset, keyword: str) -> int | None:
    """The first value as a positive whole number, or None."""
    found = number(header, keyword)
    return int(found) if found is not None and found > 0 and found == int(found) else None


def items(header: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none when it is absent or is no sequence."""
    found = element(header, keyword)
    if found is None or found.VR != "SQ" or found.value is None:
        return []
    return list(found.value)


def patient_orientation(header: Dataset) -> tuple[str, str] | None:
    """Where rows and columns lead (PS3.3 C.7.6.1.1.1), or None when the attribute holds something else.

    Digitised films often have a view there.
    """
    parts = text(header, "PatientOrientation").split("\\")
    if len(parts) == 2 and all(part and set(part) <= _DIRECTIONS for part in parts):
        return parts[0], parts[1]
    return None
