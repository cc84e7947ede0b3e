"""Orthanc's REST API through `orthanc-api-client`, with what that leaves out: timeouts, and sentences for failures."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from orthanc_api_client import OrthancApiClient  # type: ignore[import-untyped]  # it has no type information
from orthanc_api_client import exceptions as api
from requests.adapters import HTTPAdapter

from dicom_node.destination import HttpDestinationSettings


class OrthancUnavailable(ConnectionError):
    """Every failure in which Orthanc itself could not do its part; trying later makes sense."""


class OrthancUnreachable(OrthancUnavailable):
    def __init__(self, url: str) -> None:
        super().__init__(f"Orthanc at {url} does not answer; check that it runs, and the URL.")


class OrthancLoginRefused(OrthancUnavailable):
    def __init__(self, url: str) -> None:
        super().__init__(f"Orthanc at {url} refuses the login; check user name and password (RegisteredUsers there).")


class OrthancNotFound(OrthancUnavailable):
    def __init__(self, url: str, endpoint: str) -> None:
        super().__init__(f"Orthanc at {url} has no {endpoint}; check that the URL is the root of its REST API.")


class OrthancError(OrthancUnavailable):
    def __init__(self, url: str, status: int | None, message: str) -> None:
        self.status = status
        super().__init__(f"Orthanc at {url} answered with HTTP status {status} ({message}); look into its log.")


class OrthancClient(OrthancApiClient):  # type: ignore[misc]  # the package has no type information
    """The client with a timeout for every request; the package itself would wait for ever."""

    def __init__(
        self,
        url: str,
        username: str | None,
        password: str | None,
        *,
        connect_timeout: float,
        timeout: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(url.rstrip("/") + "/", user=username, pwd=password)
        self.url = url
        self._timeouts = (connect_timeout, timeout)
        if tls is not None:
            self._http_session.mount("https://", _AdapterWithContext(tls))

    @classmethod
    def to(cls, peer: HttpDestinationSettings) -> OrthancClient:
        """Return a client of an Orthanc that is a destination, or the archive behind us."""
        return cls(
            peer.url,
            peer.username,
            peer.password,
            connect_timeout=peer.connect_timeout,
            timeout=peer.timeout,
            tls=peer.tls,
        )

    def get(self, endpoint: str, **options: Any) -> requests.Response:
        return self._with_sentences(endpoint, super().get, options)

    def post(self, endpoint: str, **options: Any) -> requests.Response:
        return self._with_sentences(endpoint, super().post, options)

    def delete(self, endpoint: str, **options: Any) -> requests.Response:
        return self._with_sentences(endpoint, super().delete, options)

    def _with_sentences(self, endpoint: str, method: Any, options: dict[str, Any]) -> requests.Response:
        with self.explaining(endpoint):
            response: requests.Response | None = method(endpoint, timeout=self._timeouts, **options)
            if response is None:  # what the package returns for network errors that it has no exception for
                raise OrthancUnreachable(self.url)
            return response

    @contextmanager
    def explaining(self, endpoint: str) -> Iterator[None]:
        """Translate failures, those of reading a streamed body included."""
        try:
            yield
        except api.NotAuthorized as problem:
            raise OrthancLoginRefused(self.url) from problem
        except api.ResourceNotFound as problem:
            raise OrthancNotFound(self.url, endpoint) from problem
        except api.HttpError as problem:
            raise OrthancError(self.url, problem.http_status_code, str(problem.msg)) from problem
        except (api.OrthancApiException, requests.RequestException) as problem:
            raise OrthancUnreachable(self.url) from problem


class _AdapterWithContext(HTTPAdapter):
    """Uses the site's TLS context (its own certification authority, a client certificate)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, ssl_context=self._context, **options)
