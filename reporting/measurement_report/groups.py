"""Measurement groups: one for the study, one per image (TID 1501), one per finding (TID 1410), PS3.16."""

from __future__ import annotations

from typing import Final

import highdicom as hd
import numpy as np
from pydicom.sr.coding import Code

from inference.classes import CLASSES
from inference.results import Finding, Laterality
from reporting.algorithm import ALGORITHM_NAME, algorithm_parameters, algorithm_version
from reporting.codes import dicom, private, snomed
from reporting.codes.findings import FINDING_CODES
from reporting.outcome import ReportedImage, StudyOutcome
from reporting.uids import tracking_uid_of_image, tracking_uid_of_study

_SIDES: Final[dict[Laterality, Code]] = {"R": snomed.RIGHT, "L": snomed.LEFT}


def study_group(outcome: StudyOutcome) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """What is said of the study as a whole; it is there for a normal and for an unreadable study too."""
    study = outcome.study
    result = study.result
    evaluations = [(private.INTENDED_USE, private.RESEARCH_ONLY), (private.READ_STATE, _read_state(outcome))]
    if outcome.read:
        evaluations.append((private.ATTENTION, private.ATTENTION_VALUE[result.attention]))
        if result.label is not None:
            evaluations.append((private.CLASS, private.CLASS_VALUE[result.label]))
    scores = []
    if outcome.read and result.malignancy_score is not None:
        scores.append(_percent(private.MALIGNANCY_SCORE, result.malignancy_score))
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=tracking_uid_of_study(study), identifier="Study"),
        finding_type=None,
        algorithm_id=_algorithm(outcome),
        finding_sites=[hd.sr.FindingSite(snomed.BREAST)],
        measurements=scores or None,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(name, value) for name, value in evaluations],
    )


def image_group(outcome: StudyOutcome, image: ReportedImage) -> hd.sr.MeasurementsAndQualitativeEvaluations:
    """The five class probabilities of an image that was read, or that it could not be read."""
    result = image.result
    evaluations = []
    probabilities = []
    if result is None or result.failure is not None:
        evaluations.append((private.READ_STATE, private.READ_NONE))
    else:
        evaluations.append((private.READ_STATE, private.READ_ALL))
        if result.label is not None:
            evaluations.append((private.CLASS, private.CLASS_VALUE[result.label]))
        if result.probabilities is not None:
            probabilities = [_percent(private.CLASS_PROBABILITY[one], result.probabilities[one]) for one in CLASSES]
    return hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(
            uid=tracking_uid_of_image(outcome.study, image.sop_instance_uid), identifier=f"Image {image.name}"
        ),
        algorithm_id=_algorithm(outcome),
        finding_sites=[_site(image)],
        measurements=probabilities or None,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(name, value) for name, value in evaluations],
        source_images=[
            hd.sr.SourceImageForMeasurementGroup(
                referenced_sop_class_uid=image.sop_class_uid, referenced_sop_instance_uid=image.sop_instance_uid
            )
        ],
    )


def finding_group(
    outcome: StudyOutcome, image: ReportedImage, finding: Finding, number: int
) -> hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    """A marked place, under the tracking UID that it has in the CAD SR too."""
    region = hd.sr.ImageRegion(
        graphic_type=hd.sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array(finding.outline, dtype=np.float64),
        source_image=hd.sr.SourceImageForRegion(
            referenced_sop_class_uid=image.sop_class_uid, referenced_sop_instance_uid=image.sop_instance_uid
        ),
    )
    return hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=finding.tracking_uid, identifier=f"Finding {number}"),
        referenced_region=region,
        finding_type=FINDING_CODES[finding.type],
        algorithm_id=_algorithm(outcome),
        finding_sites=[_site(image)],
        measurements=[
            _percent(dicom.CERTAINTY_OF_FINDING, finding.score),
            _percent(private.MALIGNANCY_SCORE, finding.malignancy_score),
        ],
    )


def _read_state(outcome: StudyOutcome) -> Code:
    if not outcome.read:
        return private.READ_NONE
    return private.READ_SOME if outcome.failed else private.READ_ALL


def _site(image: ReportedImage) -> hd.sr.FindingSite:
    laterality = _SIDES[image.laterality] if image.laterality is not None else None
    return hd.sr.FindingSite(snomed.BREAST, laterality=laterality)


def _percent(name: Code, fraction: float) -> hd.sr.Measurement:
    return hd.sr.Measurement(name=name, value=round(fraction * 100, 4), unit=dicom.PERCENT)


def _algorithm(outcome: StudyOutcome) -> hd.sr.AlgorithmIdentification:
    return hd.sr.AlgorithmIdentification(
        name=ALGORITHM_NAME,
        version=algorithm_version(outcome.study),
        parameters=algorithm_parameters(outcome.study),
    )
