"""Reading attributes of a header that may be broken: wrong VR, wrong characters, wrong number of values."""

import re
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Header(Protocol):
    """What is needed of a header, or of an item of a sequence: a value by its keyword. A pydicom Dataset is one."""

    def get(self, key: str, /) -> Any:
        """The value, or None; may raise anything at all where it can't be converted."""


def value_of(header: Header, keyword: str) -> Any:
    """The attribute's value, or None when it is missing, empty or can't be converted."""
    try:
        return header.get(keyword)
    except Exception:  # noqa: BLE001 - pydicom converts when asked and a broken value may raise anything at all
        return None


def texts_of(header: Header, keyword: str) -> tuple[str, ...]:
    """All values as upper-case text without padding; () when there is none."""
    value = value_of(header, keyword)
    if value is None:
        return ()
    try:
        several = not isinstance(value, str | bytes) and hasattr(value, "__iter__")
        parts = list(value) if several else [value]
        texts = [str(part).replace("\x00", " ").strip().upper() for part in parts]
    except Exception:  # noqa: BLE001 - as above: person names and numbers convert lazily
        return ()
    return tuple(text for text in texts if text)


def text_of(header: Header, keyword: str) -> str:
    """The first value as upper-case text, "" when there is none."""
    return next(iter(texts_of(header, keyword)), "")


def items_of(header: Header, keyword: str) -> tuple[Header, ...]:
    """The items of a sequence, () when it is missing or no sequence at all."""
    value = value_of(header, keyword)
    try:
        return tuple(item for item in value if isinstance(item, Header)) if value is not None else ()
    except TypeError:
        return ()


def number_of(header: Header, keyword: str) -> float | None:
    """The first value as a finite number, or None."""
    text = text_of(header, keyword)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def detector_of(header: Header) -> str | None:
    """Maker and model of the device (Manufacturer, Manufacturer's Model Name; PS3.3 C.7.5.1), None where neither is."""
    parts = (text_of(header, keyword)[:63] for keyword in ("Manufacturer", "ManufacturerModelName"))
    named = " ".join(re.sub(r"[^ -~]+", "?", part) for part in parts if part)
    return named or None
