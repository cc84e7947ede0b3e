"""One Grayscale Softcopy Presentation State per image with marks (PS3.3 A.33.1), by highdicom."""

from __future__ import annotations

from typing import Final

import highdicom as hd
import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from inference.results import Finding
from reporting.equipment import MANUFACTURER, MODEL, software_versions
from reporting.header import study_header
from reporting.image_series import stamp_image_object
from reporting.outcome import ReportedImage, StudyOutcome
from reporting.presentation_state.displayed_image import displayed_image, is_inverted
from reporting.study import BuiltReport, ReportKind
from reporting.uids import instance_uid, series_uid
from reporting.wording import BANNER, RESEARCH_USE_ONLY, sentence_of

KIND: Final[ReportKind] = "presentation_state"
_SERIES_NUMBER: Final = 9903
_LABEL: Final = "AI MARKS"
_PIXEL: Final = hd.pr.AnnotationUnitsValues.PIXEL
_DISPLAY: Final = hd.pr.AnnotationUnitsValues.DISPLAY
_NOTE_BOX: Final = (0.02, 0.96, 0.98, 0.99)
"""The note's place, in parts of the displayed area: left, top, right, bottom."""
_YELLOW: Final = hd.color.CIELabColor(l_star=88.0, a_star=-6.0, b_star=78.0)


def build_presentation_states(outcome: StudyOutcome) -> list[BuiltReport]:
    """The marks of every image that has any, in one series; an image without marks needs no presentation state."""
    study = outcome.study
    header = study_header(study)
    sop_class = GrayscaleSoftcopyPresentationStateStorage
    series = series_uid(study, KIND, sop_class, "SCT")
    built = []
    marked = [image for image in outcome.read if image.findings]
    for number, image in enumerate(marked, start=1):
        uid = instance_uid(study, KIND, sop_class, "SCT", image.sop_instance_uid)
        report = _presentation_state(outcome, image, header, uid, series, number)
        stamp_image_object(report, study, "AI marks", image.laterality or "")
        built.append(BuiltReport(KIND, "SCT", sop_class, uid, series, image.sop_instance_uid, report))
    return built


def _presentation_state(
    outcome: StudyOutcome, image: ReportedImage, header: Dataset, uid: str, series: str, number: int
) -> Dataset:
    shown = displayed_image(image, header)
    layer = hd.pr.GraphicLayer(_LABEL, order=1, description="Marks of mammogate", display_color=_YELLOW)
    numbers = {finding.tracking_uid: one for one, (_, finding) in enumerate(outcome.findings, start=1)}
    annotations = [
        hd.pr.GraphicAnnotation(
            referenced_images=[shown],
            graphic_layer=layer,
            graphic_objects=[_outline(finding, numbers[finding.tracking_uid])],
            text_objects=[_words(finding, numbers[finding.tracking_uid])],
        )
        for finding in image.findings
    ]
    note = hd.pr.TextObject(
        BANNER,
        units=_DISPLAY,
        bounding_box=_NOTE_BOX,
        text_justification=hd.pr.TextJustificationValues.LEFT,
    )
    annotations.append(hd.pr.GraphicAnnotation(referenced_images=[shown], graphic_layer=layer, text_objects=[note]))
    shape = hd.PresentationLUTShapeValues.INVERSE if is_inverted(image) else hd.PresentationLUTShapeValues.IDENTITY
    state = hd.pr.GrayscaleSoftcopyPresentationState(
        referenced_images=[shown],
        series_instance_uid=series,
        series_number=_SERIES_NUMBER,
        sop_instance_uid=uid,
        instance_number=number,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MODEL,
        software_versions=software_versions(outcome.study)[0],
        device_serial_number=str(outcome.study.installation_id),
        content_label=_LABEL,
        content_description=f"AI marks. {RESEARCH_USE_ONLY}",
        graphic_annotations=annotations,
        graphic_layers=[layer],
        presentation_lut_transformation=hd.PresentationLUTTransformation(presentation_lut_shape=shape),
    )
    report = Dataset()
    for element in state:
        report.add(element)
    return report


def _outline(finding: Finding, number: int) -> hd.pr.GraphicObject:
    return hd.pr.GraphicObject(
        graphic_type=hd.pr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array(finding.outline, dtype=np.float64),
        units=_PIXEL,
        tracking_id=f"Finding {number}",
        tracking_uid=finding.tracking_uid,
    )


def _words(finding: Finding, number: int) -> hd.pr.TextObject:
    """The finding's sentence, anchored at the lowest point of its outline so that it doesn't cover the place."""
    lowest = max(finding.outline, key=lambda point: point[1])
    return hd.pr.TextObject(
        f"{number}: {sentence_of(finding)}",
        units=_PIXEL,
        anchor_point=lowest,
        anchor_point_visible=False,
        tracking_id=f"Finding {number}",
        tracking_uid=finding.tracking_uid,
    )
