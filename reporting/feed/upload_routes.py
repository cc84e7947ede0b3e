"""Uploads in pieces over poor lines: /api/v1/uploads. Asking for anything twice does no harm."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Final, NoReturn
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from reporting.feed.access import Right
from reporting.feed.caller import Caller, require, require_upload
from reporting.feed.errors import ApiError, not_found
from reporting.feed.upload_schemas import MAX_FILES, PIECE_BYTES, NewUpload, UploadList, UploadState
from reporting.feed.upload_stores import RefusalCode, Sender, UploadDesk, UploadRefusedError

MAX_LISTED: Final = 20
_STATUS: Final[dict[RefusalCode, int]] = {
    "unknown_upload": 404,
    "unknown_file": 404,
    "other_upload": 409,
    "too_many_uploads": 409,
    "too_large": 413,
    "disk_full": 503,
    "wrong_offset": 409,
    "other_bytes": 409,
    "beyond_the_end": 409,
    "incomplete": 409,
    "not_receiving": 409,
}
_DISK_RETRY_SECONDS: Final = 30

Opening = Annotated[Caller, Depends(require_upload)]
Uploading = Annotated[Caller, Depends(require(Right.UPLOAD))]  # a line in the audit trail for each piece helps nobody
UploadId = Annotated[UUID, Path(description="A UUID that the sender makes")]
FileNumber = Annotated[int, Path(ge=1, le=MAX_FILES, description="The file's place in the list, from 1")]


def build_upload_router(desk: UploadDesk) -> APIRouter:
    """Return the routes; begin, finish and cancel are audited."""
    router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

    @router.get("", summary="One's own uploads, the newest first")
    def list_uploads(caller: Uploading) -> UploadList:
        return UploadList(items=tuple(desk.uploads(_sender(caller), MAX_LISTED)))

    @router.put(
        "/{upload_id}",
        summary="Begin an upload; repeated, it says how far it is",
        responses={201: {"model": UploadState}},
    )
    def begin(response: Response, caller: Opening, upload_id: UploadId, announced: NewUpload) -> UploadState:
        try:
            state, is_new = desk.open(str(upload_id), announced, _sender(caller))
        except UploadRefusedError as error:
            _refuse(error)
        response.status_code = 201 if is_new else 200
        return state

    @router.get("/{upload_id}", summary="How far an upload is, and what became of its files")
    def show(caller: Uploading, upload_id: UploadId) -> UploadState:
        try:
            return desk.upload(str(upload_id), _sender(caller))
        except UploadRefusedError as error:
            _refuse(error)

    @router.head("/{upload_id}/files/{number}", summary="How much of a file is there", response_class=Response)
    def how_far(caller: Uploading, upload_id: UploadId, number: FileNumber) -> Response:
        try:
            state = desk.upload(str(upload_id), _sender(caller))
        except UploadRefusedError as error:
            _refuse(error)
        if number > len(state.files):
            raise not_found("file")
        file = state.files[number - 1]
        return Response(headers={"Upload-Offset": str(file.received), "Upload-Length": str(file.size)})

    @router.patch(
        "/{upload_id}/files/{number}",
        summary=f"The next piece of a file, at most {PIECE_BYTES} bytes",
        status_code=204,
        response_class=Response,
        openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
    )
    async def append(
        request: Request,
        caller: Uploading,
        upload_id: UploadId,
        number: FileNumber,
        upload_offset: Annotated[int, Header(ge=0, le=1 << 40, description="Where in the file the piece begins")],
        content_digest: Annotated[str, Header(max_length=1000, description="sha-256 of the piece (RFC 9530)")],
    ) -> Response:
        wanted = _sha256(content_digest)
        piece = await _body(request)
        try:
            received = await run_in_threadpool(
                _append, desk, str(upload_id), _sender(caller), number, upload_offset, piece, wanted
            )
        except UploadRefusedError as error:
            _refuse(error)
        return Response(status_code=204, headers={"Upload-Offset": str(received)})

    @router.post("/{upload_id}/finish", summary="All is there: check and store it", status_code=202)
    def finish(caller: Opening, upload_id: UploadId) -> UploadState:
        try:
            return desk.finish(str(upload_id), _sender(caller))
        except UploadRefusedError as error:
            _refuse(error)

    @router.delete(
        "/{upload_id}", summary="Remove an upload that is not finished, or the record of one", status_code=204
    )
    def cancel(caller: Opening, upload_id: UploadId) -> Response:
        try:
            desk.cancel(str(upload_id), _sender(caller))
        except UploadRefusedError as error:
            _refuse(error)
        return Response(status_code=204)

    return router


def _sender(caller: Caller) -> Sender:
    return Sender(caller.principal.name, caller.address)


def _refuse(error: UploadRefusedError) -> NoReturn:
    headers = {} if error.received is None else {"Upload-Offset": str(error.received)}
    if error.code == "disk_full":
        headers["Retry-After"] = str(_DISK_RETRY_SECONDS)
    raise ApiError(_STATUS[error.code], error.code, str(error), headers) from error


def _append(
    desk: UploadDesk, upload_id: str, sender: Sender, number: int, offset: int, piece: bytes, wanted: bytes
) -> int:
    if hashlib.sha256(piece).digest() != wanted:
        raise ApiError(400, "damaged", "The piece arrived damaged: send it again.")
    return desk.append(upload_id, sender, number, offset, piece)


def _sha256(content_digest: str) -> bytes:
    """Return the digest of Content-Digest (RFC 9530): a dictionary of byte sequences (RFC 8941)."""
    for member in content_digest.split(","):
        name, _, value = member.strip().partition("=")
        if name != "sha-256" or not value.startswith(":"):
            continue
        try:
            digest = base64.b64decode(value[1:].partition(":")[0], validate=True)
        except (binascii.Error, ValueError):
            break
        if len(digest) == hashlib.sha256().digest_size:
            return digest
    raise ApiError(400, "digest_missing", "Send Content-Digest: sha-256=:BASE64: of the piece (RFC 9530).")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > PIECE_BYTES:
                raise ApiError(413, "piece_too_large", f"A piece has at most {PIECE_BYTES} bytes.")
    except ClientDisconnect:
        raise ApiError(400, "disconnected", "The connection was closed.") from None  # nobody reads it
    return bytes(body)
