"""The Storage SCU (PS3.4 Annex B): sends files as they are, and says of each what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
import structlog
from pydicom.uid import ExplicitVRBigEndian
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from dicom_node import sop_classes, transfer_syntaxes
from dicom_node.association_request import MAX_CONTEXTS, AssociationFailed, NoContextAccepted, associate
from dicom_node.destination import (
    Delivered,
    DicomDestinationSettings,
    Failed,
    Health,
    NotTried,
    Outcome,
    Progress,
    Refused,
    tell,
)
from dicom_node.dicom_file import FileAway, FileHeader, NotADicomFile, read_header, reading
from dicom_node.store_status import outcome_of
from dicom_node.verification import echo

# After so many associations in a row that broke before anything was delivered or refused the peer is left alone.
MAX_FRUITLESS_ASSOCIATIONS = 2

# A presentation context's result (PS3.8 Table 9-18).
TRANSFER_SYNTAXES_NOT_SUPPORTED = 0x04

Offer = tuple[str, str]  # SOP class, transfer syntax


class NoResponse(ConnectionError):
    def __init__(self) -> None:
        super().__init__(
            "The peer broke the association or did not answer in time while the object was sent; it is not known "
            "whether the object was stored."
        )


@dataclass
class Batch:
    """Objects that one association can carry: its contexts are at most 128."""

    offers: list[Offer] = field(default_factory=list)
    objects: list[tuple[Path, FileHeader]] = field(default_factory=list)


def offers_for(header: FileHeader) -> list[Offer]:
    """Say in which contexts an object is proposed, one transfer syntax a context, so that each is answered.

    Compressed pixels can go only as they are; the uncompressed contexts are offered too because the standard asks for
    the default syntax, and to tell an operator that the peer would take uncompressed ones. Everything else can be
    re-encoded without loss and goes little endian; deflated is never offered, many toolkits can't read it.
    """
    own = header.transfer_syntax_uid
    as_it_is = [own] if transfer_syntaxes.is_compressed_image_syntax(own) or own == ExplicitVRBigEndian else []
    known = as_it_is or own in transfer_syntaxes.FOR_OTHER_OBJECTS
    syntaxes = [*as_it_is, *transfer_syntaxes.LITTLE_ENDIAN] if known else [own]
    return [(header.sop_class_uid, syntax) for syntax in syntaxes]


def batches(objects: Iterable[tuple[Path, FileHeader]]) -> Iterator[Batch]:
    """Group objects so that no association needs more contexts than it may have."""
    batch = Batch()
    for path, header in objects:
        new = [offer for offer in offers_for(header) if offer not in batch.offers]
        if len(batch.offers) + len(new) > MAX_CONTEXTS:
            yield batch
            batch, new = Batch(), offers_for(header)
        batch.offers.extend(new)
        batch.objects.append((path, header))
    if batch.objects:
        yield batch


class DicomDestination:
    """A DICOM node that objects are sent to."""

    def __init__(self, settings: DicomDestinationSettings, log: structlog.typing.FilteringBoundLogger) -> None:
        self._settings = settings
        self._log = log.bind(destination=settings.name)

    @property
    def name(self) -> str:
        return self._settings.name

    def health(self) -> Health:
        answer = echo(self._settings)
        return Health(answer.ok, answer.detail)

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        outcomes: dict[Path, Outcome] = {}

        def record(path: Path, outcome: Outcome) -> None:
            outcomes[path] = outcome
            if not isinstance(outcome, Delivered):
                self._log.warning("object_not_delivered", outcome=type(outcome).__name__, reason=outcome.reason)
            tell(progress, path, outcome)

        readable: list[tuple[Path, FileHeader]] = []
        for path in dict.fromkeys(paths):
            try:
                readable.append((path, read_header(path)))
            except NotADicomFile as problem:
                record(path, Refused(str(problem)))
            except FileAway as problem:
                record(path, Failed(str(problem)))
        handed = False
        for batch in batches(readable):
            handed = self._send_batch(batch, record, handed) or handed
        delivered = sum(isinstance(outcome, Delivered) for outcome in outcomes.values())
        self._log.info("objects_sent", delivered=delivered, of=len(outcomes))
        return outcomes

    def _send_batch(self, batch: Batch, record: Progress, handed: bool) -> bool:
        """Send over one association, and over another one when it breaks: one bad object must not stop the rest.

        `handed`: whether the peer was given something before, in this attempt; returned for the next batch.
        """
        contexts = [build_context(sop_class, syntax) for sop_class, syntax in batch.offers]
        waiting = list(batch.objects)
        fruitless = 0
        last_problem = "the peer broke the association"
        while waiting and fruitless < MAX_FRUITLESS_ASSOCIATIONS:
            try:
                association = associate(self._settings, contexts)
            except NoContextAccepted as refusal:
                for path, header in waiting:
                    record(path, Refused(_refusal(header, [], refusal.contexts)))
                return handed
            except AssociationFailed as problem:
                # A peer that was there a moment ago may have broken on what it was given; the others are not to blame.
                away = NotTried(str(problem)) if handed else Failed(str(problem))
                for path, _ in waiting:
                    record(path, away)
                return handed
            settled = False
            try:
                while waiting and association.is_established:
                    path, header = waiting.pop(0)
                    handed = True
                    outcome = self._attempt(association, path, header)
                    record(path, outcome)
                    if isinstance(outcome, Failed):
                        last_problem = outcome.reason
                    else:
                        settled = True
            finally:
                _end(association)
            fruitless = 0 if settled else fruitless + 1
        for path, _ in waiting:
            record(path, NotTried(f"Not tried, because the objects before it failed: {last_problem}"))
        return handed

    @staticmethod
    def _attempt(association: Association, path: Path, header: FileHeader) -> Outcome:
        try:
            return _send(association, path, header)
        except NoResponse as problem:
            association.abort()
            return Failed(str(problem))


def send_files(
    settings: DicomDestinationSettings,
    paths: Sequence[Path],
    log: structlog.typing.FilteringBoundLogger,
    progress: Progress | None = None,
) -> dict[Path, Outcome]:
    """Send files to a node that is no configured destination."""
    return DicomDestination(settings, log).deliver(paths, progress)


def _send(association: Association, path: Path, header: FileHeader) -> Outcome:
    accepted = [cx for cx in association.accepted_contexts if cx.abstract_syntax == header.sop_class_uid]
    syntaxes = [str(cx.transfer_syntax[0]) for cx in accepted]
    own = header.transfer_syntax_uid
    try:
        with reading(path):
            if own in syntaxes:
                status = association.send_c_store(path)
            elif syntaxes and not transfer_syntaxes.is_compressed_image_syntax(own) and own != ExplicitVRBigEndian:
                # Only the encoding of the same values changes: implicit or explicit VR, deflated or not.
                status = association.send_c_store(pydicom.dcmread(path))
            else:
                return Refused(_refusal(header, accepted, association.rejected_contexts))
    except (FileAway, NotADicomFile) as problem:
        if own in syntaxes:
            association.abort()  # it was sent while it was read: the peer may have half of it
        return Failed(str(problem)) if isinstance(problem, FileAway) else Refused(str(problem))
    except (ValueError, AttributeError, RuntimeError) as problem:
        if not association.is_established:
            raise NoResponse from problem
        return Refused(f"{path.name} cannot be encoded for sending ({problem}).")
    if "Status" not in status:
        raise NoResponse
    return outcome_of(status)


def _refusal(
    header: FileHeader, accepted: Sequence[PresentationContext], rejected: Sequence[PresentationContext]
) -> str:
    kind = sop_classes.name_of(header.sop_class_uid)
    encoding = transfer_syntaxes.name_of(header.transfer_syntax_uid)
    if accepted and transfer_syntaxes.is_compressed_image_syntax(header.transfer_syntax_uid):
        return (
            f"The peer takes {kind} only uncompressed, and this one is encoded as {encoding}; "
            "switch that transfer syntax on at the peer."
        )
    results = {cx.result for cx in rejected if cx.abstract_syntax == header.sop_class_uid}
    if accepted or results == {TRANSFER_SYNTAXES_NOT_SUPPORTED}:
        return f"The peer takes {kind}, but not encoded as {encoding}; switch that transfer syntax on at the peer."
    return f"The peer does not take {kind}; switch that SOP class on at the peer, or leave it out for this destination."


def _end(association: Association) -> None:
    if association.is_established:
        association.release()
