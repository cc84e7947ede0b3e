"""Counting who is in, by entry and over all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from dicom_node.association_policy import AllowedPeer, AssociationPolicy, Refusal
from dicom_node.association_tally import AssociationTally
from tests.dicom_node.conftest import StartReceiver
from tests.dicom_node.raw_peer import RawPeer

XRAY, ORTHANC = AllowedPeer("XRAY", ("192.0.2.0/24",), 2), AllowedPeer("ORTHANC")


def admit(tally: AssociationTally, name: object, calling: str = "XRAY", called: str = "US") -> Refusal | None:
    return tally.admit(name, called=called, calling=calling, address="192.0.2.7")


def test_a_place_is_taken_until_its_association_leaves() -> None:
    tally = AssociationTally(AssociationPolicy("US", (XRAY, ORTHANC)))
    assert [admit(tally, n) is None for n in range(3)] == [True, True, False]
    assert admit(tally, 4, "ORTHANC") is None
    tally.leave(0)
    assert admit(tally, 5) is None
    assert admit(tally, 6) is not None


def test_what_was_turned_away_holds_no_place_and_may_leave_all_the_same() -> None:
    tally = AssociationTally(AssociationPolicy("US", (XRAY,), max_associations=1))
    assert admit(tally, "a", called="THEM") is not None
    tally.leave("a")
    assert admit(tally, "b") is None
    assert admit(tally, "c") is not None


def test_associations_that_come_at_once_do_not_get_past_the_limit() -> None:
    tally = AssociationTally(AssociationPolicy("US", (XRAY,)))
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda name: admit(tally, name), range(64)))
    assert answers.count(None) == 2


def test_an_entrys_limit_holds_at_the_port_and_its_places_come_back(start_receiver: StartReceiver) -> None:
    receiver = start_receiver(allowed_peers=(AllowedPeer("RAWPEER", max_associations=1), AllowedPeer("OTHER")))
    with RawPeer(receiver.port) as first:
        with RawPeer(receiver.port) as second:
            kind, content = second.answer
            # A-ASSOCIATE-RJ: result, source, reason after a reserved byte (PS3.8 9.3.4).
            assert (kind, content[1:4]) == (3, bytes((2, 3, 2)))
        with RawPeer(receiver.port, calling="OTHER") as other:
            assert other.answer[0] == 2
            other.release()
        first.release()
    receiver.wait_for_endings(2)
    assert "max_associations" in receiver.events("association_rejected")[0]["reason"]
    with RawPeer(receiver.port) as again:
        assert again.answer[0] == 2
        again.release()
