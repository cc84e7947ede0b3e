"""Where the files of a picture lie. Their place says what they were made from, so a file never changes."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.models import Instance, Reading, Study

DESCRIPTION: Final = "image.json"
PREVIEW: Final = "preview.webp"
OVERVIEW: Final = "overview.jph"
PIXELS: Final = "pixels.jph"
HEAT: Final = "heat.png"
REFUSED: Final = "refused.json"
_FILES: Final = (DESCRIPTION, PREVIEW, OVERVIEW, PIXELS, HEAT, REFUSED)
_FORMAT: Final = "2"
"""Another number makes all pictures anew."""


def folder_of(study_uid: str, sop_instance_uid: str, image: str, heat_map: str | None) -> str:
    """Return the folder, relative to `Folders.pictures`, of a picture made from these two files of the data folder."""
    made_from = hashlib.sha256("\n".join((_FORMAT, image, heat_map or "")).encode()).hexdigest()
    return f"{study_uid}/{sop_instance_uid}/{made_from[:16]}"


def picture_files(session: Session) -> set[str]:
    """Return the files, relative to `Folders.pictures`, that belong to an image that is here (they need not exist)."""
    rows = session.execute(
        select(Study.study_instance_uid, Instance.sop_instance_uid, Instance.path, Reading.heat_map_path)
        .join(Instance, Instance.study_id == Study.id)
        .join(Reading, Reading.instance_id == Instance.id)
        .where(Instance.deleted_at.is_(None))
    )
    return {f"{folder_of(*row)}/{name}" for row in rows for name in _FILES}
