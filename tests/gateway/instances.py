"""Rows as the gateway leaves them: an instance after its intake, a report after it was built."""

from __future__ import annotations

from typing import Any

from gateway.database.models import Instance, Report


def an_instance(study_id: int, uid: str, association_id: str, **columns: Any) -> Instance:
    """A mammogram that is read; not yet in a session."""
    return Instance(
        study_id=study_id,
        series_instance_uid="1.9",
        sop_instance_uid=uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        role="read",
        patient_key="k",
        path=f"instances/{uid}.dcm",
        size=100,
        association_id=association_id,
        **columns,
    )


def a_report(study_id: int, sop_instance_uid: str = "2", **columns: Any) -> Report:
    """A summary picture of the first generation; not yet in a session."""
    return Report(
        study_id=study_id,
        generation=1,
        kind="summary_image",
        dialect="SCT",
        sop_class_uid="1",
        sop_instance_uid=sop_instance_uid,
        series_instance_uid="3",
        path=f"reports/{sop_instance_uid}.dcm",
        **columns,
    )
