"""Cells from a server: deadline, retries, circuit breaker, and an answer that is checked before it is believed."""

import queue
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from inference.cells import Logits, Picture
from inference.remote import breaker
from inference.remote.failures import (
    RemoteAway,
    RemoteLoginUnusable,
    RemoteNotReady,
    RemoteRefuses,
    RemoteResting,
    RemoteTooSlow,
    RemoteUnusable,
)
from inference.remote.server import RemoteServer
from inference.remote.trace_context import trace_metadata
from inference.remote.wire import as_sent, believed, question

_PAUSES: Final = (0.2, 0.5, 1.0)
"""Seconds before each repetition of a call that met UNAVAILABLE; nothing else is repeated."""
_GRACE_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 10.0
_CHANNEL: Final = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", 64 * 2**20),
    # gRPC itself would wait up to two minutes before it looks for a server again.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
]


class RemoteCells:
    """A source of cells for one thread. Connects when it is first asked."""

    def __init__(
        self,
        server: RemoteServer,
        version: str,
        limits: breaker.Limits | None = None,
        pauses: Sequence[float] = _PAUSES,
    ) -> None:
        """Ask `server` for the model's `version` (as served); nothing is sent yet."""
        self._server = server
        self._version = version
        self._limits = limits or breaker.Limits(rest=server.rest_seconds, longest_rest=server.longest_rest_seconds)
        self._pauses = tuple(pauses)
        self._state: breaker.State = breaker.Closed()
        self._last = ""
        self._client: InferenceServerClient | None = None

    def cells(self, pictures: Sequence[Picture]) -> list[Logits]:
        """Logits of the cells of each picture, all under way at once. Raises RemoteUnusable, one of its causes."""
        self._state, may = breaker.ask(self._state, time.monotonic())
        if not may:
            rest = self._state.rest if isinstance(self._state, breaker.Open) else self._limits.rest
            raise RemoteResting(f"The remote engine is left alone for {rest:g} s. Before: {self._last}")
        try:
            logits = self._exchange(pictures, time.monotonic() + self._server.deadline_seconds)
        except Exception as failure:
            self._last = str(failure) if isinstance(failure, RemoteUnusable) else type(failure).__name__
            self._state = breaker.failed(self._state, self._limits, time.monotonic())
            self.close()  # the next one reads certificates anew and asks whether the model is there
            raise
        self._state = breaker.succeeded(self._state)
        return logits

    def look(self) -> None:
        """Ask whether the model is there in its version; if so, its rest is over. Raises RemoteUnusable."""
        self._client = self._client or _connected(self._server)
        try:
            self._look(self._login(), time.monotonic() + min(self._server.deadline_seconds, _LOOK_SECONDS))
        finally:
            self.close()
        self._state = breaker.rested(self._state)

    def close(self) -> None:
        """Close the connection; a later call opens another."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _exchange(self, pictures: Sequence[Picture], deadline: float) -> list[Logits]:
        login = self._login()
        if self._client is None:
            self._client = _connected(self._server)
            self._repeated(lambda: self._look(login, deadline), deadline)
        tensors = [as_sent(picture) for picture in pictures]
        answers: dict[int, Logits] = {}

        def ask_for_the_missing() -> None:
            missing = [number for number in range(len(tensors)) if number not in answers]
            self._ask([(number, tensors[number]) for number in missing], answers, login, deadline)

        self._repeated(ask_for_the_missing, deadline)
        return [answers[number] for number in range(len(tensors))]

    def _repeated(self, call: Any, deadline: float) -> None:
        for pause in self._pauses:
            try:
                call()
            except RemoteAway:
                if time.monotonic() + pause >= deadline:
                    raise
                time.sleep(pause)
            else:
                return
        call()

    def _look(self, login: Mapping[str, str], deadline: float) -> None:
        client = self._open()
        try:
            ready = client.is_model_ready(
                self._server.model, self._version, headers=dict(login), client_timeout=_left(deadline)
            )
        except InferenceServerException as error:
            raise _meaning(error) from None
        if not ready:
            raise RemoteNotReady(
                f"The remote engine does not serve {self._server.model} in version {self._version}: load there what "
                "`mammogate model export --format triton` of this version writes."
            )

    def _ask(
        self, wanted: Sequence[tuple[int, Any]], answers: dict[int, Logits], login: Mapping[str, str], deadline: float
    ) -> None:
        """Send all, then take all; what came well stays in `answers` even when another failed."""
        arrived: queue.SimpleQueue[tuple[int, Any, InferenceServerException | None]] = queue.SimpleQueue()
        ids = {number: str(uuid4()) for number, _ in wanted}
        calls = [
            self._open().async_infer(
                self._server.model,
                model_version=self._version,
                request_id=ids[number],
                headers=dict(login) | trace_metadata(),
                client_timeout=_left(deadline),
                callback=partial(_put, arrived, number),
                **question(tensor),
            )
            for number, tensor in wanted
        ]
        shapes = {number: (tensor.shape[0], *tensor.shape[2:]) for number, tensor in wanted}
        failure: RemoteUnusable | None = None
        try:
            for _ in wanted:
                number, result, error = arrived.get(timeout=_left(deadline) + _GRACE_SECONDS)
                if error is None:
                    answers[number] = believed(
                        result, version=self._version, request_id=ids[number], shape=shapes[number]
                    )
                elif failure is None or isinstance(failure, RemoteAway):
                    failure = _meaning(error)
        except queue.Empty:
            failure = _too_slow()
        finally:
            for call in calls:
                call.cancel()
        if failure is not None:
            raise failure

    def _open(self) -> InferenceServerClient:
        assert self._client is not None, "_exchange has connected"  # noqa: S101 - invariant
        return self._client

    def _login(self) -> dict[str, str]:
        file = self._server.token_file
        if file is None:
            return {}
        token = _bytes_of(file).decode("ascii", "replace").strip()
        if not token or not token.isprintable() or " " in token or "\N{REPLACEMENT CHARACTER}" in token:
            raise RemoteLoginUnusable(f"The file {file} holds no bearer token: put one line of ASCII into it.")
        return {"authorization": f"Bearer {token}"}


def _connected(server: RemoteServer) -> InferenceServerClient:
    for file in (server.ca, server.certificate, server.key):
        if file is not None:
            _bytes_of(file)
    return InferenceServerClient(
        server.address,
        ssl=server.tls,
        root_certificates=_text(server.ca),
        private_key=_text(server.key),
        certificate_chain=_text(server.certificate),
        channel_args=_CHANNEL,
    )


def _put(arrived: queue.SimpleQueue[Any], number: int, result: Any, error: Any) -> None:
    arrived.put((number, result, error))


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())


def _too_slow() -> RemoteTooSlow:
    return RemoteTooSlow(
        "The remote engine did not answer in time: look at its load, or raise INFERENCE__DEADLINE_SECONDS."
    )


def _meaning(error: InferenceServerException) -> RemoteUnusable:
    status = str(error.status()).removeprefix("StatusCode.")
    said = str(error.message())[:200]
    if status == "UNAVAILABLE":
        return RemoteAway(f"The remote engine can't be reached ({said}): see that it runs, and its certificate.")
    if status in ("DEADLINE_EXCEEDED", "CANCELLED"):
        return _too_slow()
    if status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return RemoteRefuses(f"The remote engine does not take our login ({said}): renew the token or certificate.")
    return RemoteRefuses(f"The remote engine refused with {status} ({said}): look into its log.")


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RemoteLoginUnusable(f"The file {file} can't be read ({error.strerror}): put it there.") from None


def _text(file: Path | None) -> str | None:
    return None if file is None else str(file)
