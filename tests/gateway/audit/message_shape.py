"""What the schema of PS3.15 A.5.1 allows in an audit message: the elements in their order, and their attributes."""

from __future__ import annotations

import re
from datetime import datetime
from xml.etree import ElementTree as Tree

_CODED = ({"csd-code", "codeSystemName", "originalText"}, {"displayName"})
# Element: what it must have, what it may have, and what is in it, as a pattern over the names of its children.
_SHAPE: dict[str, tuple[set[str], set[str], str]] = {
    "AuditMessage": (
        set(),
        set(),
        "EventIdentification (ActiveParticipant )+AuditSourceIdentification (ParticipantObjectIdentification )*",
    ),
    "EventIdentification": (
        {"EventDateTime", "EventOutcomeIndicator"},
        {"EventActionCode"},
        "EventID (EventTypeCode )*(EventOutcomeDescription )?",
    ),
    "EventID": (*_CODED, ""),
    "EventTypeCode": (*_CODED, ""),
    "EventOutcomeDescription": (set(), set(), ""),
    "ActiveParticipant": (
        {"UserID", "UserIsRequestor"},
        {"AlternativeUserID", "UserName", "NetworkAccessPointID", "NetworkAccessPointTypeCode"},
        "(RoleIDCode )*",
    ),
    "RoleIDCode": (*_CODED, ""),
    "AuditSourceIdentification": ({"AuditSourceID"}, {"AuditEnterpriseSiteID"}, "(AuditSourceTypeCode )*"),
    "AuditSourceTypeCode": ({"csd-code"}, {"codeSystemName", "displayName", "originalText"}, ""),
    "ParticipantObjectIdentification": (
        {"ParticipantObjectID"},
        {
            "ParticipantObjectTypeCode",
            "ParticipantObjectTypeCodeRole",
            "ParticipantObjectDataLifeCycle",
            "ParticipantObjectSensitivity",
        },
        "ParticipantObjectIDTypeCode (ParticipantObjectName |ParticipantObjectQuery )(ParticipantObjectDetail )*",
    ),
    "ParticipantObjectIDTypeCode": (*_CODED, ""),
    "ParticipantObjectName": (set(), set(), ""),
}
_VALUES = {
    "EventActionCode": {"C", "R", "U", "D", "E"},
    "EventOutcomeIndicator": {"0", "4", "8", "12"},
    "UserIsRequestor": {"true", "false"},
    "NetworkAccessPointTypeCode": {"1", "2", "3", "4", "5"},
    "ParticipantObjectTypeCode": {"1", "2", "3", "4"},
    "ParticipantObjectTypeCodeRole": {str(number) for number in range(1, 27)},
    "ParticipantObjectDataLifeCycle": {str(number) for number in range(1, 16)},
}


def wrongs(message: Tree.Element) -> list[str]:
    """What of the message breaks the schema: nothing, when all is well."""
    found = []
    if message.tag != "AuditMessage":
        found.append(f"the root is {message.tag}")
    for element in message.iter():
        if element.tag not in _SHAPE:
            found.append(f"{element.tag} is unknown")
            continue
        must, may, inside = _SHAPE[element.tag]
        have = set(element.attrib)
        if not must <= have <= must | may:
            found.append(f"{element.tag} has {sorted(have)}")
        if not re.fullmatch(inside, "".join(f"{child.tag} " for child in element)):
            found.append(f"{element.tag} holds {[child.tag for child in element]}")
        for name, allowed in _VALUES.items():
            if name in have and element.attrib[name] not in allowed:
                found.append(f"{name}={element.attrib[name]}")
    for identification in message.iter("EventIdentification"):
        datetime.fromisoformat(identification.attrib["EventDateTime"])
    return found
