"""An X-ray machine that asks for storage commitment (PS3.4 Annex J) and listens for the report on a port of its own."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.events import Event
from pynetdicom.presentation import build_role
from pynetdicom.sop_class import (
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from tests.peers.ports import LOOPBACK, free_port

Reference = tuple[str, str]  # SOP class, SOP instance


@dataclass(frozen=True)
class Report:
    """An N-EVENT-REPORT as it came."""

    event_type: int
    information: Dataset
    called_by: str
    roles: tuple[bool, bool] | None
    """Role selection for the class: (SCU, SCP) of the requestor; None where it proposed none."""
    sop_instance_uid: str

    @property
    def committed(self) -> set[str]:
        return {str(item.ReferencedSOPInstanceUID) for item in self.information.get("ReferencedSOPSequence", [])}

    @property
    def failed(self) -> dict[str, int]:
        return {
            str(item.ReferencedSOPInstanceUID): int(item.FailureReason)
            for item in self.information.get("FailedSOPSequence", [])
        }


@dataclass
class CommittingModality:
    """Its listening side may be away; `answers` are the statuses it gives to reports, 0x0000 when they are used up."""

    ae_title: str = "XRAY1"
    port: int = field(default_factory=free_port)
    takes_roles: bool = True
    answers: list[int] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    listening_tls: ssl.SSLContext | None = None
    calling_tls: ssl.SSLContext | None = None
    _server: Any = None

    def listen(self) -> None:
        ae = AE(self.ae_title)
        ae.require_called_aet = True
        if self.takes_roles:
            ae.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
        else:
            ae.add_supported_context(StorageCommitmentPushModel)
        self._server = ae.start_server(
            (LOOPBACK, self.port),
            block=False,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._on_report)],
            ssl_context=self.listening_tls,
        )

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def request(
        self,
        port: int,
        references: Sequence[Reference],
        transaction_uid: str | None = None,
        *,
        information: Dataset | None = None,
        action_type: int = 1,
        instance_uid: str = StorageCommitmentPushModelInstance,
        class_uid: str = StorageCommitmentPushModel,
        propose_role: bool = True,
        called: str = "MAMMOGATE",
    ) -> int | None:
        """Send an N-ACTION; return its status, None where the context was refused or nothing was answered."""
        ae = AE(self.ae_title)
        role = [build_role(StorageCommitmentPushModel, scu_role=True)] if propose_role else []
        association = ae.associate(
            LOOPBACK,
            port,
            [build_context(StorageCommitmentPushModel)],
            ae_title=called,
            ext_neg=list(role),
            tls_args=(self.calling_tls, "localhost") if self.calling_tls else None,
        )
        if not association.is_established:
            return None
        if information is None:
            information = commitment_request(references, transaction_uid or generate_uid())
        status, _ = association.send_n_action(
            information if len(information) else None,
            action_type,
            class_uid,
            instance_uid,
            meta_uid=StorageCommitmentPushModel,
        )
        if association.is_established:
            association.release()
        return int(status.Status) if "Status" in status else None

    def wait_for_reports(self, count: int = 1, seconds: float = 60.0) -> list[Report]:
        deadline = time.monotonic() + seconds
        while len(self.reports) < count:
            if time.monotonic() > deadline:
                pytest.fail(f"{len(self.reports)} of {count} reports came in {seconds:.0f} s", pytrace=False)
            time.sleep(0.05)
        return self.reports

    def _on_report(self, event: Event) -> tuple[int, None]:
        role = event.assoc.requestor.role_selection.get(StorageCommitmentPushModel)
        information = event.event_information
        information.walk(lambda data_set, element: None)  # read all of it now: pynetdicom leaves it undecoded
        report = Report(
            int(event.event_type or 0),
            information,
            event.assoc.requestor.ae_title,
            (bool(role.scu_role), bool(role.scp_role)) if role else None,
            str(event.request.AffectedSOPInstanceUID),
        )
        self.reports.append(report)
        return (self.answers.pop(0) if self.answers else 0x0000), None


def commitment_request(references: Sequence[Reference], transaction_uid: str) -> Dataset:
    """Return Action Information (PS3.4 Table J.3-1)."""
    information = Dataset()
    information.TransactionUID = transaction_uid
    information.ReferencedSOPSequence = []
    for sop_class, sop_instance in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        information.ReferencedSOPSequence.append(item)
    return information


@contextmanager
def committing_modality(**options: Any) -> Iterator[CommittingModality]:
    """Run one that listens."""
    modality = CommittingModality(**options)
    modality.listen()
    try:
        yield modality
    finally:
        modality.stop_listening()


def known_peers(**ports: int | None) -> str:
    """Return the setting DICOM__ALLOWED_PEERS: AE titles and their ports, and who the gateway's own C-ECHO is."""
    titles: dict[str, int | None] = {**ports, "MAMMOGATE_SCU": None}
    return json.dumps([{"ae_title": title, **({"port": port} if port else {})} for title, port in titles.items()])
