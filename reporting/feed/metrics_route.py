"""Figures for Prometheus. Open where the site says so, otherwise for operators; no patient data either way."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from reporting.feed.access import Right
from reporting.feed.caller import require
from reporting.feed.stores import Metrics

METRICS_PATH = "/metrics"
_TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


def build_metrics_router(metrics: Metrics, *, is_open: bool) -> APIRouter:
    """Return the route /metrics; without `is_open` it asks for the right to operate."""
    router = APIRouter(tags=["health"], dependencies=[] if is_open else [Depends(require(Right.OPERATE))])

    # Not PlainTextResponse: refusals would then be described as plain text too.
    @router.get(
        METRICS_PATH,
        summary="Figures for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )
    def metrics_text() -> Response:
        return Response(metrics.text(), headers={"Content-Type": _TEXT_FORMAT})

    return router
