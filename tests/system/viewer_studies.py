"""What a reading list is made of, for the viewer: studies as rows, and studies whose pictures are ready."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from config.loading import load_settings
from gateway.database.models import Study, StudyFlag
from gateway.parts import open_parts
from tests.peers.gateway import Gateway


@dataclass(frozen=True)
class Listed:
    """A study that is only in the list. Without a label it is one that failed."""

    name: str
    attention: str
    label: str | None = None
    score: float | None = None
    birth_date: date = date(1962, 3, 9)
    flag: str | None = None


def add_to_list(gateway: Gateway, studies: Sequence[Listed]) -> None:
    parts = open_parts(load_settings(environment=gateway.settings))
    with parts.database.write() as session:
        for number, listed in enumerate(studies, 1):
            study = Study(
                study_instance_uid=f"1.2.3.{number}",
                patient_id=f"P{number:04}",
                patient_name=listed.name,
                birth_date=listed.birth_date,
                study_date=date(2026, 9, 14),
                status="reported" if listed.label else "failed",
                generation=1,
                attention=listed.attention,
                label=listed.label,
                malignancy_score=listed.score,
            )
            if listed.flag:
                study.flags.append(StudyFlag(text=listed.flag))
            session.add(study)
    parts.database.engine.dispose()


def wait_for_pictures(gateway: Gateway, study: dict[str, Any], seconds: float = 120.0) -> None:
    """Wait until every image of a reported study can be shown, or it is said why not."""
    deadline = time.monotonic() + seconds
    with gateway.client() as client:
        for view in study["views"]:
            path = f"/api/v1/studies/{study['study_instance_uid']}/views/{view['sop_instance_uid']}/image"
            while client.get(path).json().get("error", {}).get("code") == "not_ready":
                assert time.monotonic() < deadline, "the pictures were not made"
                time.sleep(0.2)
