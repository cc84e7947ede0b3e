"""The note that takes back the pictures and presentation states of an earlier generation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reporting.study import Predecessor, StudyToReport
from reporting.withdrawal import NothingToWithdraw, build_withdrawal
from reporting.writing import report_bytes
from tests.reporting.built import as_read_back, reports_of
from tests.reporting.studies import CASES
from tests.reporting.validators import object_problems, template_problems, tree_problems


def _second_generation(first: str = "with_findings", second: str = "late_fifth_image") -> StudyToReport:
    old = tuple(
        Predecessor(one.kind, one.dialect, one.sop_class_uid, one.sop_instance_uid, one.series_instance_uid)
        for one in reports_of(first)
    )
    return replace(CASES[second](), generation=2, predecessors=old)


def test_the_note_lists_pictures_and_presentation_states_and_no_structured_report() -> None:
    note = as_read_back(build_withdrawal(_second_generation()))
    listed = {one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for one in note.ContentSequence[2:]}
    wanted = {
        one.sop_instance_uid
        for one in reports_of("with_findings")
        if one.kind in ("presentation_state", "summary_image")
    }
    assert listed == wanted
    evidence = {
        one.ReferencedSOPInstanceUID
        for series in note.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    }
    assert evidence == wanted
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert note.PatientID == "P-0001"


@pytest.mark.parametrize(("case", "declared"), [("japanese", "ISO_IR 192"), ("chinese", "GB18030")])
def test_the_note_names_the_patient_in_a_declared_character_set(case: str, declared: str) -> None:
    study = _second_generation(case, case)
    note = as_read_back(build_withdrawal(study))
    assert str(note.PatientName) == str(study.images[0].header.PatientName)
    assert note.SpecificCharacterSet == declared


def test_the_same_withdrawal_gives_the_same_bytes() -> None:
    first, second = (report_bytes(build_withdrawal(_second_generation())) for _ in range(2))
    assert first == second


def test_a_first_generation_has_nothing_to_withdraw() -> None:
    with pytest.raises(NothingToWithdraw):
        build_withdrawal(CASES["with_findings"]())


@pytest.mark.system
def test_the_validators_accept_the_note(tmp_path: Path) -> None:
    path = tmp_path / "note.dcm"
    path.write_bytes(report_bytes(build_withdrawal(_second_generation())))
    assert object_problems(path) == []
    assert tree_problems(path) == []
    assert template_problems(path) == []
