"""The conformance statement against the tables that the code negotiates and answers by."""

from __future__ import annotations

import re
from pathlib import Path

import pynetdicom
import structlog
from pydicom import Dataset
from pydicom.uid import UID

from dicom_node import (
    association_policy,
    commitment_report,
    destination,
    sop_classes,
    storage_commitment,
    stow_response,
    stow_upload,
    transfer_syntaxes,
)
from dicom_node.archive_query import StudyRootQueryRetrieveInformationModelFind
from dicom_node.association_request import MAX_CONTEXTS, MAX_PDU_BYTES
from dicom_node.association_services import SOP_CLASS_NOT_SUPPORTED
from dicom_node.intake import Verdict
from dicom_node.pdu_stream import MAX_INCOMING_PDU_BYTES
from dicom_node.presentation_contexts import accepted_contexts
from dicom_node.storage_scp import ScpSettings
from dicom_node.store_status import outcome_of
from dicom_node.stow_router import StowSettings
from dicom_node.tls import acceptor_context, requestor_context
from dicom_node.tls_handshake import HANDSHAKE_SECONDS, MAX_HANDSHAKES
from reporting import withdrawal
from reporting.cad_sr import document as cad_sr
from reporting.codes import private
from reporting.equipment import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from reporting.measurement_report import document as measurement_report
from reporting.presentation_state import document as presentation_state
from reporting.summary_image import document as summary_image
from tests.docs.papers import CONFORMANCE, Row, tables
from tests.peers.certificates import Authority

TEXT = CONFORMANCE.read_text("utf-8")
TABLES = tables(TEXT)
SYNTAX_GROUPS = {
    "little endian": transfer_syntaxes.LITTLE_ENDIAN,
    "images": transfer_syntaxes.FOR_IMAGES,
    "others": transfer_syntaxes.FOR_OTHER_OBJECTS,
}


def _rows(*header: str) -> list[Row]:
    return TABLES[header]


def test_the_accepted_sop_classes_are_those_that_are_negotiated() -> None:
    listed = {uid: (name, group) for name, uid, group in _rows("SOP class", "UID", "transfer syntaxes")}
    negotiated = {str(context.abstract_syntax): list(context.transfer_syntax) for context in accepted_contexts()}
    assert set(listed) == set(negotiated)
    for uid, (name, group) in listed.items():
        assert name == UID(uid).name.removesuffix(" SOP Class")
        assert list(SYNTAX_GROUPS[group]) == negotiated[uid], name


def test_the_transfer_syntaxes_stand_in_their_order_of_preference_for_each_group() -> None:
    rows = _rows("transfer syntax", "UID", *SYNTAX_GROUPS)
    for place, syntaxes in enumerate(SYNTAX_GROUPS.values(), start=2):
        assert [row[1] for row in rows if row[place] == "yes"] == list(syntaxes)
    assert [row[0].removesuffix(" (retired)") for row in rows] == [UID(row[1]).name for row in rows]


def test_every_c_store_answer_is_listed_and_no_other() -> None:
    rows = _rows("status", "meaning", "what the gateway keeps", "what the sender should do")
    answers = {verdict.value for verdict in Verdict} | {SOP_CLASS_NOT_SUPPORTED}
    assert {int(row[0], 16) for row in rows} == answers


def test_storage_commitment_is_the_class_instance_and_statuses_that_are_listed() -> None:
    ((name, uid, instance, group),) = _rows("SOP class", "UID", "SOP instance", "transfer syntax")
    context = storage_commitment.StorageCommitment(_NobodysDesk(), structlog.get_logger()).context()
    assert (uid, instance) == (context.abstract_syntax, storage_commitment.WELL_KNOWN_INSTANCE)
    assert name == UID(uid).name.removesuffix(" SOP Class")
    assert list(SYNTAX_GROUPS[group]) == context.transfer_syntax
    of_form = {
        storage_commitment.NO_SUCH_INSTANCE,
        storage_commitment.NO_SUCH_ARGUMENT,
        storage_commitment.INVALID_ARGUMENT,
        storage_commitment.NO_SUCH_CLASS,
        storage_commitment.NO_SUCH_ACTION,
    }
    listed = {int(row[0], 16) for row in _rows("answer to N-ACTION", "meaning")}
    assert listed == of_form | {recorded.value for recorded in storage_commitment.Recorded}
    assert f"more than {storage_commitment.MAX_REFERENCES} instances" in TEXT


def test_the_failure_reasons_and_the_query_of_storage_commitment_are_those_of_the_code() -> None:
    listed = {int(row[0], 16) for row in _rows("Failure Reason (0008,1197)", "when")}
    assert listed == {
        commitment_report.PROCESSING_FAILURE,
        commitment_report.NO_SUCH_OBJECT,
        commitment_report.CLASS_CONFLICT,
        commitment_report.RESOURCE_LIMITATION,
    }
    ((_, uid, group),) = _rows("SOP class", "UID", "transfer syntaxes proposed")
    assert uid == StudyRootQueryRetrieveInformationModelFind
    assert group in SYNTAX_GROUPS


def test_every_status_of_a_peer_is_taken_as_the_statement_says() -> None:
    taken_as = {
        "delivered": destination.Delivered,
        "failed for now": destination.Failed,
        "refused": destination.Refused,
    }
    checked = 0
    for meant, kind, _ in _rows("answer of the peer", "taken as", "what happens"):
        for first, last in re.findall(r"0x([0-9A-F]{4})(?:-0x([0-9A-F]{4}))?", meant):
            low = int(first, 16)
            for code in range(low, int(last or first, 16) + 1):
                assert type(outcome_of(_status(code))) is taken_as[kind], hex(code)
                checked += 1
    assert checked > 1000
    assert type(outcome_of(_status(0x4242))) is taken_as["failed for now"]


def test_the_stow_failure_reasons_are_those_of_the_code() -> None:
    listed = {int(row[0], 16) for row in _rows("Failure Reason", "meaning")}
    codes = {
        stow_response.OUT_OF_RESOURCES,
        stow_upload.CANNOT_UNDERSTAND,
        stow_upload.SOP_CLASS_NOT_SUPPORTED,
        stow_upload.STUDY_MISMATCH,
    }
    assert listed == codes
    settings = StowSettings()
    assert f"{settings.max_request_bytes >> 30} GiB or {settings.max_parts} parts" in TEXT


def test_the_limits_are_those_of_the_code() -> None:
    receiving = ScpSettings()
    sending = destination.DicomDestinationSettings("x", "127.0.0.1", 104, "X")
    listed = {row[0]: row[1:] for row in _rows("", "as acceptor", "as requestor")}
    assert listed["maximum PDU that we receive"] == (f"{receiving.max_pdu_bytes} bytes", f"{MAX_PDU_BYTES} bytes")
    assert listed["associations at once"][0].startswith(f"{receiving.max_associations};")
    assert listed["presentation contexts"][1].startswith(f"at most {MAX_CONTEXTS};")
    assert listed["connection timeout"][1] == f"{sending.connect_timeout:g} s"
    assert listed["ACSE timeout"] == (f"{receiving.acse_timeout:g} s", f"{sending.acse_timeout:g} s")
    assert f"less than {receiving.slowest_bytes_per_second:g} bytes/s" in listed["network timeout"][0]
    assert listed["DIMSE timeout"][1].startswith(f"{sending.dimse_timeout:g} s")
    assert listed["network timeout"][0].startswith(f"{receiving.network_timeout:g} s")
    assert listed["network timeout"][1] == f"{sending.network_timeout:g} s"
    assert listed["implementation class UID"][0] == pynetdicom.PYNETDICOM_IMPLEMENTATION_UID
    assert listed["implementation version name"][0] == pynetdicom.PYNETDICOM_IMPLEMENTATION_VERSION
    assert f"dropped without an answer when {2 * receiving.max_associations} are open" in TEXT
    assert f"a PDU announces more than {MAX_INCOMING_PDU_BYTES >> 20} MiB" in TEXT


def test_rejections_are_listed_as_the_policy_makes_them() -> None:
    policy = association_policy.AssociationPolicy("US", (association_policy.AllowedPeer("KNOWN"),), 1)
    asked = (("THEM", "KNOWN", 0), ("US", "STRANGER", 0), ("US", "KNOWN", 1))
    refusals = [
        policy.refusal(called=called, calling=calling, address="192.0.2.1", open_associations=count)
        for called, calling, count in asked
    ]
    made = {f"{refusal.result}, {refusal.source}, {refusal.reason}" for refusal in refusals if refusal}
    listed = _rows("result, source, reason (PS3.8 table 9-21)", "when", "what to do")
    assert {row[0].partition(":")[0] for row in listed} == made


def test_what_is_said_of_tls_is_what_a_context_offers(tmp_path: Path) -> None:
    hospital = Authority(tmp_path, "hospital")
    gate = hospital.issue("gate")
    listed = dict(_rows("", "offered and accepted"))
    accepting = acceptor_context(gate.certificate, gate.key, hospital.certificate)
    for context in (accepting, requestor_context(hospital.certificate)):
        for version in ("TLSv1.3", "TLSv1.2"):
            suites = [suite["name"] for suite in context.get_ciphers() if suite["protocol"] == version]
            assert listed[f"cipher suites of TLS {version[-3:]}"].split(", ") == suites
    (time_and_number,) = [row[1] for row in _rows("what is checked", "as acceptor", "as requestor") if "time" in row[0]]
    assert time_and_number == f"{HANDSHAKE_SECONDS:g} s, at most {MAX_HANDSHAKES} at once"


def test_the_private_codes_are_those_of_the_code() -> None:
    codes = (
        *private.CLASS_PROBABILITY.values(),
        *private.CLASS_VALUE.values(),
        *private.ATTENTION_VALUE.values(),
        *(value for value in vars(private).values() if getattr(value, "scheme_designator", "") == private.SCHEME),
    )
    assert set(_rows("code", "meaning")) == {(code.value, code.meaning) for code in codes}
    assert f"`{private.SCHEME}` ({private.SCHEME_NAME})" in TEXT


def test_the_created_objects_have_the_classes_and_series_numbers_that_are_listed() -> None:
    rows = _rows("kind", "SOP class", "UID", "Modality", "series number", "content")
    writers = (cad_sr, measurement_report, presentation_state, summary_image)
    made = [(writer.KIND, writer._SERIES_NUMBER) for writer in writers]
    assert [(row[0], int(row[4])) for row in rows] == [*made, ("rejection note", withdrawal._SERIES_NUMBER)]
    sent = _rows("object", "SOP class", "UID", "transfer syntaxes proposed")
    assert [row[1:3] for row in rows] == [row[1:3] for row in sent[: len(rows)]]
    for _, name, uid, *_ in rows:
        assert UID(uid).name == name
        assert sop_classes.is_accepted(uid)


def test_the_implementation_of_created_files_is_listed() -> None:
    assert f"{IMPLEMENTATION_CLASS_UID}, version name {IMPLEMENTATION_VERSION_NAME}" in " ".join(TEXT.split())


class _NobodysDesk:
    def record(self, request: storage_commitment.CommitmentRequest) -> storage_commitment.Recorded:
        return storage_commitment.Recorded.OUT_OF_RESOURCES


def _status(code: int) -> Dataset:
    status = Dataset()
    status.Status = code
    return status
