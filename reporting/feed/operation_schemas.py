"""What operators see: work, failures and destinations. Study UIDs yes; patient names, ids and birth dates never.

Whoever fills in `reason`, `detail` and `flags` must keep patient data out of these texts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]
Generation = Annotated[int, Field(ge=1)]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QueuedWork(_Answer):
    """One study that is waiting or being worked on; `state` is the study's status, `since` when it got there."""

    study_instance_uid: str
    generation: Generation
    state: Literal["receiving", "queued", "processing", "delivering"]
    since: datetime
    instances: Count


class DeadLetter(_Answer):
    """Something that failed for good, with the reason in plain words; `POST .../retry` starts it again.

    `stage` says which step of the work it was; `destination` is set when that step was a delivery.
    """

    study_instance_uid: str
    generation: Generation
    stage: str
    destination: str | None
    reason: str
    failed_at: datetime


class DestinationState(_Answer):
    """One place where reports go, and how that goes."""

    name: str
    kind: Literal["dicom", "orthanc", "stow"]
    address: str
    waiting: Count
    delivered: Count
    failed: Count
    last_success_at: datetime | None
    last_error: str | None


class QuarantinedFile(_Answer):
    """One object that was received and could not be accepted."""

    id: str
    received_at: datetime
    reason: str
    channel: str
    peer_ae_title: str
    peer_address: str
    announced_sop_instance_uid: str | None


class FlaggedStudy(_Answer):
    """A study that a person has to look at, and why."""

    study_instance_uid: str
    status: str
    flags: tuple[str, ...]
    flagged_at: datetime


class QueueAnswer(_Answer):
    items: tuple[QueuedWork, ...]
    total: Count


class DeadLetterAnswer(_Answer):
    items: tuple[DeadLetter, ...]
    total: Count


class DestinationAnswer(_Answer):
    items: tuple[DestinationState, ...]
    total: Count


class QuarantineAnswer(_Answer):
    items: tuple[QuarantinedFile, ...]
    total: Count


class FlagAnswer(_Answer):
    items: tuple[FlaggedStudy, ...]
    total: Count


class RetryRequest(_Answer):
    """Which study to start again."""

    study_instance_uid: Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]


class RetryAnswer(_Answer):
    """`restarted` counts the steps and deliveries that were started again (at least one)."""

    study_instance_uid: str
    restarted: Annotated[int, Field(ge=1)]


DestinationName = Annotated[str, Field(min_length=1, max_length=64)]


class ResendRequest(_Answer):
    """Which study to give to which destination once more."""

    study_instance_uid: Annotated[str, Field(pattern=r"^[0-9.]{1,64}$")]
    destination: DestinationName


class ResendAnswer(_Answer):
    """`objects` counts the reports and images that are sent again (at least one)."""

    study_instance_uid: str
    destination: str
    objects: Annotated[int, Field(ge=1)]


class CheckRequest(_Answer):
    """Which destination to look at."""

    destination: DestinationName


class DestinationHealth(_Answer):
    """Whether a destination answers now, and what it said."""

    destination: str
    ok: bool
    detail: str
