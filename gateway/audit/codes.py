"""What our audit entries are in DICOM's words: event, action, life cycle (PS3.15 A.5.3, PS3.16 CID 400, 401)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Code:
    """A coded value, with the attributes that the schema of PS3.15 A.5.1 gives it."""

    value: str
    meaning: str
    scheme: str = "DCM"


@dataclass(frozen=True)
class Event:
    """`action`: C, R, U, D or E. `life_cycle` is that of the study it is about."""

    id: Code
    action: str
    type: Code | None = None
    life_cycle: str = "6"  # access, use


OWN_SCHEME: Final = "99MAMMOGATE"
"""For event types of our own; names of private schemes begin with 99 (PS3.16 8)."""

_ACCESSED: Final = Code("110103", "DICOM Instances Accessed")
_TRANSFERRED: Final = Code("110104", "DICOM Instances Transferred")
_DELETED: Final = Code("110105", "DICOM Study Deleted")
_EXPORT: Final = Code("110106", "Export")
_ALERT: Final = Code("110113", "Security Alert")
_AUTHENTICATION: Final = Code("110114", "User Authentication")
_LOGIN: Final = Code("110122", "Login")
_LOGOUT: Final = Code("110123", "Logout")
_ATTRIBUTES_CHANGED: Final = Code("110137", "User Security Attributes Changed")

STUDY_UID: Final = Code("110180", "Study Instance UID")
DESTINATION: Final = Code("110152", "Destination Role ID")
SOURCE: Final = Code("110153", "Source Role ID")

_CHANGES_OF_USERS: Final = (
    "user_added",
    "user_disabled",
    "user_enabled",
    "role_changed",
    "token_added",
    "token_revoked",
    "device_revoked",
    "passkey_added",
    "passkey_removed",
)

EVENTS: Final[dict[str, Event]] = {
    "login": Event(_AUTHENTICATION, "E", _LOGIN),
    "logout": Event(_AUTHENTICATION, "E", _LOGOUT),
    "study_viewed": Event(_ACCESSED, "R"),
    "report_downloaded": Event(_ACCESSED, "R"),
    "image_viewed": Event(_ACCESSED, "R"),
    "note_viewed": Event(_ACCESSED, "R"),
    "feedback_viewed": Event(_ACCESSED, "R"),
    "retry": Event(_ACCESSED, "U"),
    "resend": Event(_ACCESSED, "U"),
    "upload": Event(_TRANSFERRED, "C", life_cycle="2"),
    "delete_image": Event(_ACCESSED, "D", life_cycle="15"),
    "forget": Event(_DELETED, "D", life_cycle="15"),
    "export": Event(_EXPORT, "R", life_cycle="7"),
    # Feedback is on what the AI found, and changes no record of the patient's.
    "feedback": Event(Code("feedback", "Feedback on the AI", OWN_SCHEME), "C"),
    "destination_checked": Event(Code("destination_checked", "Destination checked", OWN_SCHEME), "E"),
    "push_on": Event(Code("push_on", "Messages to a device switched on", OWN_SCHEME), "U"),
    "push_off": Event(Code("push_off", "Messages to a device switched off", OWN_SCHEME), "U"),
    **{action: Event(_ALERT, "E", _ATTRIBUTES_CHANGED) for action in _CHANGES_OF_USERS},
}


def event_of(action: str) -> Event:
    """Return the event of an action; one that nobody has thought of here is an event of our own scheme."""
    return EVENTS.get(action) or Event(Code(action, action.replace("_", " ").capitalize(), OWN_SCHEME), "E")
