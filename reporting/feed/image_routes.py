"""The images of a study for a viewer: what one is, its preview, its lossless pixels, the map over it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from reporting.feed.errors import ApiError, not_found
from reporting.feed.etags import matches, tagged, tagged_body
from reporting.feed.image_schemas import ViewImage
from reporting.feed.ranged_file import RangedFile
from reporting.feed.stores import AbsentCode, ImageAbsentError, ImageStore, ServedImage
from reporting.feed.study_routes import Reader

PIXELS_TYPE: Final = "image/jphc"
"""An HTJ2K codestream without a file format around it (ISO/IEC 15444-15; image/jph would be one with)."""
_RETRY_SECONDS: Final = 2


def build_image_router(images: ImageStore) -> APIRouter:
    """Return the routes of one view below /api/v1/studies; each use is audited."""
    router = APIRouter(prefix="/api/v1/studies/{study_uid}/views/{sop_instance_uid}", tags=["images"])

    def found(caller: Reader, study_uid: str, sop_instance_uid: str, what: str) -> ServedImage:
        try:
            image = images.image(study_uid, sop_instance_uid)
        except ImageAbsentError as error:
            raise _absent(error.code, str(error)) from error
        caller.record("image_viewed", study_uid, f"{sop_instance_uid} {what}")
        return image

    @router.get("/image", response_model=ViewImage, summary="What is served of an image")
    def describe(request: Request, caller: Reader, study_uid: str, sop_instance_uid: str) -> Response:
        return tagged(request, found(caller, study_uid, sop_instance_uid, "image").description)

    @router.get(
        "/preview.webp",
        response_class=Response,
        summary="The image in 8 bits with its first window, at most 512 pixels on the longer side",
        responses={200: {"content": {"image/webp": {}}}},
    )
    def show_preview(request: Request, caller: Reader, study_uid: str, sop_instance_uid: str) -> Response:
        image = found(caller, study_uid, sop_instance_uid, "preview")
        return _whole(request, image.preview, "image/webp")

    @router.get(
        "/overview.jph",
        response_class=Response,
        summary="The image small and lossy in 16 bits, at most 800 pixels on the longer side, as an HTJ2K codestream",
        responses={200: {"content": {PIXELS_TYPE: {}}}},
    )
    def show_overview(request: Request, caller: Reader, study_uid: str, sop_instance_uid: str) -> Response:
        image = found(caller, study_uid, sop_instance_uid, "overview")
        return _whole(request, image.overview, PIXELS_TYPE)

    @router.get(
        "/pixels.jph",
        response_class=FileResponse,
        summary="The lossless pixels as an HTJ2K codestream; its first bytes are the image at a coarser resolution",
        responses={
            200: {"content": {PIXELS_TYPE: {}}},
            206: {"description": "The part that Range asked for"},
            416: {"description": "The range begins behind the end"},
        },
    )
    def show_pixels(request: Request, caller: Reader, study_uid: str, sop_instance_uid: str) -> Response:
        image = found(caller, study_uid, sop_instance_uid, "pixels")
        codestream = image.description.codestream
        tag = f'"{codestream.sha256[:32]}"'
        if matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers={"ETag": tag})
        if not image.pixels.is_file():
            raise _gone()
        return RangedFile(image.pixels, size=codestream.bytes, tag=tag, media_type=PIXELS_TYPE)

    @router.get(
        "/heat.png",
        response_class=Response,
        summary="The malignancy map in 8 bits, 255 = 1.0, over the box that `heat` names",
        responses={200: {"content": {"image/png": {}}}},
    )
    def show_heat(request: Request, caller: Reader, study_uid: str, sop_instance_uid: str) -> Response:
        image = found(caller, study_uid, sop_instance_uid, "heat")
        if image.description.heat is None:
            raise ApiError(404, "no_heat_map", "There is no map of this image: it was not read.")
        return _whole(request, image.heat, "image/png")

    return router


def _whole(request: Request, path: Path, media_type: str) -> Response:
    try:
        body = path.read_bytes()
    except FileNotFoundError:
        raise _gone() from None
    return tagged_body(request, body, media_type)


def _gone() -> ApiError:
    """The files were removed just now; they are made again."""
    return _absent("not_ready", "The image is not ready yet; ask again soon.")


def _absent(code: AbsentCode, message: str) -> ApiError:
    if code in ("unknown_study", "unknown_view"):
        return not_found(code.removeprefix("unknown_"))
    return ApiError(404, code, message, {"Retry-After": str(_RETRY_SECONDS)} if code == "not_ready" else None)
