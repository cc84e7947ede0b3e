"""Where somebody is logged in, and ending it there; and what this software is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.responses import Response

from reporting.feed.access import Right
from reporting.feed.caller import Caller, require
from reporting.feed.device_names import device_name
from reporting.feed.device_schemas import About, DeviceAnswer, DeviceList
from reporting.feed.errors import not_found
from reporting.feed.login_stores import Device
from reporting.feed.sessions import Sessions
from reporting.feed.settings import FeedSettings
from reporting.feed.stores import Accounts

Anyone = Annotated[Caller, Depends(require())]
Administrator = Annotated[Caller, Depends(require(Right.ADMINISTER))]
DeviceId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
RESEARCH_USE = "Research use only, not a medical device."


def build_device_router(
    sessions: Sessions, accounts: Accounts, settings: FeedSettings, now: Callable[[], datetime]
) -> APIRouter:
    """Return the routes /api/v1/auth/devices and /api/v1/about."""
    router = APIRouter(prefix="/api/v1", tags=["devices"])

    @router.get("/auth/devices", summary="Where you are logged in")
    def devices(caller: Anyone) -> DeviceList:
        own = sessions.devices(caller.principal.name)
        return DeviceList(items=tuple(_answer(device, caller, with_user=False) for device in own))

    @router.get("/auth/devices/all", summary="Where anybody is logged in")
    def all_devices(caller: Administrator) -> DeviceList:
        return DeviceList(items=tuple(_answer(device, caller, with_user=True) for device in sessions.devices(None)))

    @router.delete("/auth/devices/{device_id}", status_code=204, summary="End the login on a device, at once")
    def revoke(caller: Anyone, device_id: DeviceId) -> Response:
        principal = caller.principal
        whose = None if Right.ADMINISTER in principal.rights else principal.name
        user = accounts.revoke_device(device_id, whose, now())
        if user is None:
            raise not_found("device")
        caller.record("device_revoked", detail=f"{device_id} of {user}")
        return Response(status_code=204)

    @router.get("/about", summary="What this software is, and its version")
    def about(caller: Anyone) -> About:
        return About(version=settings.version, notice=RESEARCH_USE)

    return router


def _answer(device: Device, caller: Caller, *, with_user: bool) -> DeviceAnswer:
    return DeviceAnswer(
        id=device.id,
        name=device_name(device.agent),
        user=device.user_name if with_user else None,
        address=device.address,
        first_seen_at=device.opened_at,
        last_seen_at=device.last_seen_at,
        current=device.key == caller.principal.session_digest,
    )
