"""A child that can't start for a moment is waited for; one that is lost at every try ends the study with a reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast
from uuid import uuid4

import pytest
from sqlalchemy import select

from gateway.database.models import READER_CRASHED, Instance, Reading, Study
from gateway.parts import Parts
from gateway.reading.child import Child, ChildCrashed, ChildTooSlow
from gateway.reading.tasks import model_version, read_image
from gateway.workflow.engine import WorkflowEngine
from gateway.workflow.processing import Processing, Site
from tests.gateway.monitoring.rows import add_study

CRASH, SLOW = ChildCrashed("the child died"), ChildTooSlow("the child took too long")


class Scripted:
    """Stands for every part of the workflow; what becomes of each study's report is scripted."""

    def __init__(self) -> None:
        self.fates: dict[str, list[Exception]] = {}
        self.ended: dict[str, str] = {}
        self.told = threading.Condition()

    def begin(self, _study: str, _generation: int, _run: int) -> list[int]:
        return []

    def report(self, study: str, _generation: int, _run: int) -> None:
        if self.fates[study]:
            raise self.fates[study].pop(0)
        self._end(study, "reported")

    def give_up(self, study: str, _generation: int, _run: int, _stage: str, reason: str) -> None:
        self._end(study, reason)

    def wait_for(self, study: str) -> str:
        with self.told:
            assert self.told.wait_for(lambda: study in self.ended, timeout=60)
        return self.ended[study]

    def _end(self, study: str, how: str) -> None:
        with self.told:
            self.ended[study] = how
            self.told.notify_all()

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_arguments: None


@pytest.fixture
def scripted(parts: Parts) -> Iterator[Scripted]:
    part = Scripted()
    anything = cast(Any, part)
    names = ("gathering", "processing", "delivering", "comparing", "committing", "picturing", "pushing")
    engine = WorkflowEngine(parts.database, executor_id="test", slots=1, **dict.fromkeys(names, anything))
    engine.start()
    yield part
    engine.stop(1)


def test_a_step_waits_for_a_child_that_comes_back_and_gives_up_one_that_does_not(
    parts: Parts, scripted: Scripted
) -> None:
    scripted.fates = {"comes back": [CRASH, CRASH], "too slow": [SLOW] * 9}
    with parts.database.write() as session:
        for study in scripted.fates:
            parts.jobs.process(session, study, 1, 1)
    assert scripted.wait_for("comes back") == "reported"
    assert "no single image is the reason" in scripted.wait_for("too slow")
    assert len(scripted.fates["too slow"]) == 7


class Loading:
    """A child that crashes on every image, and loads the model as often as it is told."""

    def __init__(self, loads: int) -> None:
        self._loads = loads

    def run_patiently(self, function: Callable[..., Any], *_arguments: Any) -> str:
        if function is model_version and self._loads:
            self._loads -= 1
            return "m2"
        assert function in (model_version, read_image)
        raise CRASH


def read(parts: Parts, loads: int) -> str | None:
    """Read an image in generation 2; return what its refusal is called."""
    with parts.database.read() as session:
        instance, study = session.scalars(select(Instance.id)).one(), session.scalars(select(Study)).one()
    site = Site(uuid4(), draw_without_asking=False)
    child = cast(Child, Loading(loads))
    Processing(parts.database, parts.folders, parts.jobs, child, parts.plan(), site).read(
        study.study_instance_uid, 2, instance
    )
    with parts.database.read() as session:
        return session.scalars(select(Reading).where(Reading.generation == 2)).one().refusal


def test_an_image_is_only_to_blame_for_a_lost_child_if_the_next_one_can_load_the_model(parts: Parts) -> None:
    add_study(parts.database, 0.5)
    for loads in (0, 1):
        with pytest.raises(ChildCrashed):
            read(parts, loads)
    assert read(parts, 2) == READER_CRASHED
