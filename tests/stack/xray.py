"""X-ray machines of the trial: each sends a study until all of it is acknowledged, as real ones do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from dicom_node.destination import Delivered, DicomDestinationSettings
from dicom_node.storage_scu import send_files
from tests.peers.ports import LOOPBACK
from tests.peers.synthetic import WrittenStudy
from tests.stack.composition import XRAY


@dataclass(frozen=True)
class SentStudy:
    """A study of which every image was acknowledged; `to`: by whom."""

    study_uid: str
    images: frozenset[str]
    to: str


@dataclass
class XRay(threading.Thread):
    """Sends studies that `make` writes, to each of `peers` (AE title: port) in turn, until told that it is enough."""

    peers: Mapping[str, int]
    make: Callable[[int], WrittenStudy]
    pause: float
    least: int
    enough: threading.Event = field(default_factory=threading.Event)
    sent: list[SentStudy] = field(default_factory=list)
    sent_again: int = 0

    def __post_init__(self) -> None:
        super().__init__(name="x-ray", daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        titles = list(self.peers)
        while not self.enough.is_set() or len(self.sent) < self.least:
            self._send(self.make(len(self.sent)), titles[len(self.sent) % len(titles)])
            time.sleep(self.pause)

    def _send(self, study: WrittenStudy, title: str) -> None:
        peer = DicomDestinationSettings("to", LOOPBACK, self.peers[title], title, XRAY, connect_timeout=5)
        log = structlog.get_logger("x-ray")
        waiting = list(study.paths.values())
        while waiting:
            outcomes = send_files(peer, waiting, log)
            waiting = [path for path in waiting if not isinstance(outcomes.get(path), Delivered)]
            self.sent_again += len(waiting)
            if waiting:
                time.sleep(1)
        images = frozenset(study.sop_instance_uids.values())
        self.sent.append(SentStudy(study.exam.study_instance_uid, images, title))
