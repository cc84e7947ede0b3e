"""The measurement report document: template TID 1500 by highdicom, the modules around it by `sr_document`."""

from __future__ import annotations

from typing import Final

import highdicom as hd
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import Comprehensive3DSRStorage

from reporting.codes import private, snomed
from reporting.equipment import MANUFACTURER, MODEL
from reporting.measurement_report.groups import finding_group, image_group, study_group
from reporting.measurement_report.library import library_images
from reporting.outcome import StudyOutcome
from reporting.sr_document import stamp_document
from reporting.study import BuiltReport, Dialect, ReportKind
from reporting.uids import device_uid, instance_uid, series_uid

KIND: Final[ReportKind] = "measurement_report"
_SERIES_NUMBER: Final = 9902


def build_measurement_report(outcome: StudyOutcome, dialect: Dialect) -> BuiltReport:
    """The scores and regions of one study; the only report that has a place for the five class probabilities."""
    study = outcome.study
    sop_class = Comprehensive3DSRStorage
    report = Dataset()
    for element in _template(outcome)[0]:
        report.add(element)
    snomed.translate(report, dialect)
    report.SOPClassUID = sop_class
    report.SOPInstanceUID = instance_uid(study, KIND, sop_class, dialect)
    report.SeriesInstanceUID = series_uid(study, KIND, sop_class, dialect)
    report.SeriesNumber = _SERIES_NUMBER
    report.CodingSchemeIdentificationSequence = [private.scheme_identification()]
    stamp_document(report, outcome, KIND, dialect, "AI scores")
    return BuiltReport(KIND, dialect, sop_class, report.SOPInstanceUID, report.SeriesInstanceUID, None, report)


def _template(outcome: StudyOutcome) -> hd.sr.MeasurementReport:
    groups: list[hd.sr.MeasurementsAndQualitativeEvaluations | hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations] = [
        study_group(outcome)
    ]
    groups.extend(image_group(outcome, image) for image in outcome.given)
    groups.extend(
        finding_group(outcome, image, finding, number)
        for number, (image, finding) in enumerate(outcome.findings, start=1)
    )
    device = hd.sr.DeviceObserverIdentifyingAttributes(
        uid=device_uid(outcome.study),
        name=MODEL,
        manufacturer_name=MANUFACTURER,
        model_name=MODEL,
        serial_number=str(outcome.study.installation_id),
    )
    return hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(
            observer_device_context=hd.sr.ObserverContext(
                observer_type=codes.DCM.Device, observer_identifying_attributes=device
            )
        ),
        # CID 100 has no code for mammography, and validators accept no other.
        procedure_reported=snomed.IMAGING_PROCEDURE,
        imaging_measurements=groups,
        referenced_images=library_images(outcome) or None,
    )
