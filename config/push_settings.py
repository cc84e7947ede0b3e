"""The section `push`: telling doctors' phones that there is something to read (Web Push, RFC 8030)."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator

from config.values import Section


def _contact(value: str) -> str:
    # RFC 8292, 2.1: whom a push service can turn to.
    address = value.removeprefix("mailto:")
    if (value.startswith("mailto:") and "@" in address) or (value.startswith("https://") and urlsplit(value).hostname):
        return value
    raise ValueError("PUSH__CONTACT is whom push services write to: mailto:it@hospital.example, or an https:// address")


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or "@" in parts.netloc:
        raise ValueError("PUSH__ALSO_ALLOWED lists origins: write https://HOST or https://HOST:PORT, without a path")
    return value.lower()


class PushSettings(Section):
    """Who is told, and where messages may go. Off without a contact, a key, and SITE__ACCEPTS_RESEARCH_USE=true."""

    contact: Annotated[str, AfterValidator(_contact)] | None = None
    roles: tuple[Literal["doctor", "radiologist", "admin"], ...] = ("doctor", "radiologist")
    """Who may switch messages on."""
    also_allowed: tuple[Annotated[str, AfterValidator(_origin)], ...] = ()
    """Origins of push services inside the house. Others are reached on port 443 of public addresses only."""
