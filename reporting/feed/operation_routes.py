"""What operators see and do. No route here touches patient data: the answers have no field for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from reporting.feed.access import Right
from reporting.feed.caller import Caller, require
from reporting.feed.errors import ApiError, not_found
from reporting.feed.operation_schemas import (
    CheckRequest,
    DeadLetterAnswer,
    DestinationAnswer,
    DestinationHealth,
    FlagAnswer,
    QuarantineAnswer,
    QueueAnswer,
    ResendAnswer,
    ResendRequest,
    RetryAnswer,
    RetryRequest,
)
from reporting.feed.stores import Operations, UnknownDestinationError, UnknownStudyError

Operator = Annotated[Caller, Depends(require(Right.OPERATE))]
Limit = Annotated[int, Query(ge=1, le=1000)]


def build_operation_router(operations: Operations) -> APIRouter:
    """Return the routes below /api/v1/operations."""
    router = APIRouter(prefix="/api/v1/operations", tags=["operations"])

    @router.get("/queue", summary="Studies that wait or are being worked on")
    def queue(caller: Operator, limit: Limit = 200) -> QueueAnswer:
        listing = operations.queue(limit)
        return QueueAnswer(items=tuple(listing.items), total=listing.total)

    @router.get("/dead-letters", summary="What failed for good, and why")
    def dead_letters(caller: Operator, limit: Limit = 200) -> DeadLetterAnswer:
        listing = operations.dead_letters(limit)
        return DeadLetterAnswer(items=tuple(listing.items), total=listing.total)

    @router.get("/destinations", summary="Where reports go, and how that goes")
    def destinations(caller: Operator) -> DestinationAnswer:
        items = tuple(operations.destinations())
        return DestinationAnswer(items=items, total=len(items))

    @router.get("/quarantine", summary="What was received and could not be accepted")
    def quarantine(caller: Operator, limit: Limit = 200) -> QuarantineAnswer:
        listing = operations.quarantine(limit)
        return QuarantineAnswer(items=tuple(listing.items), total=listing.total)

    @router.get("/flags", summary="Studies that a person has to look at")
    def flags(caller: Operator, limit: Limit = 200) -> FlagAnswer:
        listing = operations.flags(limit)
        return FlagAnswer(items=tuple(listing.items), total=listing.total)

    @router.post("/retry", summary="Start again what failed for good in a study")
    def retry(caller: Operator, wanted: RetryRequest) -> RetryAnswer:
        uid = wanted.study_instance_uid
        caller.record("retry", uid)
        try:
            restarted = operations.retry(uid)
        except UnknownStudyError:
            raise not_found("study") from None
        if restarted == 0:
            raise ApiError(409, "nothing_to_retry", "Nothing in this study has failed for good.")
        return RetryAnswer(study_instance_uid=uid, restarted=restarted)

    @router.post("/resend", summary="Send the newest reports of a study to a destination once more")
    def resend(caller: Operator, wanted: ResendRequest) -> ResendAnswer:
        uid, destination = wanted.study_instance_uid, wanted.destination
        caller.record("resend", uid, destination)
        try:
            objects = operations.resend(uid, destination)
        except UnknownStudyError:
            raise not_found("study") from None
        except UnknownDestinationError:
            raise not_found("destination") from None
        if objects == 0:
            raise ApiError(409, "nothing_to_resend", "Nothing is built for it yet, or all of it is on its way.")
        return ResendAnswer(study_instance_uid=uid, destination=destination, objects=objects)

    @router.post("/check-destination", summary="Ask a destination whether it answers now")
    def check(caller: Operator, wanted: CheckRequest) -> DestinationHealth:
        caller.record("destination_checked", None, wanted.destination)
        try:
            return operations.check(wanted.destination)
        except UnknownDestinationError:
            raise not_found("destination") from None

    return router
