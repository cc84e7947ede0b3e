"""What the feed answers: the fields, their order and their spelling are the public HTTP interface.

Findings and views are the result types of `inference`, so that a result is the same thing here, in a file and in a
report. Every model refuses keys that it does not know.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from inference.results import Attention, ClassName, Finding, ViewResult
from reporting.study import ReportKind

__all__ = [
    "ATTENTION_ORDER",
    "Attention",
    "Delivery",
    "DeliveryStatus",
    "ErrorAnswer",
    "ErrorDetail",
    "Finding",
    "Patient",
    "Report",
    "Study",
    "StudyPage",
    "StudyStatus",
    "View",
]

StudyStatus = Literal["receiving", "queued", "processing", "reported", "failed"]
"""`reported` means that every report is built; whether it has arrived is said by each report's deliveries."""
DeliveryStatus = Literal["waiting", "delivered", "failed"]

ATTENTION_ORDER: tuple[Attention, ...] = ("high", "medium", "low", "none")
"""The order of the reading list. It is an order for reading, not a diagnosis."""

View = ViewResult


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Patient(_Answer):
    """Who the images belong to, as the images say it; null where they say nothing. Never shown to operators."""

    id: str | None
    name: str | None
    birth_date: date | None


class Delivery(_Answer):
    """How far one report has come on its way to one destination."""

    destination: str
    status: DeliveryStatus
    attempts: Annotated[int, Field(ge=0)]
    last_error: str | None


class Report(_Answer):
    """One object that was built; `source_sop_instance_uid` names the image it is about, or null for the whole study."""

    kind: ReportKind
    sop_instance_uid: str
    sop_class_uid: str
    generation: Annotated[int, Field(ge=1)]
    source_sop_instance_uid: str | None
    deliveries: tuple[Delivery, ...]


class Study(_Answer):
    """One study with everything that was read in it and written of it.

    `label`, `malignancy_score` (0..1) and `model_version` are null, and `attention` is `none`, until it was read.
    """

    study_instance_uid: str
    patient: Patient
    study_date: date | None
    accession_number: str | None
    status: StudyStatus
    generation: Annotated[int, Field(ge=1)]
    flags: tuple[str, ...]
    attention: Attention
    label: ClassName | None
    malignancy_score: Annotated[float, Field(ge=0.0, le=1.0)] | None
    model_version: str | None
    views: tuple[View, ...]
    reports: tuple[Report, ...]


class StudyPage(_Answer):
    """A page of the reading list; `next` is the cursor of the page after it, or null at the end."""

    items: tuple[Study, ...]
    next: str | None


class ErrorDetail(_Answer):
    """`code` is for programs and does not change; `message` is a sentence for people and may."""

    code: str
    message: str


class ErrorAnswer(_Answer):
    """The one shape of every error."""

    error: ErrorDetail


class LoginRequest(_Answer):
    """Name and password of a local user."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    # Argon2 reads the whole password before it starts: without a limit, a megabyte of it is a cheap attack.
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class Login(_Answer):
    """Who is logged in; `expires_at` is null for a token that does not expire."""

    name: str
    role: str
    rights: tuple[str, ...]
    expires_at: datetime | None


class DependencyStatus(_Answer):
    """One thing that the gateway needs in order to work."""

    name: str
    ok: bool
    detail: str


class Alive(_Answer):
    """The process answers."""

    alive: Literal[True] = True


class Ready(_Answer):
    """Whether the gateway can do its work now."""

    ready: bool
    dependencies: tuple[DependencyStatus, ...]
