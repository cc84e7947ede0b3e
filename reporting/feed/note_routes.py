"""The clinical notes of a study."""

from __future__ import annotations

from fastapi import APIRouter

from reporting.feed.errors import not_found
from reporting.feed.study_routes import Reader
from reporting.feed.upload_schemas import StudyNotes
from reporting.feed.upload_stores import NoteStore


def build_note_router(store: NoteStore) -> APIRouter:
    """Return the route below /api/v1/studies; each use is audited."""
    router = APIRouter(prefix="/api/v1/studies/{study_uid}/notes", tags=["studies"])

    @router.get("", summary="What the health centre wrote about the woman")
    def show_notes(caller: Reader, study_uid: str) -> StudyNotes:
        notes = store.notes(study_uid)
        if notes is None:
            raise not_found("study")
        if notes:
            caller.record("note_viewed", study_uid)
        return StudyNotes(items=tuple(notes))

    return router
