"""What the measurement report says: probabilities, regions, and what could not be read."""

from __future__ import annotations

import highdicom as hd
import pytest

from inference.classes import CLASSES
from reporting.codes import private
from tests.reporting.built import as_read_back, report_of
from tests.reporting.studies import CASES, MALIGNANT, MARKS
from tests.reporting.tree import items_named, value_of

_KIND = "measurement_report"


def test_the_five_probabilities_of_an_image_are_in_the_report() -> None:
    report = report_of("with_findings", _KIND).dataset
    for one in CLASSES:
        values = items_named(report, private.CLASS_PROBABILITY[one].value)
        assert len(values) == 4
        assert float(values[0].MeasuredValueSequence[0].NumericValue) == pytest.approx(100 * MALIGNANT[one])


def test_our_own_scheme_is_declared() -> None:
    (scheme,) = report_of("normal", _KIND).dataset.CodingSchemeIdentificationSequence
    assert scheme.CodingSchemeDesignator == private.SCHEME


def test_highdicom_reads_the_regions_back_under_the_shared_tracking_uids() -> None:
    document = hd.sr.Comprehensive3DSR.from_dataset(as_read_back(report_of("with_findings", _KIND)))
    groups = document.content.get_planar_roi_measurement_groups()
    wanted = [finding for findings in MARKS.values() for finding in findings]
    assert [group.tracking_uid for group in groups] == [finding.tracking_uid for finding in wanted]
    for group, finding in zip(groups, wanted, strict=True):
        assert group.roi.value.tolist() == [list(point) for point in finding.outline]
    cad = report_of("with_findings", "mammography_cad_sr").dataset
    assert [item.UID for item in items_named(cad, "112040")] == [group.tracking_uid for group in groups]


@pytest.mark.parametrize(
    ("case", "state"),
    [("normal", "READALL"), ("one_unreadable", "READSOME"), ("all_failed", "READNONE"), ("not_attempted", "READNONE")],
)
def test_the_study_says_whether_it_was_read(case: str, state: str) -> None:
    report = report_of(case, _KIND).dataset
    assert items_named(report, private.READ_STATE.value)[0].ConceptCodeSequence[0].CodeValue == state
    assert value_of(report, private.INTENDED_USE.value) == private.RESEARCH_ONLY.value


def test_a_study_that_was_not_read_has_no_attention_and_no_scores() -> None:
    report = report_of("all_failed", _KIND).dataset
    assert items_named(report, private.ATTENTION.value) == []
    assert items_named(report, private.MALIGNANCY_SCORE.value) == []
    assert items_named(report, private.CLASS.value) == []


@pytest.mark.parametrize("case", CASES)
def test_no_report_says_probability_of_cancer_or_an_assessment_category(case: str) -> None:
    report = report_of(case, _KIND).dataset
    text = str(report)
    assert items_named(report, "111047") == []
    assert "BI-RADS" not in text
    assert "Pathology" not in text
