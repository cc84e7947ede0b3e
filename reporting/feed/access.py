"""Who may do what: roles, rights, and the one table that joins them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal, get_args

Role = Literal["doctor", "radiologist", "admin", "operator", "uploader"]
ROLES: tuple[Role, ...] = get_args(Role)


class Right(Enum):
    """What a route asks for."""

    READ_STUDIES = "read_studies"
    """Studies with their patients, reports, live events."""
    OPERATE = "operate"
    """Queue, failures, destinations and retry; no patient data."""
    UPLOAD = "upload"
    """Send instances over HTTP."""
    ADMINISTER = "administer"
    """See and revoke everybody's devices."""


ROLES_WITH: dict[Right, frozenset[Role]] = {
    Right.READ_STUDIES: frozenset({"doctor", "radiologist", "admin"}),
    Right.OPERATE: frozenset({"operator", "admin"}),
    Right.UPLOAD: frozenset({"uploader", "doctor", "admin"}),
    Right.ADMINISTER: frozenset({"admin"}),
}


def rights_of(role: str, *, token_may_upload: bool = False) -> frozenset[Right]:
    """Return the rights of a role; a role that nobody knows has none."""
    rights = {right for right, roles in ROLES_WITH.items() if role in roles}
    if token_may_upload:
        rights.add(Right.UPLOAD)
    return frozenset(rights)


@dataclass(frozen=True)
class Principal:
    """Somebody who is logged in. `session_digest` is None when a token was shown."""

    name: str
    role: Role
    rights: frozenset[Right]
    expires_at: datetime | None
    session_digest: str | None
