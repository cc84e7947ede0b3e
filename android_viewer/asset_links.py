"""Says which Android package the gateway knows as its own app (Digital Asset Links, `/.well-known/assetlinks.json`).

A browser asks for it before it shows the viewer without its own controls. It is open: there is nothing in it but the
package's name and the fingerprints of certificates, which every copy of the package shows too.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

ASSET_LINKS_PATH = "/.well-known/assetlinks.json"
PACKAGE = "org.mammogate.viewer"
"""As in android/AndroidManifest.xml."""
_HANDLE_ALL = "delegate_permission/common.handle_all_urls"


def build_asset_links_router(fingerprints: Sequence[str]) -> APIRouter:
    """Return the route; `fingerprints` are SHA-256 of signing certificates, as `AA:BB:...`.

    Without any it names nobody. The caller opens `ASSET_LINKS_PATH` to those who are not logged in.
    """
    target = {"namespace": "android_app", "package_name": PACKAGE, "sha256_cert_fingerprints": list(fingerprints)}
    statements = [{"relation": [_HANDLE_ALL], "target": target}] if fingerprints else []
    router = APIRouter(include_in_schema=False)

    @router.api_route(ASSET_LINKS_PATH, methods=["GET", "HEAD"], response_class=JSONResponse)
    def show_asset_links() -> Response:
        return JSONResponse(statements, headers={"Cache-Control": "no-cache"})

    return router
