"""Concepts of PS3.16 annex D (coding scheme DCM) that the reports use; these never differ between dialects."""

from __future__ import annotations

from typing import Final

from pydicom.sr.coding import Code


def _dcm(value: str, meaning: str) -> Code:
    return Code(value, "DCM", meaning)


# Mammography CAD SR, TID 4000 and below
MAMMOGRAPHY_CAD_REPORT: Final = _dcm("111036", "Mammography CAD Report")
LANGUAGE: Final = _dcm("121049", "Language of Content Item and Descendants")
ENGLISH: Final = Code("en", "RFC5646", "English")
IMAGE_LIBRARY: Final = _dcm("111028", "Image Library")
IMAGE_LATERALITY: Final = _dcm("111027", "Image Laterality")
IMAGE_VIEW: Final = _dcm("111031", "Image View")
IMAGE_VIEW_MODIFIER: Final = _dcm("111032", "Image View Modifier")
PATIENT_ORIENTATION_ROW: Final = _dcm("111044", "Patient Orientation Row")
PATIENT_ORIENTATION_COLUMN: Final = _dcm("111043", "Patient Orientation Column")
STUDY_DATE: Final = _dcm("111060", "Study Date")
STUDY_TIME: Final = _dcm("111061", "Study Time")
CONTENT_DATE: Final = _dcm("111018", "Content Date")
CONTENT_TIME: Final = _dcm("111019", "Content Time")
HORIZONTAL_PIXEL_SPACING: Final = _dcm("111026", "Horizontal Pixel Spacing")
VERTICAL_PIXEL_SPACING: Final = _dcm("111066", "Vertical Pixel Spacing")
PIXEL_DATA_ROWS: Final = _dcm("110910", "Pixel Data Rows")
PIXEL_DATA_COLUMNS: Final = _dcm("110911", "Pixel Data Columns")
PROCESSING_AND_FINDINGS_SUMMARY: Final = _dcm("111017", "CAD Processing and Findings Summary")
INDIVIDUAL_IMPRESSION: Final = _dcm("111034", "Individual Impression/Recommendation")
RENDERING_INTENT: Final = _dcm("111056", "Rendering Intent")
SINGLE_IMAGE_FINDING: Final = _dcm("111059", "Single Image Finding")
TRACKING_IDENTIFIER: Final = _dcm("112039", "Tracking Identifier")
TRACKING_UNIQUE_IDENTIFIER: Final = _dcm("112040", "Tracking Unique Identifier")
ALGORITHM_NAME: Final = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION: Final = _dcm("111003", "Algorithm Version")
ALGORITHM_PARAMETERS: Final = _dcm("111002", "Algorithm Parameters")
CERTAINTY_OF_FINDING: Final = _dcm("111012", "Certainty of Finding")
CENTER: Final = _dcm("111010", "Center")
OUTLINE: Final = _dcm("111041", "Outline")
SUMMARY_OF_DETECTIONS: Final = _dcm("111064", "Summary of Detections")
SUCCESSFUL_DETECTIONS: Final = _dcm("111063", "Successful Detections")
FAILED_DETECTIONS: Final = _dcm("111025", "Failed Detections")
DETECTION_PERFORMED: Final = _dcm("111022", "Detection Performed")
SUMMARY_OF_ANALYSES: Final = _dcm("111065", "Summary of Analyses")

# CID 6034, rendering intent
PRESENTATION_REQUIRED: Final = _dcm("111150", "Presentation Required: Rendering device is expected to present")
PRESENTATION_OPTIONAL: Final = _dcm("111151", "Presentation Optional: Rendering device may present")

# CID 6042, status of results
SUCCEEDED: Final = _dcm("111222", "Succeeded")
PARTIALLY_SUCCEEDED: Final = _dcm("111223", "Partially Succeeded")
FAILED: Final = _dcm("111224", "Failed")
NOT_ATTEMPTED: Final = _dcm("111225", "Not Attempted")

# CID 6047, CAD processing and findings summary
ALL_SUCCEEDED_WITHOUT_FINDINGS: Final = _dcm("111241", "All algorithms succeeded; without findings")
ALL_SUCCEEDED_WITH_FINDINGS: Final = _dcm("111242", "All algorithms succeeded; with findings")
SOME_FAILED_WITHOUT_FINDINGS: Final = _dcm("111243", "Not all algorithms succeeded; without findings")
SOME_FAILED_WITH_FINDINGS: Final = _dcm("111244", "Not all algorithms succeeded; with findings")
NONE_SUCCEEDED: Final = _dcm("111245", "No algorithms succeeded; without findings")

# Measurement report, TID 1500 and below
IMAGE_REGION: Final = _dcm("111030", "Image Region")
IMAGING_MEASUREMENTS: Final = _dcm("126010", "Imaging Measurements")
MEASUREMENT_GROUP: Final = _dcm("125007", "Measurement Group")

# Key object selection titles of rejection notes (CID 7010, IHE RAD-66)
KEY_OBJECT_DESCRIPTION: Final = _dcm("113012", "Key Object Description")
REJECTED_FOR_QUALITY_REASONS: Final = _dcm("113001", "Rejected for Quality Reasons")

# Units (UCUM); PixelMed knows the micrometre by this meaning only
PERCENT: Final = Code("%", "UCUM", "Percent")
MICROMETER: Final = Code("um", "UCUM", "micrometer")
PIXELS: Final = Code("{pixels}", "UCUM", "Pixels")
