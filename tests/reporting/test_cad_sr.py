"""What the Mammography CAD SR says in every case."""

from __future__ import annotations

import pytest

from reporting.content_item import walk
from tests.reporting.built import report_of
from tests.reporting.headers import digital
from tests.reporting.studies import CASES
from tests.reporting.tree import codes_in, items_named, value_of

_KIND = "mammography_cad_sr"


@pytest.mark.parametrize(
    ("case", "summary", "detections", "completion"),
    [
        ("with_findings", "111242", "111222", "COMPLETE"),
        ("normal", "111241", "111222", "COMPLETE"),
        ("one_unreadable", "111244", "111223", "PARTIAL"),
        ("one_unreadable_without_findings", "111243", "111223", "PARTIAL"),
        ("missing_view", "111242", "111222", "PARTIAL"),
        ("all_failed", "111245", "111224", "PARTIAL"),
        ("not_attempted", "111245", "111225", "PARTIAL"),
        ("one_view_only", "111241", "111222", "PARTIAL"),
        ("late_fifth_image", "111242", "111222", "COMPLETE"),
        ("for_processing_too", "111242", "111222", "COMPLETE"),
    ],
)
def test_the_summaries_say_what_happened(case: str, summary: str, detections: str, completion: str) -> None:
    report = report_of(case, _KIND).dataset
    assert value_of(report, "111017") == summary
    assert value_of(report, "111064") == detections
    assert value_of(report, "111065") == "111225"
    assert report.CompletionFlag == completion
    assert ("CompletionFlagDescription" in report) == (completion == "PARTIAL")
    assert report.VerificationFlag == "UNVERIFIED"


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("missing_view", "Missing: L MLO"),
        ("one_unreadable", "Not read: L MLO"),
        ("all_failed", "Not read: R CC, L CC, R MLO, L MLO"),
        ("not_attempted", "Missing: R CC, L CC, R MLO, L MLO. No image could be read"),
        ("one_view_only", "Missing: R CC, L CC, L MLO"),
    ],
)
def test_a_partial_report_says_in_the_header_why(case: str, sentence: str) -> None:
    assert report_of(case, _KIND).dataset.CompletionFlagDescription == sentence


def test_a_study_that_was_not_attempted_mentions_no_detection() -> None:
    report = report_of("not_attempted", _KIND).dataset
    assert items_named(report, "111063") == items_named(report, "111025") == []
    assert len(items_named(report, "111028")[0].ContentSequence) == 4


def test_unread_images_are_listed_as_failed_and_not_as_searched() -> None:
    report = report_of("one_unreadable", _KIND).dataset
    (failed,) = items_named(report, "111025")
    (searched,) = items_named(report, "111063")
    tail = {tuple(one.ReferencedContentItemIdentifier) for one in failed.ContentSequence[0].ContentSequence[-1:]}
    entry = dict(walk(report))[tail.pop()]
    assert entry.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == digital("L", "MLO").SOPInstanceUID
    references = [one for one in searched.ContentSequence[0].ContentSequence if "ConceptNameCodeSequence" not in one]
    assert len(references) == 3


@pytest.mark.parametrize("case", CASES)
def test_the_dialects_hold_each_others_codes_and_none_of_the_other(case: str) -> None:
    new = codes_in(report_of(case, _KIND, "SCT").dataset)
    old = codes_in(report_of(case, _KIND, "SRT").dataset)
    hospital = {"99HOSPITAL"}  # its code for what was asked for is copied from the images, whatever the dialect
    assert {scheme for _, scheme in new} - hospital <= {"DCM", "SCT", "RFC5646", "UCUM"}
    assert {scheme for _, scheme in old} - hospital <= {"DCM", "SRT", "RFC5646", "UCUM"}
    assert len(new) == len(old)


def test_a_mass_is_a_breast_density_and_calcifications_are_a_cluster() -> None:
    report = report_of("with_findings", _KIND).dataset
    found = [item.ConceptCodeSequence[0].CodeValue for item in items_named(report, "111059")]
    assert found == ["129793001", "129793001", "129769006"]
    old = report_of("with_findings", _KIND, "SRT").dataset
    assert [item.ConceptCodeSequence[0].CodeValue for item in items_named(old, "111059")] == [
        "F-01796",
        "F-01796",
        "F-01775",
    ]


def test_a_score_is_a_certainty_and_never_a_probability_of_cancer() -> None:
    report = report_of("with_findings", _KIND).dataset
    certainty = items_named(report, "111012")[0].MeasuredValueSequence[0]
    assert float(certainty.NumericValue) == 83
    assert certainty.MeasurementUnitsCodeSequence[0].CodeValue == "%"
    assert items_named(report, "111047") == []
    # Assessment category, and pathology.
    assert items_named(report, "111005") == items_named(report, "111042") == []


@pytest.mark.parametrize(("case", "intent"), [("with_findings", "111151"), ("draw_without_asking", "111150")])
def test_marks_are_drawn_unasked_only_where_the_site_chose_it(case: str, intent: str) -> None:
    report = report_of(case, _KIND).dataset
    intents = items_named(report, "111056")
    assert len(intents) == 6  # the container and the finding both count (PS3.4 O.2.2.1)
    assert {item.ConceptCodeSequence[0].CodeValue for item in intents} == {intent}


def test_every_reference_leads_to_an_image_of_the_library() -> None:
    report = report_of("odd_views", _KIND).dataset
    items = dict(walk(report))
    references = [item for item in items.values() if "ReferencedContentItemIdentifier" in item]
    assert references
    for item in references:
        path = tuple(item.ReferencedContentItemIdentifier)
        assert path[:2] == (1, 2)
        assert items[path].ValueType == "IMAGE"


def test_odd_views_are_coded_where_a_code_exists_and_left_out_where_none_does() -> None:
    entries = items_named(report_of("odd_views", _KIND).dataset, "111028")[0].ContentSequence
    assert len(entries) == 9
    views = [[one.ConceptCodeSequence[0].CodeValue for one in items_named(entry, "111031")] for entry in entries]
    assert sorted(views[4:]) == [[], [], ["399162004"], ["399162004"], ["399368009"]]
    sides = [[one.ConceptCodeSequence[0].CodeValue for one in items_named(entry, "111027")] for entry in entries]
    assert sides.count([]) == 2
    modifiers = [one.ConceptCodeSequence[0].CodeValue for entry in entries for one in items_named(entry, "111032")]
    assert modifiers == ["399011000"]


def test_an_exaggerated_view_that_comes_late_replaces_the_first_report() -> None:
    study = CASES["late_fifth_image"]()
    for dialect in ("SCT", "SRT"):
        report = report_of("late_fifth_image", _KIND, dialect).dataset
        named = [
            one.ReferencedSOPInstanceUID
            for document in report.get("PredecessorDocumentsSequence", ())
            for series in document.ReferencedSeriesSequence
            for one in series.ReferencedSOPSequence
        ]
        wanted = [study.predecessors[0].sop_instance_uid] if dialect == "SCT" else []
        assert named == wanted
    entry = items_named(report_of("late_fifth_image", _KIND).dataset, "111028")[0].ContentSequence[-1]
    assert value_of(entry, "111031") == "399192008"


def test_images_that_were_only_kept_are_not_in_the_report() -> None:
    report = report_of("for_processing_too", _KIND).dataset
    assert len(items_named(report, "111028")[0].ContentSequence) == 4


def test_the_series_tells_what_the_marks_may_be_used_for() -> None:
    assert "Research use only, not a medical device" in report_of("normal", _KIND).dataset.SeriesDescription


def test_the_request_that_the_images_answer_is_named() -> None:
    (request,) = report_of("normal", _KIND).dataset.ReferencedRequestSequence
    assert request.RequestedProcedureID == "RP-77"
    assert request.AccessionNumber == "A-1042"
