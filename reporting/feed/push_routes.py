"""Messages to phones (Web Push): switching them on and off. What is sent carries no patient data."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from reporting.feed.errors import ApiError, not_found
from reporting.feed.push_schemas import NewSubscription, PushDevice, PushState
from reporting.feed.push_store import (
    PushOffError,
    PushStore,
    Subscriber,
    SubscriptionUnusableError,
    TooManyDevicesError,
)
from reporting.feed.schemas import ErrorAnswer
from reporting.feed.study_routes import Reader

DeviceId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorAnswer, "description": "Messages are off, or too many devices are on"}
}
_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"model": ErrorAnswer, "description": "There is no such device"}}


def build_push_router(store: PushStore) -> APIRouter:
    """Return the routes below /api/v1/push, for who may read studies; switching is audited."""
    router = APIRouter(prefix="/api/v1/push", tags=["push"])

    @router.get("", summary="Whether messages are sent, and to which of one's devices")
    def state(caller: Reader) -> PushState:
        return store.state(caller.principal.name, caller.principal.role, caller.principal.session_digest)

    @router.post("/subscriptions", status_code=201, summary="Have this browser told", responses=_REFUSALS)
    def switch_on(request: Request, caller: Reader, subscription: NewSubscription) -> PushDevice:
        principal = caller.principal
        if principal.session_digest is None:
            # A message has to end with the login of the device that shows it.
            raise ApiError(409, "no_session", "Only a browser that is logged in can have messages, no token.")
        device = request.headers.get("user-agent", "")[:256]
        subscriber = Subscriber(principal.name, principal.role, principal.session_digest, device, caller.now())
        try:
            kept = store.switch_on(subscription, subscriber)
        except PushOffError as error:
            raise ApiError(409, "push_off", str(error)) from None
        except SubscriptionUnusableError as error:
            raise ApiError(400, "subscription_unusable", str(error)) from None
        except TooManyDevicesError:
            raise ApiError(409, "too_many_devices", "Switch messages off on another device first.") from None
        caller.record("push_on", None, f"{kept.id[:16]} from {kept.least_attention}")
        return kept

    @router.delete("/subscriptions/{device_id}", status_code=204, summary="Tell it no more", responses=_UNKNOWN)
    def switch_off(caller: Reader, device_id: DeviceId) -> Response:
        if not store.switch_off(caller.principal.name, device_id):
            raise not_found("device")
        caller.record("push_off", None, device_id[:16])
        return Response(status_code=204)

    return router
