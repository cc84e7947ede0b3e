"""Is the process alive, and can the gateway work? Open without login, for supervisors and load balancers."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from reporting.feed.schemas import Alive, DependencyStatus, Ready
from reporting.feed.stores import Readiness, StoreUnavailableError


def build_health_router(readiness: Readiness) -> APIRouter:
    """Return the routes /healthz and /readyz."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="The process answers")
    async def healthz() -> Alive:
        return Alive()

    @router.get(
        "/readyz",
        summary="What the gateway needs, and whether it is there; 503 when something is missing",
        responses={503: {"model": Ready, "description": "Something is missing"}},
    )
    def readyz(response: Response) -> Ready:
        try:
            dependencies = tuple(readiness.check())
        except StoreUnavailableError:
            dependencies = (DependencyStatus(name="database", ok=False, detail="It does not answer."),)
        ready = all(dependency.ok for dependency in dependencies)
        if not ready:
            response.status_code = 503
        return Ready(ready=ready, dependencies=dependencies)

    return router
