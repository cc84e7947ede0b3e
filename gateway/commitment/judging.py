"""What may be promised of an instance: the sender deletes its copy on our word.

With an archive behind us: our row is there with the same SOP class, the object has been delivered to the archive, and
the archive, asked now, has found it. Where the site has declared our store to be the archive: the row is there, and
its file with the size that was recorded. Nothing else is a success.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from dicom_node.archive_query import ArchiveAway, ArchiveQuery, SoughtInstance
from dicom_node.commitment_report import CLASS_CONFLICT, NO_SUCH_OBJECT, PROCESSING_FAILURE, RESOURCE_LIMITATION
from dicom_node.storage_commitment import SopReference
from gateway.database.engine import Database
from gateway.database.models import Delivery, Duplicate, Instance
from gateway.folders import Folders
from gateway.reading.disk import DiskAway, require_disk

# How many UIDs a question to the database may hold; SQLite's oldest limit is 999 parameters.
_AT_ONCE = 500


@dataclass(frozen=True)
class Committed:
    """It is in the archive of this name; None: in our own store, which the site has declared to be the archive."""

    archive: str | None = None


@dataclass(frozen=True)
class Lacking:
    """It can't be promised, now or later, as things stand; a Failure Reason (0008,1197)."""

    failure_reason: int


@dataclass(frozen=True)
class Unsettled:
    """Not yet; `failure_reason` is what to say when patience ends. The sentence is for the operator."""

    reason: str
    failure_reason: int


Judgement = Committed | Lacking | Unsettled


@dataclass(frozen=True)
class Held:
    """What our tables say of one instance."""

    instance: Instance
    duplicates: frozenset[str]
    """The states of other objects that came under its UID."""
    deliveries: Mapping[str, str]
    """The state of its delivery to each destination that it was sent to."""


class Judge:
    """Judges the instances of a request, as often as it is asked; it keeps nothing."""

    def __init__(
        self,
        database: Database,
        folders: Folders,
        *,
        store_is_archive: bool,
        archives: Mapping[str, ArchiveQuery],
    ) -> None:
        """`archives`: by the name of the destination that objects are forwarded to."""
        self._database = database
        self._folders = folders
        self._store_is_archive = store_is_archive
        self._archives = archives

    def judge(self, references: Sequence[SopReference]) -> dict[SopReference, Judgement]:
        """Return a judgement for each."""
        with self._database.read() as session:
            held = _held(session, [reference.sop_instance_uid for reference in references])
        judgements: dict[SopReference, Judgement] = {}
        to_ask: dict[SopReference, Held] = {}
        for reference in references:
            judgement = self._by_our_tables(reference, held.get(reference.sop_instance_uid))
            if judgement is None:
                to_ask[reference] = held[reference.sop_instance_uid]
            else:
                judgements[reference] = judgement
        return judgements | self._by_the_archives(to_ask)

    def _by_our_tables(self, reference: SopReference, held: Held | None) -> Judgement | None:
        """Return what needs no archive to be said; None: ask."""
        if held is None:
            return Lacking(NO_SUCH_OBJECT)
        if held.instance.sop_class_uid != reference.sop_class_uid:
            return Lacking(CLASS_CONFLICT)
        if "different" in held.duplicates:
            # Two objects have this UID; nobody can promise the sender that it is the one it means.
            return Lacking(PROCESSING_FAILURE)
        if "waiting" in held.duplicates:
            return Unsettled("another object came under the same UID and is being compared", PROCESSING_FAILURE)
        if self._store_is_archive:
            return self._by_our_disk(held.instance)
        states = {held.deliveries[name] for name in self._archives if name in held.deliveries}
        if "delivered" in states:
            return None
        if states == {"failed"}:
            return Lacking(PROCESSING_FAILURE)
        return Unsettled("an object has not been forwarded to the archive yet", PROCESSING_FAILURE)

    def _by_our_disk(self, instance: Instance) -> Judgement:
        if instance.deleted_at is not None:
            return Lacking(PROCESSING_FAILURE)
        path = self._folders.root / instance.path
        try:
            if not path.exists():
                require_disk(path.parent)
            return Committed() if path.stat().st_size == instance.size else Lacking(PROCESSING_FAILURE)
        except FileNotFoundError:
            return Lacking(PROCESSING_FAILURE)
        except DiskAway as away:
            return Unsettled(str(away), RESOURCE_LIMITATION)
        except OSError as error:
            return Unsettled(f"the disk with the images fails ({error.strerror})", RESOURCE_LIMITATION)

    def _by_the_archives(self, to_ask: Mapping[SopReference, Held]) -> dict[SopReference, Judgement]:
        """Ask each archive for what was delivered to it; one that confirms is enough."""
        judgements: dict[SopReference, Judgement] = {}
        away: dict[str, str] = {}
        for name, archive in self._archives.items():
            sought = {
                _sought(held.instance): reference
                for reference, held in to_ask.items()
                if reference not in judgements and held.deliveries.get(name) == "delivered"
            }
            if not sought:
                continue
            try:
                found = archive.held(list(sought))
            except ArchiveAway as problem:
                away[name] = str(problem)
                continue
            judgements.update((sought[instance], Committed(name)) for instance in found)
        for reference, held in to_ask.items():
            if reference not in judgements:
                judgements[reference] = _unconfirmed(held, away)
        return judgements


def _unconfirmed(held: Held, away: Mapping[str, str]) -> Unsettled:
    for name, reason in away.items():
        if held.deliveries.get(name) == "delivered":
            return Unsettled(f"{name}: {reason}", RESOURCE_LIMITATION)
    return Unsettled("the archive has taken an object and does not find it when asked", PROCESSING_FAILURE)


def _sought(instance: Instance) -> SoughtInstance:
    return SoughtInstance(
        instance.study.study_instance_uid,
        instance.series_instance_uid,
        instance.sop_instance_uid,
        instance.sop_class_uid,
    )


def _held(session: Session, uids: Sequence[str]) -> dict[str, Held]:
    held: dict[str, Held] = {}
    for some in _pieces(uids):
        instances = session.scalars(
            select(Instance).where(Instance.sop_instance_uid.in_(some)).options(joinedload(Instance.study))
        ).all()
        ids = [instance.id for instance in instances]
        duplicates: dict[int, set[str]] = {}
        for instance_id, status in session.execute(
            select(Duplicate.instance_id, Duplicate.status).where(Duplicate.instance_id.in_(ids))
        ):
            duplicates.setdefault(instance_id, set()).add(status)
        deliveries: dict[int, dict[str, str]] = {}
        for delivery in session.scalars(
            select(Delivery).where(Delivery.instance_id.in_(ids), Delivery.action == "send")
        ):
            deliveries.setdefault(delivery.instance_id or 0, {})[delivery.destination] = delivery.status
        for instance in instances:
            held[instance.sop_instance_uid] = Held(
                instance, frozenset(duplicates.get(instance.id, ())), deliveries.get(instance.id, {})
            )
    return held


def _pieces(uids: Sequence[str]) -> Iterator[Sequence[str]]:
    unique = list(dict.fromkeys(uids))
    return (unique[start : start + _AT_ONCE] for start in range(0, len(unique), _AT_ONCE))
