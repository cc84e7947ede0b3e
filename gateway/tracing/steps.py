"""A span around each step of the workflow that belongs to a study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.tracing.span import Value
from gateway.tracing.study_traces import StudyTraces

Step = Callable[..., Any]
_LOOK, _REPORT, _GIVE_UP = "gather.look", "process.report", "process.give_up"
# Which arguments behind study and generation a span shows. Reasons are sentences, and stay here.
_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "process.begin": ("run",),
    "process.read": (),
    _REPORT: ("run",),
    "process.wait_for_engine": ("run", "attempt"),
    "process.wait_for_disk": ("run", "attempt"),
    _GIVE_UP: ("run", "stage"),
    "deliver.attempt": ("destination", "attempt"),
}


class TracedSteps:
    """Wraps steps; one that has no study (a comparison, a picture) stays as it is."""

    def __init__(self, traces: StudyTraces) -> None:
        self._traces = traces

    def wrap(self, name: str, function: Step) -> Step:
        """Return the step with its span around it."""
        if name == _LOOK:
            return self._gathering(function)
        return self._with_span(name, function) if name in _SHOWN else function

    def _gathering(self, look: Step) -> Step:
        """Looking takes no time; what counts is how long the study was waited for."""

        def traced(study_uid: str, generation: int) -> Any:
            wait = look(study_uid, generation)
            if wait <= 0:
                self._traces.gathered(study_uid, generation)
            return wait

        return traced

    def _with_span(self, name: str, function: Step) -> Step:
        def traced(study_uid: str, generation: int, *more: Any) -> Any:
            shown: dict[str, Value] = {
                f"mammogate.{key}": value for key, value in zip(_SHOWN[name], more, strict=False)
            }
            with self._traces.step(name, study_uid, generation, shown):
                outcome = function(study_uid, generation, *more)
            if name == _REPORT:
                self._traces.ended(study_uid, generation)
            elif name == _GIVE_UP:
                self._traces.ended(study_uid, generation, failure=str(more[1]))
            return outcome

        return traced
