"""What the feed needs of the outside: six stores, implemented by whoever runs it.

All methods are called from many threads at once and may block. They raise `StoreUnavailableError` when their
database does not answer; the feed then says 503. Every `datetime` carries its zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from reporting.feed.access import Role
from reporting.feed.image_schemas import ViewImage
from reporting.feed.login_stores import DeviceStore, IdentityStore, PasskeyStore, PendingStore
from reporting.feed.operation_schemas import (
    DeadLetter,
    DestinationHealth,
    DestinationState,
    FlaggedStudy,
    QuarantinedFile,
    QueuedWork,
)
from reporting.feed.schemas import Attention, DependencyStatus, Study

Item_co = TypeVar("Item_co", covariant=True)


class StoreUnavailableError(Exception):
    """The store does not answer now; asking again later makes sense."""


@dataclass(frozen=True)
class Position:
    """Where a study stands in the reading list: highest attention first, then newest arrival, then UID.

    `arrived_at` never changes, to the microsecond: a page that starts after a position then misses nothing and
    repeats nothing, whatever has arrived in the meantime.
    """

    attention: Attention
    arrived_at: datetime
    study_instance_uid: str


@dataclass(frozen=True)
class StudyQuery:
    """What to list: at most `limit` studies that stand behind `after`.

    `since` keeps those that arrived or changed then or later; an empty `attention` keeps every level.
    """

    limit: int
    after: Position | None = None
    since: datetime | None = None
    attention: frozenset[Attention] = frozenset()


@dataclass(frozen=True)
class ListedStudy:
    study: Study
    position: Position


@dataclass(frozen=True)
class FeedEvent:
    """Something has changed in a study; whoever hears it asks for the study. Carries no patient data."""

    id: int
    kind: str
    study_instance_uid: str
    at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EventSpan:
    """The ids of the oldest event kept and of the newest; `EventSpan(1, 0)` when there was never one."""

    first: int
    last: int


class StudyFeed(Protocol):
    def studies(self, query: StudyQuery) -> Sequence[ListedStudy]:
        """Return the studies in the order of `Position`."""

    def study(self, study_instance_uid: str) -> Study | None: ...

    def report_file(self, study_instance_uid: str, sop_instance_uid: str) -> Path | None:
        """Return the Part 10 file of a report of that study, or None when there is no such report."""

    def events_after(self, event_id: int, limit: int) -> Sequence[FeedEvent]:
        """Return the events behind `event_id` by rising id, at most `limit`.

        An event may be returned only when no event with a smaller id can appear later (on a database that commits
        out of order the implementation has to see to that), or somebody who resumes would miss it.
        """

    def event_span(self) -> EventSpan: ...


AbsentCode = Literal[
    "unknown_study", "unknown_view", "not_ready", "image_not_read", "image_deleted", "multi_frame", "image_unusable"
]


class ImageAbsentError(Exception):
    """There is no image to show; `code` says why for programs, the text for people."""

    def __init__(self, code: AbsentCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class ServedImage:
    """An image for a viewer; the files never change while they are there. `heat` is there if the description has it."""

    description: ViewImage
    preview: Path
    pixels: Path
    heat: Path


class ImageStore(Protocol):
    def image(self, study_instance_uid: str, sop_instance_uid: str) -> ServedImage:
        """Return an image of that study. Makes nothing. Raises `ImageAbsentError`."""


@dataclass(frozen=True)
class User:
    """A local user; one that is not `active` cannot do anything."""

    name: str
    role: Role
    password_hash: str
    active: bool = True


@dataclass(frozen=True)
class Session:
    user: User
    opened_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True)
class Token:
    """An API token acts as its user; `may_upload` adds the right to upload to whatever the user's role may do."""

    user: User
    may_upload: bool = False


@dataclass(frozen=True)
class LoginAttempt:
    """`subject` is a digest of the name that was typed: people type passwords into that field."""

    subject: str
    address: str
    at: datetime


@dataclass(frozen=True)
class LoginLimits:
    """How many failures within `window` are let through for one subject from one address, and for one address."""

    window: timedelta = timedelta(minutes=15)
    per_subject: int = 5
    per_address: int = 100


AuditAction = Literal[
    "login",
    "logout",
    "device_revoked",
    "passkey_added",
    "passkey_removed",
    "study_viewed",
    "report_downloaded",
    "image_viewed",
    "note_viewed",
    "feedback_viewed",
    "feedback",
    "retry",
    "resend",
    "destination_checked",
    "push_on",
    "push_off",
    "upload",
]
AuditOutcome = Literal["ok", "failed", "refused"]


@dataclass(frozen=True)
class AuditEntry:
    """One line of the audit trail; `user` is None when nobody we know was at it."""

    at: datetime
    action: AuditAction
    outcome: AuditOutcome
    user: str | None
    address: str
    study_instance_uid: str | None = None
    detail: str = ""


class Accounts(DeviceStore, PasskeyStore, PendingStore, IdentityStore, Protocol):
    """Users, sessions, tokens and the audit trail. Secrets arrive as SHA-256 digests (hex) only."""

    def user(self, name: str) -> User | None: ...

    def replace_password_hash(self, name: str, password_hash: str) -> None: ...

    def open_session(self, digest: str, user_name: str, opened_at: datetime, device: str, address: str = "") -> None:
        """Keep a new session; `device` is what its browser calls itself (at most 256 characters)."""

    def session(self, digest: str) -> Session | None:
        """Return a session that was not closed, with its user as the user is now; the feed judges its age."""

    def touch_session(self, digest: str, at: datetime) -> None: ...

    def close_session(self, digest: str) -> None: ...

    def token(self, digest: str) -> Token | None:
        """Return the token, or None when there is none or it was revoked."""

    def begin_login(self, attempt: LoginAttempt, limits: LoginLimits) -> timedelta | None:
        """Count this attempt as a failure and return None, or count nothing and return how long to wait.

        Counting comes first, in one transaction, so that many guesses at once cannot slip past the limit.
        """

    def login_succeeded(self, attempt: LoginAttempt) -> None:
        """Forget the failures of this subject from this address."""

    def audit(self, entry: AuditEntry) -> None:
        """Write the entry durably. What cannot be audited is not done: the feed lets the error through."""


@dataclass(frozen=True)
class Listing(Generic[Item_co]):
    """The first items of a list, and how many there are in all."""

    items: Sequence[Item_co]
    total: int


class UnknownStudyError(Exception):
    """There is no such study."""


class UnknownDestinationError(Exception):
    """The settings name no such destination."""


class Operations(Protocol):
    """The operators' view; at most `limit` items, the ones that have waited longest first."""

    def queue(self, limit: int) -> Listing[QueuedWork]: ...

    def dead_letters(self, limit: int) -> Listing[DeadLetter]: ...

    def destinations(self) -> Sequence[DestinationState]: ...

    def quarantine(self, limit: int) -> Listing[QuarantinedFile]: ...

    def flags(self, limit: int) -> Listing[FlaggedStudy]: ...

    def retry(self, study_instance_uid: str) -> int:
        """Start again what failed for good in this study; return how many things that were (0: nothing had failed).

        Raises `UnknownStudyError`.
        """

    def resend(self, study_instance_uid: str, destination: str) -> int:
        """Send the newest reports to the destination once more; return how many objects that are.

        Raises `UnknownStudyError`, `UnknownDestinationError`.
        """

    def check(self, destination: str) -> DestinationHealth:
        """Ask the destination whether it answers; takes some seconds where it does not.

        Raises `UnknownDestinationError`.
        """


class Readiness(Protocol):
    def check(self) -> Sequence[DependencyStatus]:
        """Look at each dependency, each within a few seconds. Details are public: no passwords, no patient data."""


class Metrics(Protocol):
    def text(self) -> bytes:
        """Return figures in the text format 0.0.4 of Prometheus; cheap enough to be asked each second."""
