"""Audit messages, and their syslog frames, whatever an audit entry holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from xml.etree import ElementTree as Tree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.codes import EVENTS
from gateway.audit.message import AuditSource, Entry, audit_message
from gateway.audit.sending import GAP_PATIENCE, complete_beginning
from gateway.audit.syslog import NOTICE, framed, syslog_message
from reporting.feed.stores import AuditAction
from tests.docs.papers import ROOT
from tests.gateway.audit.message_shape import wrongs
from tests.peers.syslog_server import parsed

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SOURCE = AuditSource("gate1", "MAMMOGATE")


def an_entry(number: int = 1, action: str = "study_viewed", **fields: Any) -> Entry:
    values = {"at": START, "actor": "erna", "study_instance_uid": "1.2.3", "outcome": "ok", "detail": None, **fields}
    return Entry(id=number, action=action, **values)


def message_of(entry: Entry) -> Tree.Element:
    return Tree.fromstring(audit_message(entry, SOURCE))  # noqa: S314 - what our own code wrote


def test_who_did_what_to_which_study_from_where_is_in_the_message() -> None:
    message = message_of(an_entry(detail={"address": "10.0.0.1"}))
    assert wrongs(message) == []
    event = message.find("EventIdentification")
    assert event is not None
    assert event.attrib == {
        "EventActionCode": "R",
        "EventDateTime": "2026-11-23T08:00:00.000Z",
        "EventOutcomeIndicator": "0",
    }
    (code,) = event.findall("EventID")
    assert (code.get("csd-code"), code.get("codeSystemName")) == ("110103", "DCM")
    person, gateway = message.findall("ActiveParticipant")
    assert (person.get("UserID"), person.get("UserIsRequestor")) == ("erna", "true")
    assert (person.get("NetworkAccessPointID"), person.get("NetworkAccessPointTypeCode")) == ("10.0.0.1", "2")
    assert (gateway.get("UserID"), gateway.get("AlternativeUserID")) == ("gate1", "AETITLES=MAMMOGATE")
    (study,) = message.findall("ParticipantObjectIdentification")
    assert study.get("ParticipantObjectID") == "1.2.3"


@pytest.mark.parametrize(
    ("action", "event", "kind"),
    [
        ("login", "110114", "110122"),
        ("logout", "110114", "110123"),
        ("device_revoked", "110113", "110137"),
        ("token_revoked", "110113", "110137"),
        ("upload", "110104", "upload"),
        ("forget", "110105", "forget"),
        ("export", "110106", "export"),
    ],
)
def test_each_action_is_the_event_that_dicom_has_for_it(action: str, event: str, kind: str) -> None:
    message = message_of(an_entry(action=action, study_instance_uid=None))
    assert wrongs(message) == []
    assert [code.get("csd-code") for code in message.iter("EventID")] == [event]
    assert next(code.get("csd-code") for code in message.iter("EventTypeCode")) == kind


def test_an_action_that_dicom_has_no_event_for_is_one_of_a_scheme_of_our_own() -> None:
    message = message_of(an_entry(action="feedback_given"))
    assert wrongs(message) == []
    (code,) = message.iter("EventID")
    assert (code.get("csd-code"), code.get("codeSystemName")) == ("feedback_given", "99MAMMOGATE")


def test_every_action_that_our_code_writes_is_known() -> None:
    written = set(get_args(AuditAction))
    in_code = re.compile(r'(?:AuditEntry\([^)]*action=|\bACTION = |_audited\(\s*)"(\w+)"')
    for file in (ROOT / "gateway").rglob("*.py"):
        written |= set(in_code.findall(file.read_text("utf-8")))
    assert len(written) > 18
    assert written - set(EVENTS) == set()


@pytest.mark.parametrize(("outcome", "indicator"), [("ok", "0"), ("failed", "4"), ("refused", "8")])
def test_how_it_ended_is_told(outcome: str, indicator: str) -> None:
    (event,) = message_of(an_entry(outcome=outcome)).iter("EventIdentification")
    assert event.get("EventOutcomeIndicator") == indicator


@settings(max_examples=150, deadline=None)
@given(
    actor=st.text(max_size=40),
    action=st.sampled_from([*EVENTS, "something new", "\x00"]),
    study=st.none() | st.text(max_size=70),
    outcome=st.sampled_from(["ok", "failed", "refused", ""]),
    detail=st.none()
    | st.dictionaries(st.text(max_size=8), st.text(max_size=3000) | st.integers() | st.none(), max_size=4),
    at=st.datetimes(timezones=st.just(UTC)),
)
def test_whatever_an_entry_holds_it_becomes_a_message_that_can_be_parsed(
    actor: str, action: str, study: str | None, outcome: str, detail: dict[str, Any] | None, at: datetime
) -> None:
    entry = Entry(1, at, actor, action, study, outcome, detail)
    sent = syslog_message(audit_message(entry, SOURCE), at=at, host="gate1", severity=NOTICE)
    assert len(sent) < 32768  # what every receiver takes (PS3.15 A.6)
    header, message = parsed(sent)
    assert wrongs(message) == []
    assert (header["priority"], header["id"]) == ("85", "DICOM+RFC3881")
    length, _, rest = framed(sent).partition(b" ")
    assert (int(length), rest) == (len(sent), sent)


@settings(deadline=None)
@given(st.data())
def test_no_entry_is_passed_that_may_still_appear(data: st.DataObject) -> None:
    """Whatever order transactions end in: what is sent in rounds is every entry, once, in its order."""
    count = data.draw(st.integers(1, 12))
    # When each number is drawn, and how much later it can be seen; less than the patience, or never.
    drawn = sorted(data.draw(st.lists(st.integers(0, 300), min_size=count, max_size=count)))
    late = data.draw(st.lists(st.none() | st.integers(0, 119), min_size=count, max_size=count))
    entries = [an_entry(number, at=START + timedelta(seconds=second)) for number, second in enumerate(drawn, 1)]
    seen_from = [None if wait is None else second + wait for second, wait in zip(drawn, late, strict=True)]
    position, sent = 0, []
    for second in range(0, 600, 7):
        visible = [
            entry
            for entry, since in zip(entries, seen_from, strict=True)
            if entry.id > position and since is not None and since <= second
        ]
        for entry in visible[: complete_beginning(position, visible, START + timedelta(seconds=second))]:
            sent.append(entry.id)
            position = entry.id
    assert timedelta(seconds=119) < GAP_PATIENCE
    assert sent == [entry.id for entry, since in zip(entries, seen_from, strict=True) if since is not None]
