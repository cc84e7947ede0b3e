"""Objects to a STOW-RS server (PS3.18 10.5), one request each so that each has its own answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import structlog
from pydicom import Dataset

from dicom_node.destination import (
    Delivered,
    Failed,
    Health,
    HttpDestinationSettings,
    NotTried,
    Outcome,
    Progress,
    Refused,
    tell,
)
from dicom_node.dicom_file import FileAway, NotADicomFile, read_header, reading
from dicom_node.store_status import outcome_of

CHUNK_BYTES = 1 << 20
_TEMPORARY = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
        HTTPStatus.INSUFFICIENT_STORAGE,
    }
)
# Things that an operator can put right without touching the object: worth trying again after that.
_CONFIGURATION = {
    HTTPStatus.UNAUTHORIZED: "refuses the login; check its user name and password or token",
    HTTPStatus.FORBIDDEN: "does not allow us to store; give the user the right to",
    HTTPStatus.NOT_FOUND: "has no STOW-RS service at this address; check the URL",
    HTTPStatus.METHOD_NOT_ALLOWED: "takes no uploads at this address; check the URL",
}


class StowDestination:
    def __init__(self, settings: HttpDestinationSettings, log: structlog.typing.FilteringBoundLogger) -> None:
        self._settings = settings
        self._log = log.bind(destination=settings.name)
        headers = {"Accept": "application/dicom+json"}
        if settings.bearer_token:
            headers["Authorization"] = f"Bearer {settings.bearer_token}"
        self._client = httpx.Client(
            base_url=settings.url.rstrip("/"),
            headers=headers,
            auth=(settings.username, settings.password or "") if settings.username else None,
            timeout=httpx.Timeout(settings.timeout, connect=settings.connect_timeout),
            verify=settings.tls if settings.tls is not None else True,
            follow_redirects=False,
        )

    @property
    def name(self) -> str:
        return self._settings.name

    def health(self) -> Health:
        """Ask for one study (QIDO-RS); a store-only server may refuse that, and is there all the same."""
        try:
            response = self._client.get("/studies", params={"limit": 1})
        except httpx.HTTPError as problem:
            return Health(False, _unreachable(self._settings.url, problem))
        if response.status_code in _CONFIGURATION and response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return Health(False, f"{self._settings.url} {_CONFIGURATION[HTTPStatus(response.status_code)]}.")
        if response.status_code in _TEMPORARY:
            return Health(False, f"{self._settings.url} answers with HTTP status {response.status_code}.")
        return Health(True, f"{self._settings.url} answers.")

    def deliver(self, paths: Sequence[Path], progress: Progress | None = None) -> dict[Path, Outcome]:
        outcomes: dict[Path, Outcome] = {}
        unreachable: str | None = None
        for path in dict.fromkeys(paths):
            if unreachable is not None:  # the next object would only wait for the same timeout
                outcomes[path] = NotTried(unreachable)
            else:
                try:
                    outcomes[path] = self._store(path)
                except httpx.HTTPError as problem:
                    unreachable = _unreachable(self._settings.url, problem)
                    outcomes[path] = Failed(unreachable)
            outcome = outcomes[path]
            if not isinstance(outcome, Delivered):
                self._log.warning("object_not_delivered", outcome=type(outcome).__name__, reason=outcome.reason)
            tell(progress, path, outcome)
        return outcomes

    def _store(self, path: Path) -> Outcome:
        try:
            header = read_header(path)
            with reading(path):
                return _outcome(self._settings.url, self._post(path), header.sop_instance_uid)
        except NotADicomFile as problem:
            return Refused(str(problem))
        except FileAway as problem:
            return Failed(str(problem))

    def _post(self, path: Path) -> httpx.Response:
        """Upload the file; an OSError is one of reading it, since httpx has errors of its own for the network."""
        boundary = uuid.uuid4().hex
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        return self._client.post(
            "/studies",
            content=_body(head, path, tail),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
                "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
            },
        )


def _body(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
    yield tail


def _outcome(url: str, response: httpx.Response, sop_instance_uid: str) -> Outcome:
    """Believe the data set of the answer before the HTTP status: servers disagree about the latter."""
    status = response.status_code
    answer = _answer(response)
    if answer is not None:
        for item in answer.get("ReferencedSOPSequence") or []:
            if item.get("ReferencedSOPInstanceUID") == sop_instance_uid:
                warning = item.get("WarningReason")
                return Delivered(f"stored, with warning 0x{int(warning):04X}" if warning is not None else "")
        failures = [*(answer.get("FailedSOPSequence") or []), *(answer.get("OtherFailuresSequence") or [])]
        if failures:
            return _failure(url, failures[0].get("FailureReason"))
    if status in _CONFIGURATION:
        return Failed(f"{url} {_CONFIGURATION[HTTPStatus(status)]} (HTTP status {status}).")
    if status in _TEMPORARY or 300 <= status < 400:
        return Failed(f"{url} could not store the object now (HTTP status {status}).")
    if 200 <= status < 300:
        return Failed(
            f"{url} answered HTTP status {status} without saying that it stored the object; look into its log."
        )
    # What it wrote stays out: it may quote the patient, and this sentence goes to operators and logs.
    return Refused(f"{url} refuses the object (HTTP status {status}); its log says why.")


def _failure(url: str, reason: Any) -> Outcome:
    status = Dataset()
    status.Status = int(reason) if reason is not None else 0x0110
    outcome = outcome_of(status)
    if isinstance(outcome, Delivered):  # a failure with the code of a warning: nothing one can rely on
        return Failed(f"{url} reported a failure with the code 0x{int(status.Status):04X}.")
    return type(outcome)(f"{url}: {outcome.reason}")


def _answer(response: httpx.Response) -> Dataset | None:
    try:
        content = response.json()
        return Dataset.from_json(content[0] if isinstance(content, list) else content)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def _unreachable(url: str, problem: httpx.HTTPError) -> str:
    return f"{url} does not answer ({type(problem).__name__}: {problem}); check the URL and that the server runs."
