"""Who may associate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.association_policy import AllowedPeer, AssociationPolicy, InvalidPeerAddress, Refusal


def refusal(policy: AssociationPolicy, **request: object) -> Refusal | None:
    asked = {"called": "MAMMOGATE", "calling": "MODALITY", "address": "192.0.2.7", "open_associations": 0, **request}
    return policy.refusal(**asked)  # type: ignore[arg-type]  # a test's short way of naming four arguments


def test_without_a_list_everybody_may_associate() -> None:
    assert refusal(AssociationPolicy("MAMMOGATE")) is None


def test_another_called_title_is_rejected_and_the_sentence_names_both() -> None:
    found = refusal(AssociationPolicy("MAMMOGATE"), called="ARCHIVE         ")
    assert found is not None
    assert (found.result, found.source, found.reason) == (1, 1, 7)
    assert "'ARCHIVE'" in found.sentence
    assert "'MAMMOGATE'" in found.sentence


def test_padding_of_titles_does_not_count() -> None:
    policy = AssociationPolicy("MAMMOGATE", [AllowedPeer("MODALITY ", ("192.0.2.0/24",))])
    assert refusal(policy, called="MAMMOGATE       ", calling=" MODALITY") is None


@pytest.mark.parametrize(
    ("addresses", "address", "welcome"),
    [
        (("192.0.2.0/24",), "192.0.2.7", True),
        (("192.0.2.7",), "192.0.2.7", True),
        (("192.0.2.0/24",), "198.51.100.1", False),
        (("192.0.2.0/24",), "::ffff:192.0.2.7", True),
        (("2001:db8::/32",), "2001:db8::1", True),
        (("2001:db8::/32",), "192.0.2.7", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        ((), "203.0.113.5", True),
        (("192.0.2.1/24",), "192.0.2.200", True),
    ],
)
def test_the_address_has_to_lie_in_one_of_the_peers_networks(
    addresses: tuple[str, ...], address: str, welcome: bool
) -> None:
    policy = AssociationPolicy("MAMMOGATE", [AllowedPeer("MODALITY", addresses)])
    assert (refusal(policy, address=address) is None) is welcome


def test_an_unknown_title_and_a_wrong_address_are_told_apart_in_the_log_but_not_to_the_peer() -> None:
    policy = AssociationPolicy("MAMMOGATE", [AllowedPeer("MODALITY", ("192.0.2.0/24",))])
    unknown, elsewhere = refusal(policy, calling="STRANGER"), refusal(policy, address="198.51.100.1")
    assert unknown is not None
    assert elsewhere is not None
    assert (unknown.result, unknown.source, unknown.reason) == (elsewhere.result, elsewhere.source, elsewhere.reason)
    assert "not among the allowed peers" in unknown.sentence
    assert "not from 198.51.100.1" in elsewhere.sentence


def test_a_full_house_is_a_temporary_rejection() -> None:
    found = refusal(AssociationPolicy("MAMMOGATE", max_associations=3), open_associations=3)
    assert found is not None
    assert (found.result, found.source, found.reason) == (2, 3, 2)


def test_an_entry_at_its_own_limit_is_a_temporary_rejection_that_says_so() -> None:
    xray = AllowedPeer("MODALITY", max_associations=2)
    policy = AssociationPolicy("MAMMOGATE", [xray, AllowedPeer("OTHER")])
    assert refusal(policy, open_associations=9, open_by_entry={xray: 1}) is None
    found = refusal(policy, open_associations=2, open_by_entry={xray: 2})
    assert found is not None
    assert (found.result, found.source, found.reason) == (2, 3, 2)
    assert "2 of its associations are open" in found.sentence
    assert "max_associations" in found.sentence
    assert refusal(policy, calling="OTHER", open_associations=2, open_by_entry={xray: 2}) is None


def test_the_first_entry_that_fits_is_the_one_that_counts() -> None:
    near, anywhere = AllowedPeer("MODALITY", ("192.0.2.0/24",), 1), AllowedPeer("MODALITY", (), 5)
    policy = AssociationPolicy("MAMMOGATE", [near, anywhere])
    assert policy.entry_for("MODALITY ", "192.0.2.7") == near
    assert policy.entry_for("MODALITY", "198.51.100.1") == anywhere
    assert policy.entry_for("STRANGER", "192.0.2.7") is None


def test_an_address_that_is_none_is_refused_at_start_with_advice() -> None:
    with pytest.raises(InvalidPeerAddress, match=r"write it like 192\.0\.2\.7"):
        AllowedPeer("MODALITY", ("mri.hospital",))


@given(st.text(max_size=16), st.text(max_size=16), st.ip_addresses().map(str))
def test_no_request_makes_the_policy_raise(called: str, calling: str, address: str) -> None:
    policy = AssociationPolicy("MAMMOGATE", [AllowedPeer("MODALITY", ("192.0.2.0/24", "2001:db8::/32"))])
    refusal(policy, called=called, calling=calling, address=address)
