"""What people say of the AI's results. It is feedback on the AI, never a sign-off of a study."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Verdict = Literal["agree", "disagree", "unsure"]
LONGEST_COMMENT = 2000


def _without_nul(text: str) -> str:
    if "\0" in text:  # no database of ours can keep it
        raise ValueError("leave out the NUL character")
    return text


Uid = Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]
Comment = Annotated[str, Field(max_length=LONGEST_COMMENT), AfterValidator(_without_nul)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewFeedback(_Answer):
    """Agreement with one finding, or with what was read in the study as a whole where both UIDs are null.

    `comment` is free text for the people of the house: it is in no log, no audit trail and no report.
    """

    verdict: Verdict
    comment: Comment = ""
    sop_instance_uid: Uid | None = None
    tracking_uid: Uid | None = None


class Feedback(_Answer):
    """One piece of feedback; nobody changes it, a later one of the same person counts instead of it."""

    id: Annotated[int, Field(ge=1)]
    verdict: Verdict
    comment: str
    sop_instance_uid: str | None
    tracking_uid: str | None
    generation: Annotated[int, Field(ge=1)]
    model_version: str | None
    author: str
    role: str
    at: datetime


class FeedbackHistory(_Answer):
    """All that was said of a study, oldest first."""

    items: tuple[Feedback, ...]
