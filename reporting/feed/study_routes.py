"""Studies and their reports: what doctors read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, cast

import structlog
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from reporting.feed import cursors
from reporting.feed.access import Right
from reporting.feed.caller import Caller, require
from reporting.feed.errors import ApiError, not_found
from reporting.feed.etags import tagged
from reporting.feed.schemas import ATTENTION_ORDER, Attention, Study, StudyPage
from reporting.feed.stores import StudyFeed, StudyQuery

log = structlog.get_logger(__name__)

MAX_LIMIT = 200
Reader = Annotated[Caller, Depends(require(Right.READ_STUDIES))]


def parse_since(text: str) -> datetime:
    """Return a moment of ISO 8601; without a zone it is UTC. Raises `ApiError` (400)."""
    try:
        # A plus sign that nobody escaped arrives as a blank: 2026-11-23T08:00:00 01:00
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ApiError(400, "invalid_since", "Write `since` as ISO 8601, for example 2026-11-23T08:00:00Z.") from error


def parse_attention(text: str) -> frozenset[Attention]:
    """Return the levels of a list with commas. Raises `ApiError` (400)."""
    levels = {level.strip() for level in text.split(",")}
    if not levels <= set(ATTENTION_ORDER):
        raise ApiError(400, "invalid_attention", f"`attention` is one or more of {', '.join(ATTENTION_ORDER)}.")
    return frozenset(cast("set[Attention]", levels))


def build_study_router(studies: StudyFeed) -> APIRouter:
    """Return the routes below /api/v1/studies."""
    router = APIRouter(prefix="/api/v1/studies", tags=["studies"])

    @router.get("", response_model=StudyPage, summary="The reading list: highest attention first, then newest")
    def list_studies(
        request: Request,
        caller: Reader,
        since: Annotated[str | None, Query(description="Arrived or changed then or later (ISO 8601)")] = None,
        attention: Annotated[str | None, Query(description="high, medium, low, none; several with commas")] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    ) -> Response:
        query = StudyQuery(
            limit=limit + 1,  # one more than asked for, to know whether there is a next page
            after=cursors.decode(cursor) if cursor else None,
            since=parse_since(since) if since else None,
            attention=parse_attention(attention) if attention else frozenset(),
        )
        # Asked before the list: whoever listens from here on hears of everything that the list does not show yet.
        last_event = studies.event_span().last
        listed = studies.studies(query)
        more = len(listed) > limit
        listed = listed[:limit]
        page = StudyPage(
            items=tuple(one.study for one in listed), next=cursors.encode(listed[-1].position) if more else None
        )
        return tagged(request, page, {"Mammogate-Last-Event-Id": str(last_event)})

    @router.get("/{study_uid}", response_model=Study, summary="One study")
    def show_study(request: Request, caller: Reader, study_uid: str) -> Response:
        study = studies.study(study_uid)
        if study is None:
            raise not_found("study")
        caller.record("study_viewed", study.study_instance_uid)
        return tagged(request, study)

    @router.get(
        "/{study_uid}/reports/{sop_instance_uid}",
        response_class=FileResponse,
        summary="One report as a DICOM file",
        responses={200: {"content": {"application/dicom": {}}}},
    )
    def download_report(caller: Reader, study_uid: str, sop_instance_uid: str) -> Response:
        path = studies.report_file(study_uid, sop_instance_uid)
        if path is None:
            raise not_found("report")
        if not path.is_file():
            log.error("report file missing", study=study_uid, report=sop_instance_uid, path=str(path))
            raise ApiError(500, "report_file_missing", "The report's file is missing; tell the operator.")
        caller.record("report_downloaded", study_uid, sop_instance_uid)
        return _dicom_file(path, sop_instance_uid)

    return router


def _dicom_file(path: Path, sop_instance_uid: str) -> Response:
    return FileResponse(path, media_type="application/dicom", filename=f"{sop_instance_uid}.dcm")
