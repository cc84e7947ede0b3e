"""Whether messages are sent at all: the site, a key, a contact and the extra `push` are all needed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from config.settings import Settings
from gateway.folders import Folders
from gateway.push.courier import Courier
from gateway.push.vapid_key import VapidKey, VapidKeyUnusable, load_vapid_key


@dataclass(frozen=True)
class On:
    """Messages can be sent."""

    key: VapidKey
    contact: str


@dataclass(frozen=True)
class Off:
    """None can; `why` is a sentence for people that says what to do."""

    why: str


def push_switch(settings: Settings, folders: Folders) -> On | Off:
    """Look at the settings and the key; cheap enough for each study."""
    if not settings.site.accepts_research_use:
        return Off("The site has not accepted research use: SITE__ACCEPTS_RESEARCH_USE.")
    if settings.push.contact is None:
        return Off("No contact is set for push services: PUSH__CONTACT.")
    try:
        key = load_vapid_key(folders)
    except VapidKeyUnusable as error:
        return Off(f"The key is of no use: {error}.")
    if key is None:
        return Off("There is no key yet: run `mammogate push key`.")
    if find_spec("pywebpush") is None:
        return Off("The extra is not installed: `pip install mammogate[push]`.")
    return On(key, settings.push.contact)


def open_courier(settings: Settings, folders: Folders) -> Courier | None:
    """Return what sends messages now, or None where they are off."""
    switch = push_switch(settings, folders)
    return Courier(switch.key, switch.contact, settings.push.also_allowed) if isinstance(switch, On) else None
