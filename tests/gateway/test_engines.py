"""Whose turn it is to read: the remote engine's, or after a while the embedded one's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.reading.child import Child
from gateway.reading.engines import Engines
from gateway.reading.tasks import ImageRead
from inference.remote.failures import RemoteAway
from inference.remote.server import RemoteServer
from inference.results import ViewResult

SERVER = RemoteServer("127.0.0.1:1", "mammogate")
RESULT = ViewResult(sop_instance_uid="1.2", laterality="L", view="CC")


class TwoEngines:
    """A child whose remote engine can be away; it says who read."""

    def __init__(self) -> None:
        self.away = False
        self.refusal: str | None = None
        self.now = 0.0

    def run_patiently(self, _function: Callable[..., Any], *arguments: Any) -> ImageRead:
        server = next((one for one in arguments if isinstance(one, RemoteServer)), None)
        if server is not None and self.away and self.refusal is None:
            raise RemoteAway("away")
        return ImageRead(RESULT, "1", None, {}, self.refusal, None, "embedded" if server is None else "remote")


def read(engines: Engines) -> str | None:
    return engines.read(Path("image.dcm"), "1.2", "L", "CC").engine


def engines_over(child: TwoEngines, fallback: float | None) -> Engines:
    return Engines(cast(Child, child), SERVER, fallback, clock=lambda: child.now)


def test_without_a_fallback_the_remote_engine_is_waited_for_for_ever() -> None:
    child = TwoEngines()
    engines = engines_over(child, None)
    child.away = True
    for child.now in (0.0, 1e3, 1e9):
        with pytest.raises(RemoteAway):
            read(engines)
    child.away = False
    assert read(engines) == "remote"


def test_after_the_fallbacks_time_the_embedded_engine_reads_until_the_remote_one_is_back() -> None:
    child = TwoEngines()
    engines = engines_over(child, 600.0)
    assert read(engines) == "remote"
    child.away = True
    for child.now in (1000.0, 1599.0):
        with pytest.raises(RemoteAway):
            read(engines)
    for child.now in (1600.0, 9999.0):
        assert read(engines) == "embedded"
    child.away = False
    assert read(engines) == "remote"
    child.away, child.now = True, 20000.0
    with pytest.raises(RemoteAway):
        read(engines)


def test_with_a_fallback_of_nothing_the_embedded_engine_reads_at_once() -> None:
    child = TwoEngines()
    child.away = True
    assert read(engines_over(child, 0.0)) == "embedded"


def test_a_refused_image_says_nothing_about_the_remote_engine() -> None:
    child = TwoEngines()
    engines = engines_over(child, 600.0)
    child.away = True
    with pytest.raises(RemoteAway):
        read(engines)
    child.refusal, child.now = "NoBreastFound", 300.0
    read(engines)
    child.refusal, child.now = None, 600.0
    assert read(engines) == "embedded"


def test_without_a_server_the_embedded_engine_reads() -> None:
    assert read(Engines(cast(Child, TwoEngines()))) == "embedded"
