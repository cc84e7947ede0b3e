"""What stands for a patient's ID, for dates and for UIDs outside the hospital: made by a secret key, never drawn anew.

Everything is an HMAC-SHA-256 (RFC 2104) of the old value, so one key gives one pseudonym for good, and nobody can tell
or try out the old value without the key.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

KEY_BYTES: Final = 32
_LONGEST_SHIFT: Final = 3652
"""Dates go back by 1 to this number of days, ten years."""


@dataclass(frozen=True)
class Patient:
    """What a patient is called outside, and by how many days her dates are moved back (1 to 3652)."""

    pseudonym: str
    days_earlier: int


class Pseudonyms:
    """Pseudonyms of one installation. `uids` are those that were replaced so far, old to new."""

    def __init__(self, key: bytes) -> None:
        """Take the secret key, KEY_BYTES long; raises ValueError for a shorter one."""
        if len(key) < KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes, {KEY_BYTES} are needed")
        self._key = key
        self.uids: dict[str, str] = {}

    def patient(self, patient_id: str | None, study_instance_uid: str) -> Patient:
        """Return what stands for a patient; one without an ID is another one in each study."""
        known = (patient_id or "").strip()
        subject = f"patient\n{known}" if known else f"study without patient\n{study_instance_uid}"
        name = base64.b32encode(self._digest(f"pseudonym\n{subject}")[:10]).decode("ascii")
        shift = 1 + int.from_bytes(self._digest(f"days\n{subject}")[:8], "big") % _LONGEST_SHIFT
        return Patient(name, shift)

    def uid(self, old: str) -> str:
        """Return the UID that stands for `old`: 2.25 and a UUID of its HMAC (PS3.5 B.2)."""
        if old not in self.uids:
            # The version bits say "by name": what the name was made of is nobody's business.
            self.uids[old] = f"2.25.{UUID(bytes=self._digest(f'uid{chr(10)}{old}')[:16], version=5).int}"
        return self.uids[old]

    def label(self, old: str) -> str:
        """Return a code string (VR CS) that stands for `old`, for names that one object uses twice."""
        return f"L{self._digest(f'label{chr(10)}{old}')[:5].hex().upper()}"

    def _digest(self, text: str) -> bytes:
        return hmac.new(self._key, text.encode("utf-8"), sha256).digest()
