"""The one shape of every error: `{"error": {"code", "message"}}`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reporting.feed.headers import API_HEADERS
from reporting.feed.stores import StoreUnavailableError

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """A request that is answered with an error; `message` is a sentence that says what to do."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def response(self) -> Response:
        # Set here too, not only by the middleware: the handler of last resort runs outside of it.
        return JSONResponse(
            {"error": {"code": self.code, "message": self.message}},
            status_code=self.status,
            headers={**API_HEADERS, **self.headers},
        )


def not_logged_in() -> ApiError:
    return ApiError(401, "not_logged_in", "Log in, or send a valid token.", {"WWW-Authenticate": "Bearer"})


def forbidden() -> ApiError:
    return ApiError(403, "forbidden", "Your role does not allow this.")


def not_found(what: str = "path") -> ApiError:
    return ApiError(404, f"unknown_{what}", f"There is no such {what}.")


def store_unavailable() -> ApiError:
    return ApiError(503, "unavailable", "The gateway's database does not answer; try again soon.", {"Retry-After": "5"})


async def _api_error(request: Request, error: Exception) -> Response:
    return cast(ApiError, error).response()


async def _http_error(request: Request, error: Exception) -> Response:
    http = cast(HTTPException, error)
    if http.status_code == 404:
        return not_found().response()
    phrase = HTTPStatus(http.status_code).phrase
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    # `detail` may repeat what the client sent, so only what our own routers wrote there is passed on.
    message = http.detail if isinstance(http.detail, str) and http.detail else phrase
    return ApiError(http.status_code, code, message.rstrip(".") + ".", http.headers).response()


async def _invalid(request: Request, error: Exception) -> Response:
    # Names the fields, never their values: a password in the wrong field must not come back.
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in cast(RequestValidationError, error).errors()
    ]
    return ApiError(400, "invalid_request", "Correct the request: " + "; ".join(problems[:5]) + ".").response()


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("store unavailable", path=request.scope["path"], error=str(error))
    return store_unavailable().response()


async def _unexpected(request: Request, error: Exception) -> Response:
    # Starlette raises the error again after this answer, so that the server logs it with its traceback.
    return ApiError(500, "internal_error", "The gateway failed to answer; its log says why.").response()


def install_error_handlers(app: FastAPI) -> None:
    """Make the application answer every error in the one shape."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreUnavailableError, _unavailable)
    app.add_exception_handler(Exception, _unexpected)
