"""Traces as the settings want them: none, or to a collector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import structlog

from config.traces_settings import TracesSettings
from gateway import __version__
from gateway.drawn_key import NoKeyInFile, drawn_key
from gateway.parts import Parts
from gateway.processes.stopping import StartRefused
from gateway.tracing.study_traces import StudyTraces

log = structlog.get_logger(__name__)
_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


@contextmanager
def traces(parts: Parts, name: str) -> Iterator[StudyTraces | None]:
    """Yield what writes the traces of the process `name`, None where they are off; send the rest at the end.

    Raises:
        StartRefused: the packages that they need are not installed, or a file of theirs can't be used.

    """
    section = parts.settings.traces
    if section.endpoint is None:
        yield None
        return
    _refuse_without_packages()
    from gateway.tracing.otlp import OtlpSink

    service = {"service.name": "mammogate", "service.instance.id": name, "service.version": __version__}
    try:
        sink = OtlpSink(section.endpoint, service=service, ca=section.ca, token=_token(section))
        key = drawn_key(parts.folders.traces_key)
    except NoKeyInFile as damaged:
        raise StartRefused(f"{damaged} holds no key: remove it, traces then get other names than before") from None
    except OSError as error:
        raise StartRefused(f"traces can't be sent ({error}): see that the files of the settings are there") from None
    log.info("traces.sent", endpoint=section.endpoint)
    try:
        yield StudyTraces(parts.database, key, sink)
    finally:
        sink.close()


def _refuse_without_packages() -> None:
    for package in _PACKAGES:
        try:
            there = find_spec(package) is not None
        except ModuleNotFoundError:
            there = False
        if not there:
            raise StartRefused(
                f"traces need the package {package}: install the extra with `pip install mammogate[traces]`, or take "
                "TRACES__ENDPOINT out"
            )


def _token(section: TracesSettings) -> str | None:
    if section.token_file is None:
        return None
    token = section.token_file.read_text("ascii", errors="replace").strip()
    if not token.isprintable() or not token or " " in token:
        raise StartRefused(f"the file {section.token_file} holds no bearer token: put one line of ASCII into it")
    return token
