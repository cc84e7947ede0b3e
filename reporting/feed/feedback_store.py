"""What the feed needs of the outside for feedback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reporting.feed.feedback_schemas import Feedback, NewFeedback


class UnknownFindingError(Exception):
    """The study has no such finding in this image."""


class NothingReadError(Exception):
    """The AI has not read the study yet, so there is nothing to agree with."""


class KeyUsedOtherwiseError(Exception):
    """The same person has used the key for other feedback."""


@dataclass(frozen=True)
class Sender:
    """Who gives feedback, when, and the key by which a repeated request is known."""

    name: str
    role: str
    at: datetime
    key: str


class FeedbackStore(Protocol):
    """Append-only: nothing here changes or removes what was said. May block; called from many threads."""

    def history(self, study_instance_uid: str) -> Sequence[Feedback]:
        """Return what was said of the study, oldest first. Raises `UnknownStudyError`."""

    def given(self, study_instance_uid: str, feedback: NewFeedback, sender: Sender) -> Feedback | None:
        """Return what the sender has given under this key already, or None.

        Raises:
            KeyUsedOtherwiseError: it was something else.

        """

    def add(self, study_instance_uid: str, feedback: NewFeedback, sender: Sender) -> Feedback:
        """Keep the feedback durably; under a key that is known, return what is there.

        Raises:
            UnknownStudyError: there is no such study.
            UnknownFindingError: it has no such finding.
            NothingReadError: nothing was read in it yet.
            KeyUsedOtherwiseError: the key stands for something else.

        """
