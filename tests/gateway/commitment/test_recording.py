"""Recording a request: one row and one job for each Transaction UID, or no success."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from config.settings import Peer
from dicom_node.storage_commitment import Recorded
from gateway.commitment.address_book import AddressBook, Listener
from gateway.commitment.recording import DurableDesk
from gateway.database.commitment_models import Commitment, CommitmentReference
from gateway.parts import Parts
from gateway.workflow.jobs import commit_id
from tests.gateway.commitment.rows import commitment, request

BOOK = AddressBook([Peer(ae_title="XRAY1", port=11104)])


def desk(parts: Parts, book: AddressBook = BOOK) -> DurableDesk:
    return DurableDesk(parts.database, parts.jobs, book)


def test_a_request_leaves_a_row_and_a_job(parts: Parts) -> None:
    assert desk(parts).record(request("1.1", "1.2")) is Recorded.DURABLY
    row = commitment(parts)
    assert (row.transaction_uid, row.requester_ae_title, row.status) == ("1.9.1", "XRAY1", "waiting")
    assert [item.sop_instance_uid for item in row.references] == ["1.1", "1.2"]
    assert parts.jobs.is_alive(commit_id(row.id, 1))


def test_a_repeated_transaction_uid_leaves_one_row(parts: Parts) -> None:
    answers: list[Recorded] = []
    threads = [
        threading.Thread(target=lambda: answers.append(desk(parts).record(request("1.1", "1.2")))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Recorded.DURABLY] * 4
    with parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Commitment)) == 1
        assert session.scalar(select(func.count()).select_from(CommitmentReference)) == 2


def test_the_same_transaction_uid_of_another_requester_is_another_request(parts: Parts) -> None:
    book = AddressBook([Peer(ae_title="XRAY1", port=1104), Peer(ae_title="XRAY2", port=1104)])
    for name in ("XRAY1", "XRAY2"):
        assert desk(parts, book).record(request("1.1", requester=name)) is Recorded.DURABLY
    with parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Commitment)) == 2


def test_a_transaction_uid_in_use_for_other_instances_is_refused(parts: Parts) -> None:
    assert desk(parts).record(request("1.1")) is Recorded.DURABLY
    assert desk(parts).record(request("1.1", "1.2")) is Recorded.OTHER_INSTANCES
    assert len(commitment(parts).references) == 1


@pytest.mark.parametrize("status", ["reported", "failed"])
def test_who_asks_again_after_the_report_gets_another_one(parts: Parts, status: str) -> None:
    desk(parts).record(request("1.1"))
    with parts.database.write() as session:
        row = session.scalars(select(Commitment)).one()
        row.status, row.attempts = status, 3  # type: ignore[assignment] # one of its values
    assert desk(parts).record(request("1.1")) is Recorded.DURABLY
    row = commitment(parts)
    assert (row.status, row.attempts) == ("waiting", 3)
    assert parts.jobs.is_alive(commit_id(row.id, 4))


def test_nothing_is_recorded_where_no_port_is_known(parts: Parts) -> None:
    assert desk(parts, AddressBook([Peer(ae_title="XRAY1")])).record(request("1.1")) is Recorded.NOBODY_TO_TELL
    assert desk(parts, AddressBook([])).record(request("1.1")) is Recorded.NOBODY_TO_TELL
    with parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Commitment)) == 0


def test_a_database_that_is_away_is_no_success(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("away"))

    monkeypatch.setattr(parts.jobs, "commit", away)
    assert desk(parts).record(request("1.1")) is Recorded.OUT_OF_RESOURCES
    with parts.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Commitment)) == 0, "no row without its job"


def test_the_report_goes_to_the_entry_of_title_and_network() -> None:
    book = AddressBook(
        [
            Peer.model_validate({"ae_title": "XRAY1", "addresses": ["10.1.0.0/16"], "host": "xray1", "port": 104}),
            Peer.model_validate({"ae_title": "XRAY1", "addresses": ["10.2.0.0/16"], "port": 11104}),
            Peer(ae_title="XRAY2"),
        ]
    )
    assert book.listener("XRAY1 ", "10.1.2.3") == Listener("xray1", 104)
    assert book.listener("XRAY1", "::ffff:10.2.2.3") == Listener("10.2.2.3", 11104)
    assert book.listener("XRAY1", "10.3.2.3") is None
    assert book.listener("XRAY2", "10.1.2.3") is None
