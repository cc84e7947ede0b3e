"""Whose turn it is to read: the remote engine's, or after a while the embedded one's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.reading import tasks
from gateway.reading.child import Child
from gateway.reading.engines import Engines
from gateway.reading.tasks import ImageRead
from inference.remote.failures import RemoteAway, RemoteRefuses, RemoteTooSlow
from inference.remote.server import RemoteServer
from inference.results import ViewResult

SERVER = RemoteServer("127.0.0.1:1", "mammogate")
RESULT = ViewResult(sop_instance_uid="1.2", laterality="L", view="CC")


class TwoEngines:
    """A child whose remote engine can be away; it says who read."""

    def __init__(self) -> None:
        self.away = False
        self.hangs = False
        self.too_large: set[str] = set()
        self.calls: list[str] = []
        self.refusal: str | None = None
        self.now = 0.0

    def run_patiently(self, function: Callable[..., Any], *arguments: Any) -> ImageRead:
        server = next((one for one in arguments if isinstance(one, RemoteServer)), None)
        if server is not None:
            self.calls.append("look" if function is tasks.look else "read")
            if self.hangs and function is not tasks.look:
                raise RemoteTooSlow("it hangs")
            if self.away and self.refusal is None:
                raise RemoteAway("away")
            if self.too_large.intersection(map(str, arguments)):
                raise RemoteRefuses("too large")
        return ImageRead(RESULT, "1", None, {}, self.refusal, None, "embedded" if server is None else "remote")


def read(engines: Engines, study: str = "1", image: str = "1.2") -> str | None:
    return engines.read(Path("image.dcm"), image, "L", "CC", study_uid=study).engine


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
    for child.now in (1600.0, 2200.0):
        assert read(engines) == "embedded"
    child.away, child.now = False, 2300.0
    assert read(engines) == "remote"
    child.away, child.now = True, 20000.0
    with pytest.raises(RemoteAway):
        read(engines)


def test_a_study_whose_image_the_server_never_takes_is_read_here_though_it_takes_all_others() -> None:
    child = TwoEngines()
    engines = engines_over(child, 600.0)
    child.too_large = {"1.2", "1.3"}
    for minute in range(10):
        child.now = minute * 60.0
        with pytest.raises(RemoteRefuses):
            read(engines, "large")
        assert read(engines, "small", "1.9") == "remote"
    child.now = 600.0
    assert read(engines, "large") == "embedded"
    assert read(engines, "large", "1.3") == "embedded", "its other images need not wait once more"
    assert read(engines, "small", "1.9") == "remote", "which says nothing of other studies"


def test_a_failure_that_nothing_confirmed_does_not_make_the_next_one_an_outage_of_hours() -> None:
    child = TwoEngines()
    engines = engines_over(child, 600.0)
    child.away = True
    with pytest.raises(RemoteAway):
        read(engines, "read elsewhere")
    for child.now in (8 * 3600.0, 8 * 3600.0 + 60):
        with pytest.raises(RemoteAway):
            read(engines, "of the afternoon")


def test_an_outage_that_is_known_is_not_forgotten_while_no_study_comes() -> None:
    child = TwoEngines()
    engines = engines_over(child, 600.0)
    child.away = True
    for child.now in map(float, range(0, 600, 60)):
        with pytest.raises(RemoteAway):
            read(engines)
    for child.now in (600.0, 3600.0, 9 * 3600.0):
        assert read(engines, f"of {child.now}") == "embedded"


@pytest.mark.parametrize("only_images", [True, False], ids=["images hang", "all is away"])
def test_while_the_embedded_engine_stands_in_the_remote_one_is_tried_ever_more_rarely(only_images: bool) -> None:
    child = TwoEngines()
    engines = engines_over(child, 0.0)
    child.hangs, child.away = only_images, not only_images
    for child.now in map(float, range(3600)):
        assert read(engines) == "embedded"
    assert child.calls[0] == "read"
    assert child.calls[1] == "look", "before an image is prepared for it in vain"
    tries = child.calls.count("read" if only_images else "look")
    assert 3600 / 60 - 5 < tries < 3600 / 60 + 5
    child.hangs = child.away = False
    child.now += 60
    assert read(engines) == "remote"


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
