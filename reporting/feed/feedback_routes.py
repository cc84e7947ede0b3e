"""Feedback on what the AI read. It is no sign-off: no status, report or attention changes by it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from reporting.feed.errors import ApiError, not_found
from reporting.feed.feedback_schemas import Feedback, FeedbackHistory, NewFeedback
from reporting.feed.feedback_store import (
    FeedbackStore,
    KeyUsedOtherwiseError,
    NothingReadError,
    Sender,
    UnknownFindingError,
)
from reporting.feed.schemas import ErrorAnswer
from reporting.feed.stores import UnknownStudyError
from reporting.feed.study_routes import Reader

IdempotencyKey = Annotated[
    str,
    Header(
        pattern=r"^[A-Za-z0-9._~-]{8,64}$",
        description="Drawn anew for each piece of feedback; a request that is repeated under it is kept once",
    ),
]
_ERRORS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorAnswer, "description": "There is no such study or finding"}
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": Feedback, "description": "It was kept before, under the same key"},
    409: {"model": ErrorAnswer, "description": "The AI has not read the study yet"},
    422: {"model": ErrorAnswer, "description": "The key stands for other feedback"},
}


def build_feedback_router(store: FeedbackStore) -> APIRouter:
    """Return the routes /api/v1/studies/{study_uid}/feedback, for who may read studies; each use is audited.

    The audit trail has the verdict and what it is about, never the comment.
    """
    router = APIRouter(prefix="/api/v1/studies/{study_uid}/feedback", tags=["feedback"])

    @router.get("", summary="What people said of what the AI read", responses=_ERRORS)
    def history(caller: Reader, study_uid: str) -> FeedbackHistory:
        try:
            items = tuple(store.history(study_uid))
        except UnknownStudyError:
            raise not_found("study") from None
        caller.record("feedback_viewed", study_uid)
        return FeedbackHistory(items=items)

    @router.post("", status_code=201, summary="Agree with the AI, disagree, or be unsure", responses=_ERRORS | _ANSWERS)
    def give(
        caller: Reader, study_uid: str, feedback: NewFeedback, idempotency_key: IdempotencyKey, response: Response
    ) -> Feedback:
        sender = Sender(caller.principal.name, caller.principal.role, caller.now(), idempotency_key)
        if (feedback.sop_instance_uid is None) != (feedback.tracking_uid is None):
            raise ApiError(400, "invalid_request", "Name both the image and the finding, or neither for the study.")
        try:
            known = store.given(study_uid, feedback, sender)
            if known is not None:
                response.status_code = 200
                return known
            caller.record("feedback", study_uid, f"{feedback.verdict}: {feedback.tracking_uid or 'study'}")
            return store.add(study_uid, feedback, sender)
        except UnknownStudyError:
            raise not_found("study") from None
        except UnknownFindingError:
            raise not_found("finding") from None
        except NothingReadError:
            raise ApiError(409, "not_read", "The AI has not read this study yet; wait for its result.") from None
        except KeyUsedOtherwiseError:
            raise ApiError(422, "key_used", "This Idempotency-Key stands for other feedback; draw a new one.") from None

    return router
