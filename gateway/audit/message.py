"""An audit entry as a DICOM audit message: XML after the schema of PS3.15 A.5.1. It names no patient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final
from xml.etree import ElementTree as Tree

from gateway.audit.codes import DESTINATION, OWN_SCHEME, SOURCE, STUDY_UID, Code, event_of

# What XML 1.0 can't hold at all (2.2), whatever people put into a name.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_TEXT = 1024
_OUTCOMES: Final = {"ok": "0", "failed": "4", "refused": "8"}
_WEB_SERVER = "3"  # PS3.15 A.5.1.2.1


@dataclass(frozen=True)
class Entry:
    """One row of the audit trail."""

    id: int
    at: datetime
    actor: str
    action: str
    study_instance_uid: str | None
    outcome: str
    detail: dict[str, Any] | None


@dataclass(frozen=True)
class AuditSource:
    """Who reports: the machine's name, and the gateway's AE title."""

    node: str
    ae_title: str


def audit_message(entry: Entry, source: AuditSource) -> str:
    """Return the message, without an XML declaration. Never fails, whatever the entry holds."""
    event = event_of(entry.action)
    detail = dict(entry.detail or {})
    address = str(detail.pop("address", ""))
    message = Tree.Element("AuditMessage")
    identification = Tree.SubElement(
        message,
        "EventIdentification",
        EventActionCode=event.action,
        EventDateTime=written_time(entry.at),
        EventOutcomeIndicator=_OUTCOMES.get(entry.outcome, "4"),
    )
    _coded(identification, "EventID", event.id)
    if event.type is not None:
        _coded(identification, "EventTypeCode", event.type)
    if event.id.scheme != OWN_SCHEME:
        _coded(identification, "EventTypeCode", Code(entry.action, entry.action.replace("_", " "), OWN_SCHEME))
    if detail:
        described = Tree.SubElement(identification, "EventOutcomeDescription")
        described.text = _text("; ".join(f"{key}: {value}" for key, value in detail.items()))
    moved = event.id.value == "110104"
    person = Tree.SubElement(message, "ActiveParticipant", UserID=_text(entry.actor), UserIsRequestor="true")
    if moved:
        _coded(person, "RoleIDCode", SOURCE)
    if address:
        person.set("NetworkAccessPointID", _text(address))
        person.set("NetworkAccessPointTypeCode", "2" if _is_ip(address) else "1")
    gateway = Tree.SubElement(
        message,
        "ActiveParticipant",
        UserID=_text(source.node),
        AlternativeUserID=_text(f"AETITLES={source.ae_title}"),  # PS3.15 A.5.2.2
        UserName="mammogate",
        UserIsRequestor="false",
    )
    if moved:
        _coded(gateway, "RoleIDCode", DESTINATION)
    reporter = Tree.SubElement(message, "AuditSourceIdentification", AuditSourceID=_text(source.node))
    Tree.SubElement(reporter, "AuditSourceTypeCode", {"csd-code": _WEB_SERVER})
    if entry.study_instance_uid:
        _study(message, entry.study_instance_uid, event.life_cycle)
    return Tree.tostring(message, encoding="unicode")


def written_time(at: datetime) -> str:
    """Return a time as xsd:dateTime, which is RFC 3339 too, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _study(message: Tree.Element, uid: str, life_cycle: str) -> None:
    study = Tree.SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=_text(uid),
        ParticipantObjectTypeCode="2",
        ParticipantObjectTypeCodeRole="3",
        ParticipantObjectDataLifeCycle=life_cycle,
    )
    _coded(study, "ParticipantObjectIDTypeCode", STUDY_UID)
    # The schema wants a name or a query; whoever may know the patient's asks for the study.
    Tree.SubElement(study, "ParticipantObjectName").text = "Study"


def _coded(parent: Tree.Element, name: str, code: Code) -> None:
    attributes = {"csd-code": code.value, "codeSystemName": code.scheme, "originalText": code.meaning}
    Tree.SubElement(parent, name, {key: _text(value) for key, value in attributes.items()})


def _text(value: str) -> str:
    return _NOT_XML.sub("?", value)[:_LONGEST_TEXT]


def _is_ip(address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    return True
