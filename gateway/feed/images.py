"""Images for the feed: finds the files that the working process has made."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.database.engine import Database
from gateway.database.models import Instance, Reading, Study
from gateway.feed.availability import reading
from gateway.feed.study_rows import shown_generation
from gateway.folders import Folders
from gateway.pictures.places import DESCRIPTION, HEAT, OVERVIEW, PIXELS, PREVIEW, REFUSED, folder_of
from gateway.workflow.reading_list import describe_kept
from reporting.feed.image_schemas import ViewImage
from reporting.feed.stores import ImageAbsentError, ServedImage


class Images:
    """Implements `reporting.feed.stores.ImageStore`."""

    def __init__(self, database: Database, folders: Folders) -> None:
        self._database = database
        self._folders = folders

    def image(self, study_instance_uid: str, sop_instance_uid: str) -> ServedImage:
        with reading(self._database) as session:
            place = self._folders.pictures / _place(session, study_instance_uid, sop_instance_uid)
        try:
            description = ViewImage.model_validate_json((place / DESCRIPTION).read_bytes())
        except FileNotFoundError:
            raise _why_not_there(place) from None
        return ServedImage(description, place / PREVIEW, place / OVERVIEW, place / PIXELS, place / HEAT)


def _place(session: Session, study_uid: str, sop_instance_uid: str) -> str:
    study = session.scalars(select(Study).where(Study.study_instance_uid == study_uid)).one_or_none()
    if study is None:
        raise ImageAbsentError("unknown_study", "There is no such study.")
    instance = session.scalars(
        select(Instance).where(Instance.study_id == study.id, Instance.sop_instance_uid == sop_instance_uid)
    ).one_or_none()
    if instance is None:
        raise ImageAbsentError("unknown_view", "There is no such view.")
    if instance.role != "read":
        raise ImageAbsentError("image_not_read", describe_kept(instance))
    if instance.deleted_at is not None:
        raise ImageAbsentError(
            "image_deleted", f"This image was deleted here by age on {instance.deleted_at:%Y-%m-%d}; see the PACS."
        )
    shown = shown_generation(study)
    read = session.scalars(
        select(Reading).where(Reading.instance_id == instance.id, Reading.generation == shown)
    ).one_or_none()
    if read is not None:
        return folder_of(study_uid, sop_instance_uid, instance.path, read.heat_map_path)
    if study.status == "reported" and instance.generation is not None and instance.generation <= shown:
        raise ImageAbsentError("image_not_read", describe_kept(instance))
    raise _not_ready()


def _why_not_there(place: Path) -> ImageAbsentError:
    try:
        refusal = json.loads((place / REFUSED).read_bytes())
    except FileNotFoundError:
        return _not_ready()
    return ImageAbsentError(refusal["code"], refusal["message"])


def _not_ready() -> ImageAbsentError:
    return ImageAbsentError("not_ready", "The image is not ready yet; ask again soon.")
