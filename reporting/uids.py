"""UIDs that are the same when the same report is built again: 2.25 and a name-based UUID (PS3.5 B.2, RFC 9562 5.5)."""

from __future__ import annotations

from uuid import UUID, uuid5

from reporting.study import Dialect, ReportKind, StudyToReport


def _uid(installation_id: UUID, *parts: object) -> str:
    # A newline can stand in no part, so that no two lists of parts make the same name.
    return f"2.25.{uuid5(installation_id, chr(10).join(str(part) for part in parts)).int}"


def instance_uid(
    study: StudyToReport,
    kind: ReportKind,
    sop_class_uid: str,
    dialect: Dialect,
    source_sop_instance_uid: str | None = None,
) -> str:
    """SOP Instance UID of one report: one object, one UID (another dialect or SOP class is another object)."""
    return _uid(
        study.installation_id,
        "instance",
        study.study_instance_uid,
        study.generation,
        kind,
        sop_class_uid,
        dialect,
        source_sop_instance_uid or "",
    )


def series_uid(study: StudyToReport, kind: ReportKind, sop_class_uid: str, dialect: Dialect) -> str:
    """Series Instance UID: every kind of document of every generation is a series of its own, never the images'."""
    return _uid(
        study.installation_id, "series", study.study_instance_uid, study.generation, kind, sop_class_uid, dialect
    )


def tracking_uid_of_image(study: StudyToReport, sop_instance_uid: str) -> str:
    """Tracking Unique Identifier (112040, DCM) of the measurements of one image, the same in every generation."""
    return _uid(study.installation_id, "image", study.study_instance_uid, sop_instance_uid)


def tracking_uid_of_study(study: StudyToReport) -> str:
    """Tracking Unique Identifier (112040, DCM) of the measurements of the whole study."""
    return _uid(study.installation_id, "study", study.study_instance_uid)


def withdrawal_uids(study: StudyToReport) -> tuple[str, str]:
    """SOP Instance UID and Series Instance UID of the note that withdraws what this generation replaces."""
    names = ("withdrawal", "withdrawal series")
    instance, series = (_uid(study.installation_id, name, study.study_instance_uid, study.generation) for name in names)
    return instance, series


def device_uid(study: StudyToReport) -> str:
    """Device Observer UID (121012, DCM): this installation."""
    return _uid(study.installation_id, "device")
