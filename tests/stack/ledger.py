"""Whether anything was lost: every acknowledged object is in the gateway, every study reported and delivered."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import httpx
from pydicom import dcmread

from tests.stack.outside import Stack, StackFailed
from tests.stack.xray import SentStudy

Answer = TypeVar("Answer")
_SR_KINDS = ("mammography_cad_sr", "measurement_report")


def wait_for_deliveries(stack: Stack, studies: Sequence[SentStudy], seconds: float) -> list[str]:
    """Wait until each study is whole, reported and delivered; return a sentence for each that isn't by then."""
    deadline = time.monotonic() + seconds
    while True:
        left = [sentence for one in studies if (sentence := _missing(stack, one)) is not None]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(2)


def _missing(stack: Stack, sent: SentStudy) -> str | None:
    found = asked(lambda: study(stack, sent.study_uid))
    if found is None:
        return f"a study that {sent.to} acknowledged is not in the feed"
    lost = sent.images - {view["sop_instance_uid"] for view in found["views"]}
    if lost:
        return f"{len(lost)} images that {sent.to} acknowledged are not in the feed"
    if found["status"] != "reported":
        return f"a study is {found['status']}"
    kinds = Counter(report["kind"] for report in found["reports"] if report["generation"] == found["generation"])
    if [kinds[kind] for kind in _SR_KINDS] != [1, 1]:
        return f"a study has {dict(kinds)} as reports"
    open_ones = [one for report in found["reports"] for one in report["deliveries"] if one["status"] != "delivered"]
    return f"{len(open_ones)} reports of a study are not delivered" if open_ones else None


def study(stack: Stack, study_uid: str) -> dict[str, Any] | None:
    """The study as the feed has it, through nginx; None while there is none."""
    with stack.feed() as feed:
        answer = feed.get(f"/api/v1/studies/{study_uid}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    return dict(answer.raise_for_status().json())


def lost_objects(stack: Stack, studies: Iterable[SentStudy]) -> dict[str, int]:
    """How many acknowledged images have no file, how many reports the archive lacks or nobody knows."""
    every = list(studies)
    images = {uid for one in every for uid in one.images}
    folder = stack.data / "volumes" / "data" / "instances"
    kept = {str(dcmread(file, stop_before_pixels=True).SOPInstanceUID) for file in folder.rglob("*.dcm")}
    found = [asked(lambda uid=one.study_uid: study(stack, uid)) or {} for one in every]
    reports = {report["sop_instance_uid"] for one in found for report in one.get("reports", [])}
    in_archive = asked(lambda: archived(stack))
    sent_to_archive = {uid for one in every if one.to == "ORTHANC" for uid in one.images}
    dead = asked(lambda: dead_letters(stack))
    return {
        "acknowledged images without a file in the gateway": len(images - kept),
        "images that Orthanc acknowledged and lacks": len(sent_to_archive - in_archive),
        "reports that Orthanc lacks": len(reports - in_archive),
        "objects in Orthanc that nobody knows": len(in_archive - reports - sent_to_archive),
        "dead letters": dead,
    }


def archived(stack: Stack) -> set[str]:
    """The SOP Instance UIDs of all that Orthanc has."""
    with stack.archive() as archive:
        found = archive.get("/instances", params={"expand": ""}).raise_for_status().json()
    return {instance["MainDicomTags"]["SOPInstanceUID"] for instance in found}


def dead_letters(stack: Stack) -> int:
    """How much work failed for good."""
    with stack.feed(operator=True) as feed:
        answer = feed.get("/api/v1/operations/dead-letters").raise_for_status().json()
    return len(answer["items"] if isinstance(answer, dict) else answer)


def asked(question: Callable[[], Answer], seconds: float = 180.0) -> Answer:
    """Ask until somebody answers: whoever is killed comes back. Raises StackFailed when nobody does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return question()
        except (httpx.TransportError, httpx.HTTPStatusError) as failure:
            if time.monotonic() > deadline:
                raise StackFailed(f"nobody answers: {failure}") from None
            time.sleep(0.5)
