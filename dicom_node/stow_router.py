"""STOW-RS (PS3.18 10.5): DICOM files uploaded over HTTP, as durable as a C-STORE.

POST /dicom-web/studies and /dicom-web/studies/{study}, multipart/related; type="application/dicom". Each part is
written to the intake's disk while it arrives and handed over as soon as it is complete. Answers, in DICOM JSON:
200 all stored, 202 some stored, 409 none stored, 503 nothing stored for lack of resources (try again). As
{"error": {"code", "message"}}: 400 malformed (objects complete before the fault are kept, a repetition does no harm),
406, 413, 415. FailureReason: 0xC000 unreadable, 0x0122 SOP class not taken, 0xA901 not of the study in the path,
0xA700 out of resources; what has no readable UIDs is in the Other Failures Sequence.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from dicom_node.intake import Intake, Origin
from dicom_node.multipart_related import MalformedMultipart, RelatedParser, UnsupportedMediaType, boundary_of
from dicom_node.stow_response import Result, http_status, response_json
from dicom_node.stow_upload import Upload

DICOM_JSON = "application/dicom+json"
RETRY_AFTER_SECONDS = "30"
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True)
class StowSettings:
    max_request_bytes: int = 8 << 30
    max_parts: int = 2000
    feed_bytes: int = 1 << 20
    """How much of a body is collected before it is parsed and written."""


class RequestTooLarge(ValueError):
    def __init__(self, what: str) -> None:
        super().__init__(f"The request has more than {what}; send the study in several requests.")


def build_stow_router(
    intake: Intake,
    require_upload: Callable[..., Any],
    settings: StowSettings | None = None,
    log: structlog.typing.FilteringBoundLogger | None = None,
) -> APIRouter:
    """Return the router; `require_upload` is a FastAPI dependency that lets only those in who may upload."""
    handler = _StoreTransaction(intake, settings or StowSettings(), log or structlog.get_logger("stow"))
    router = APIRouter(prefix="/dicom-web", tags=["dicom-web"], dependencies=[Depends(require_upload)])

    @router.post("/studies", summary="Store DICOM instances (STOW-RS)")
    async def store(request: Request) -> Response:
        return await handler.answer(request, None)

    @router.post("/studies/{study_instance_uid}", summary="Store DICOM instances of one study (STOW-RS)")
    async def store_in_study(request: Request, study_instance_uid: str) -> Response:
        return await handler.answer(request, study_instance_uid)

    return router


class _StoreTransaction:
    def __init__(self, intake: Intake, settings: StowSettings, log: structlog.typing.FilteringBoundLogger) -> None:
        self._intake = intake
        self._settings = settings
        self._log = log

    async def answer(self, request: Request, study_instance_uid: str | None) -> Response:
        media_type = _acceptable_answer(request.headers.get("accept", "*/*"))
        if media_type is None:
            return _error(HTTPStatus.NOT_ACCEPTABLE, "not_acceptable", f"Answers come as {DICOM_JSON} only.")
        if study_instance_uid is not None and (len(study_instance_uid) > 64 or not _UID.fullmatch(study_instance_uid)):
            return _error(HTTPStatus.BAD_REQUEST, "invalid_study", "The study in the path is not a UID.")
        results: list[Result] = []
        try:
            await self._receive(request, study_instance_uid, results)
        except UnsupportedMediaType as problem:
            return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", str(problem))
        except RequestTooLarge as problem:
            return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", str(problem))
        except MalformedMultipart as problem:
            kept = f" {len(results)} complete objects before the fault were processed." if results else ""
            return _error(HTTPStatus.BAD_REQUEST, "malformed", f"{problem}{kept}")
        except ClientDisconnect:
            self._log.warning("upload_broken_off", complete_objects=len(results))
            return _error(HTTPStatus.BAD_REQUEST, "disconnected", "The connection was closed.")  # nobody reads it
        if not results:
            return _error(HTTPStatus.BAD_REQUEST, "empty", "The message has no part; put one DICOM file into each.")
        status = http_status(results)
        headers = {"Retry-After": RETRY_AFTER_SECONDS} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return JSONResponse(response_json(results), status, headers, media_type)

    async def _receive(self, request: Request, study_instance_uid: str | None, results: list[Result]) -> None:
        boundary = boundary_of(request.headers.get("content-type", ""))
        limit = self._settings.max_request_bytes
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            raise RequestTooLarge(f"{limit} bytes")
        address = request.client.host if request.client else ""
        origin = Origin("stow", str(uuid.uuid4()), "STOW-RS", address)
        log = self._log.bind(association_id=origin.association_id, address=address)

        def open_part(headers: Any) -> Upload:
            if len(results) >= self._settings.max_parts:
                raise RequestTooLarge(f"{self._settings.max_parts} parts")
            return Upload(
                headers,
                intake=self._intake,
                origin=origin,
                study_instance_uid=study_instance_uid,
                add_result=results.append,
                log=log,
            )

        parser = RelatedParser(boundary, open_part)
        try:
            received = 0
            waiting = bytearray()
            async for chunk in request.stream():
                received += len(chunk)
                if received > limit:
                    raise RequestTooLarge(f"{limit} bytes")
                waiting += chunk
                if len(waiting) >= self._settings.feed_bytes:
                    # Disk and database are slow: their waiting must not hold up everybody else's requests.
                    await run_in_threadpool(parser.feed, bytes(waiting))
                    waiting.clear()
            await run_in_threadpool(parser.feed, bytes(waiting))
            parser.finish()
        finally:
            await run_in_threadpool(self._end, parser, origin)
            log.info("upload_ended", objects=len(results), bytes=received)

    def _end(self, parser: RelatedParser, origin: Origin) -> None:
        parser.abandon()
        self._intake.association_closed(origin)


def _acceptable_answer(accept: str) -> str | None:
    """Return the media type to answer in, None when the client takes none of ours."""
    ranges = {}
    for item in accept.lower().split(","):
        media_range, *parameters = (piece.strip() for piece in item.split(";"))
        ranges[media_range] = not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    for media_range in (DICOM_JSON, "application/json", "application/*", "*/*"):
        if ranges.get(media_range):
            return "application/json" if media_range == "application/json" else DICOM_JSON
    return None


def _error(status: HTTPStatus, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status)
