"""In-memory stores for the feed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from inference.classes import CLASSES
from reporting.feed.access import ROLES
from reporting.feed.image_schemas import Codestream, Heat, Level, StoredSize, ViewImage, Window
from reporting.feed.operation_schemas import (
    DeadLetter,
    DestinationHealth,
    DestinationState,
    FlaggedStudy,
    QuarantinedFile,
    QueuedWork,
)
from reporting.feed.schemas import (
    ATTENTION_ORDER,
    Attention,
    Delivery,
    DependencyStatus,
    Finding,
    Patient,
    Report,
    Study,
    View,
)
from reporting.feed.stores import (
    AuditEntry,
    EventSpan,
    FeedEvent,
    ImageAbsentError,
    ListedStudy,
    Listing,
    LoginAttempt,
    LoginLimits,
    Position,
    ServedImage,
    Session,
    StoreUnavailableError,
    StudyQuery,
    Token,
    UnknownDestinationError,
    UnknownStudyError,
    User,
)
from tests.reporting.feed.login_fakes import MemoryLogins

PATIENT_NAME = "TESTFRAU^ERIKA"
PATIENT_ID = "PID-4711"
START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **how_far: float) -> None:
        self.time += timedelta(**how_far)


def a_study(uid: str, attention: Attention = "none") -> Study:
    finding = Finding(
        tracking_uid="2.25.9",
        type="mass",
        score=0.9,
        malignancy_score=0.8,
        center=(10.0, 20.0),
        outline=((9.0, 19.0), (11.0, 19.0), (11.0, 21.0), (9.0, 19.0)),
    )
    view = View(
        sop_instance_uid=f"{uid}.1",
        laterality="R",
        view="CC",
        label="malignant_mass",
        probabilities=dict.fromkeys(CLASSES, 0.2),
        findings=(finding,),
    )
    report = Report(
        kind="mammography_cad_sr",
        sop_instance_uid=f"{uid}.2",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.50",
        generation=1,
        source_sop_instance_uid=None,
        deliveries=(Delivery(destination="pacs", status="waiting", attempts=0, last_error=None),),
    )
    return Study(
        study_instance_uid=uid,
        patient=Patient(id=PATIENT_ID, name=PATIENT_NAME, birth_date=date(1960, 2, 29)),
        study_date=date(2026, 11, 20),
        accession_number="A1",
        status="reported",
        generation=1,
        flags=("R MLO is missing.",),
        attention=attention,
        label="malignant_mass",
        malignancy_score=0.8,
        model_version="m1",
        views=(view,),
        reports=(report,),
    )


PIXELS = bytes(range(256)) * 4


def an_image(uid: str, *, heat: bool = True) -> ViewImage:
    return ViewImage(
        sop_instance_uid=uid,
        laterality="R",
        view="CC",
        rows=40,
        columns=30,
        box=(5, 6, 30, 40),
        stored=StoredSize(rows=64, columns=48),
        bits=12,
        monochrome1=False,
        pixel_spacing_mm=0.1,
        windows=(Window(name="NORMAL", center=2048.0, width=4096.0, function="LINEAR"),),
        levels=(Level(rows=20, columns=15, bytes=300), Level(rows=40, columns=30, bytes=len(PIXELS))),
        codestream=Codestream(bytes=len(PIXELS), sha256=hashlib.sha256(PIXELS).hexdigest(), pixel_sha256="0" * 64),
        heat=Heat(columns=3, rows=4, box=(4.5, 5.5, 32.0, 42.0)) if heat else None,
    )


class MemoryImages:
    """One image, in files as the gateway keeps them; `absent` says why others are not there."""

    def __init__(self, files: Path) -> None:
        self.files = files
        self.images = {("1.2.3", "1.2.3.1"): an_image("1.2.3.1")}
        self.absent: dict[str, ImageAbsentError] = {}
        for name, content in (("preview.webp", b"WEBP"), ("pixels.jph", PIXELS), ("heat.png", b"PNG")):
            (files / name).write_bytes(content)

    def image(self, study_instance_uid: str, sop_instance_uid: str) -> ServedImage:
        if sop_instance_uid in self.absent:
            raise self.absent[sop_instance_uid]
        found = self.images.get((study_instance_uid, sop_instance_uid))
        if found is None:
            raise ImageAbsentError("unknown_view", "There is no such view.")
        return ServedImage(found, *(self.files / name for name in ("preview.webp", "pixels.jph", "heat.png")))


class MemoryStudies:
    def __init__(self, files: Path) -> None:
        self.files = files
        self.rows: dict[str, tuple[Study, datetime]] = {}
        self.events: list[FeedEvent] = []
        self.away = False
        self.spans_asked = 0
        self._lock = threading.Lock()

    def add(self, study: Study, arrived_at: datetime) -> None:
        self.rows[study.study_instance_uid] = (study, arrived_at)

    def happen(self, uid: str = "1.2.3") -> int:
        with self._lock:
            number = len(self.events) + 1
            self.events.append(FeedEvent(number, "study", uid, START, {"status": "reported"}))
            return number

    def studies(self, query: StudyQuery) -> Sequence[ListedStudy]:
        self._answer()
        listed = [
            ListedStudy(study, Position(study.attention, arrived, uid))
            for uid, (study, arrived) in self.rows.items()
            if (query.since is None or arrived >= query.since)
            and (not query.attention or study.attention in query.attention)
        ]
        listed.sort(key=lambda one: _order(one.position))
        if query.after is not None:
            listed = [one for one in listed if _order(one.position) > _order(query.after)]
        return listed[: query.limit]

    def study(self, study_instance_uid: str) -> Study | None:
        self._answer()
        row = self.rows.get(study_instance_uid)
        return row[0] if row else None

    def report_file(self, study_instance_uid: str, sop_instance_uid: str) -> Path | None:
        row = self.rows.get(study_instance_uid)
        known = row is not None and any(r.sop_instance_uid == sop_instance_uid for r in row[0].reports)
        return self.files / f"{sop_instance_uid}.dcm" if known else None

    def events_after(self, event_id: int, limit: int) -> Sequence[FeedEvent]:
        self._answer()
        with self._lock:
            return self.events[event_id : event_id + limit]

    def event_span(self) -> EventSpan:
        self._answer()
        with self._lock:
            self.spans_asked += 1
            return EventSpan(1, len(self.events))

    def _answer(self) -> None:
        if self.away:
            raise StoreUnavailableError("switched off")


def _order(position: Position) -> tuple[int, float, str]:
    # Whole microseconds: a float of seconds would not tell two of them apart.
    micros = (position.arrived_at - START) // timedelta(microseconds=1)
    return ATTENTION_ORDER.index(position.attention), -micros, position.study_instance_uid


class MemoryAccounts(MemoryLogins):
    def __init__(self, hash_of_everybody: str) -> None:
        super().__init__()
        self.users: dict[str, User] = {role: User(role, role, hash_of_everybody) for role in ROLES}
        self.sessions: dict[str, tuple[str, datetime, datetime]] = {}
        self.tokens: dict[str, tuple[str, bool]] = {}
        self.failures: list[LoginAttempt] = []
        self.trail: list[AuditEntry] = []
        self._lock = threading.Lock()

    def user(self, name: str) -> User | None:
        return self.users.get(name)

    def replace_password_hash(self, name: str, password_hash: str) -> None:
        self.users[name] = replace(self.users[name], password_hash=password_hash)

    def open_session(self, digest: str, user_name: str, opened_at: datetime, device: str, address: str = "") -> None:
        self.sessions[digest] = (user_name, opened_at, opened_at)
        self.agents[digest] = (device, address)

    def session(self, digest: str) -> Session | None:
        found = self.sessions.get(digest)
        return Session(self.users[found[0]], found[1], found[2]) if found else None

    def touch_session(self, digest: str, at: datetime) -> None:
        name, opened, _ = self.sessions[digest]
        self.sessions[digest] = (name, opened, at)

    def close_session(self, digest: str) -> None:
        if self.sessions.pop(digest, None):
            self.revoked += 1

    def token(self, digest: str) -> Token | None:
        found = self.tokens.get(digest)
        return Token(self.users[found[0]], may_upload=found[1]) if found else None

    def begin_login(self, attempt: LoginAttempt, limits: LoginLimits) -> timedelta | None:
        with self._lock:
            recent = [f for f in self.failures if f.at > attempt.at - limits.window and f.address == attempt.address]
            same = [f for f in recent if f.subject == attempt.subject]
            if len(same) >= limits.per_subject or len(recent) >= limits.per_address:
                return recent[0].at + limits.window - attempt.at
            self.failures.append(attempt)
            return None

    def login_succeeded(self, attempt: LoginAttempt) -> None:
        with self._lock:
            self.failures = [f for f in self.failures if (f.subject, f.address) != (attempt.subject, attempt.address)]

    def audit(self, entry: AuditEntry) -> None:
        self.trail.append(entry)


class MemoryOperations:
    def __init__(self, studies: MemoryStudies) -> None:
        self._studies = studies
        self.retried: list[str] = []
        self.resent: list[tuple[str, str]] = []
        self.failed = {"1.2.3"}

    def queue(self, limit: int) -> Listing[QueuedWork]:
        items = [
            QueuedWork(study_instance_uid=uid, generation=1, state="queued", since=arrived, instances=4)
            for uid, (_, arrived) in self._studies.rows.items()
        ]
        return Listing(items[:limit], len(items))

    def dead_letters(self, limit: int) -> Listing[DeadLetter]:
        letter = DeadLetter(
            study_instance_uid="1.2.3",
            generation=1,
            stage="deliver",
            destination="pacs",
            reason="The PACS refused the connection.",
            failed_at=START,
        )
        return Listing([letter][:limit], 1)

    def destinations(self) -> Sequence[DestinationState]:
        return [
            DestinationState(
                name="pacs",
                kind="dicom",
                address="pacs.example:104",
                waiting=1,
                delivered=2,
                failed=0,
                last_success_at=START,
                last_error=None,
            )
        ]

    def quarantine(self, limit: int) -> Listing[QuarantinedFile]:
        file = QuarantinedFile(
            id="7",
            received_at=START,
            reason="The header is unreadable.",
            channel="dicom",
            peer_ae_title="MODALITY",
            peer_address="10.0.0.7",
            announced_sop_instance_uid=None,
        )
        return Listing([file][:limit], 1)

    def flags(self, limit: int) -> Listing[FlaggedStudy]:
        items = [
            FlaggedStudy(study_instance_uid=uid, status=study.status, flags=study.flags, flagged_at=arrived)
            for uid, (study, arrived) in self._studies.rows.items()
        ]
        return Listing(items[:limit], len(items))

    def retry(self, study_instance_uid: str) -> int:
        if study_instance_uid not in self._studies.rows:
            raise UnknownStudyError(study_instance_uid)
        self.retried.append(study_instance_uid)
        return 1 if study_instance_uid in self.failed else 0

    def resend(self, study_instance_uid: str, destination: str) -> int:
        if study_instance_uid not in self._studies.rows:
            raise UnknownStudyError(study_instance_uid)
        if destination != "pacs":
            raise UnknownDestinationError(destination)
        self.resent.append((study_instance_uid, destination))
        return 4 if len(self.resent) == 1 else 0

    def check(self, destination: str) -> DestinationHealth:
        if destination != "pacs":
            raise UnknownDestinationError(destination)
        return DestinationHealth(destination=destination, ok=False, detail="Connection refused.")


class MemoryReadiness:
    def __init__(self) -> None:
        self.database_ok = True

    def check(self) -> Sequence[DependencyStatus]:
        return [DependencyStatus(name="database", ok=self.database_ok, detail="")]


class MemoryMetrics:
    def __init__(self, studies: MemoryStudies) -> None:
        self._studies = studies

    def text(self) -> bytes:
        if self._studies.away:
            raise StoreUnavailableError("switched off")
        return b"mammogate_studies 1.0\n"
