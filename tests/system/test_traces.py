"""One trace a study at a real collector: from C-STORE over the inference server to the PACS, past a killed worker."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.peers.dcmtk import dcmsend, running_storescp
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.identifiers import found, identified_study, identifiers
from tests.peers.inference_server import MODEL, InferenceServer, running_inference_server
from tests.peers.otlp_collector import Collector, Received, running_collector
from tests.peers.synthetic import WrittenStudy

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
CLIENT = 3  # SpanKind of opentelemetry-proto


@dataclass(frozen=True)
class Traced:
    """A study that met an engine which is away, then a worker's death, and was then reported and delivered."""

    study: WrittenStudy
    collector: Collector
    server: InferenceServer
    killed_at: int
    shown: str

    def named(self, name: str) -> list[Received]:
        return [span for span in self.collector.spans() if span.name == name]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    folder = tmp_path_factory.mktemp("traces")
    study = identified_study(folder / "study")
    with (
        running_collector(folder / "collector") as collector,
        running_inference_server() as server,
        running_storescp(folder / "pacs") as pacs,
        running_gateway(
            folder / "gateway",
            destinations=[destination("pacs", "dicom", host="127.0.0.1", port=pacs.port, ae_title=pacs.ae_title)],
            settings={
                "MAMMOGATE_TRACES__ENDPOINT": collector.endpoint,
                "MAMMOGATE_INFERENCE__ENGINE": "remote",
                "MAMMOGATE_INFERENCE__URL": f"grpc://{server.address}/{MODEL}",
                "MAMMOGATE_INFERENCE__FIRST_RETRY_SECONDS": "0.3",
                "MAMMOGATE_INFERENCE__LONGEST_RETRY_SECONDS": "0.6",
            },
        ) as gateway,
    ):
        server.fault = "fails inside"
        assert dcmsend(gateway.dicom_port, *study.paths.values()).returncode == 0
        collector.wait_for("process.wait_for_engine")
        gateway.part("work").kill()
        killed_at = time.time_ns()
        server.fault = None
        gateway.wait_for_reports(study.exam.study_instance_uid)
        collector.wait_for("deliver.attempt")
        collector.wait_for("study")
        yield Traced(study, collector, server, killed_at, shown(gateway, study))


def shown(gateway: Gateway, study: WrittenStudy) -> str:
    return gateway.command("show", study.exam.study_instance_uid).stdout


def test_all_of_it_is_one_trace_also_what_was_done_after_the_worker_was_killed(traced: Traced) -> None:
    spans = traced.collector.spans()
    (trace,) = {span.trace for span in spans}
    assert f"trace {trace}" in traced.shown
    before = {span.name for span in spans if span.end < traced.killed_at}
    after = {span.name for span in spans if span.start > traced.killed_at}
    assert {"receive", "receive.commit", "gather", "process.begin", "process.read", "image.infer"} <= before
    assert {"process.read", "image.infer", "process.report", "deliver.attempt"} <= after
    assert {span.resource["service.name"] for span in spans} == {"mammogate"}
    assert {span.resource["service.instance.id"].partition("@")[0] for span in spans} == {"receive", "work"}


def test_every_span_is_below_the_study_and_within_its_own_parent(traced: Traced) -> None:
    spans = {span.span: span for span in traced.collector.spans()}
    (root,) = {span.span for span in spans.values() if not span.parent}
    assert spans[root].name == "study"
    parents = {
        (span.name, spans[span.parent].name) for span in spans.values() if span.parent
    }  # a parent that never came would be a KeyError
    below_study = {"receive", "gather", "deliver.attempt"}
    below_study |= {f"process.{step}" for step in ("begin", "read", "wait_for_engine", "report")}
    below_read = {f"image.{stage}" for stage in ("decode", "prepare", "infer", "findings")}
    assert parents == {
        *((name, "study") for name in below_study),
        *((name, "process.read") for name in below_read),
        ("receive.commit", "receive"),
    }
    for span in spans.values():
        assert 0 < span.start <= span.end <= time.time_ns()
        if span.parent and span.parent != root:
            assert spans[span.parent].start <= span.start
            assert span.end <= spans[span.parent].end


def test_each_image_and_each_step_is_there_as_often_as_it_was_done(traced: Traced) -> None:
    counted = Counter(span.name for span in traced.collector.spans() if not span.failed)
    assert counted["receive"] == counted["receive.commit"] == 4
    assert counted["gather"] == counted["study"] == 1
    for stage in ("decode", "prepare", "infer", "findings"):
        assert counted[f"image.{stage}"] == 4
    assert {span.attributes["error.type"] for span in traced.named("image.infer") if span.failed} == {"RemoteRefuses"}
    last = max(traced.named("deliver.attempt"), key=lambda span: span.end)
    assert last.attributes["mammogate.destination"] == "pacs"
    assert last.attributes["mammogate.delivered"] > 0
    assert last.attributes["mammogate.failed"] == 0


def test_the_inference_server_is_told_which_span_it_is_called_from(traced: Traced) -> None:
    told = Counter(metadata["traceparent"] for metadata in traced.server.metadata)
    calls = [span for span in traced.named("image.infer") if not span.failed]
    assert {span.kind for span in calls} == {CLIENT}
    for span in calls:
        assert told[f"00-{span.trace}-{span.span}-01"] == 2  # both scales of the image


def test_no_identifier_of_the_study_leaves_in_spans_or_metadata(traced: Traced) -> None:
    wanted = identifiers(traced.study.paths.values())
    metadata = [repr(one).encode() for one in traced.server.metadata]
    assert found(wanted, [*traced.collector.bodies(), *metadata]) == set()
    # The search is not blind: what is in a span is found in what came.
    assert found(["process.read"], traced.collector.bodies()) == {("process.read", "plain")}
