"""kill -9 of any process at random moments while studies arrive and are processed: nothing acknowledged is lost."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest
import structlog
from pydicom import dcmread

from dicom_node.destination import Delivered, DicomDestinationSettings
from dicom_node.storage_scu import send_files
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.orthanc import Orthanc
from tests.peers.synthetic import WrittenStudy, write_study

pytestmark = [pytest.mark.system, pytest.mark.timeout(1500)]

SR_KINDS = ("mammography_cad_sr", "measurement_report")


class Modality(threading.Thread):
    """An X-ray machine: sends each study, and sends again what was not acknowledged, until all of it was."""

    def __init__(self, port: int, studies: Sequence[WrittenStudy], pause: float) -> None:
        super().__init__(name="modality", daemon=True)
        self._peer = DicomDestinationSettings("gateway", "127.0.0.1", port, "MAMMOGATE", "XRAY1", connect_timeout=3)
        self._studies = studies
        self._pause = pause
        self.acknowledged: set[str] = set()
        self.resent = 0

    def run(self) -> None:
        log = structlog.get_logger("modality")
        for study in self._studies:
            waiting = list(study.paths.values())
            while waiting:
                outcomes = send_files(self._peer, waiting, log)
                done = [path for path, outcome in outcomes.items() if isinstance(outcome, Delivered)]
                self.acknowledged |= {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in done}
                waiting = [path for path in waiting if path not in done]
                self.resent += len(waiting)
                if waiting:
                    time.sleep(0.5)
            time.sleep(self._pause)


def kill_somebody(gateway: Gateway, dice: random.Random) -> str | None:
    """SIGKILL one part of the gateway, chosen at random among those that run; return which, None for nobody.

    A dead supervisor is started again, as systemd would. While it has not started its parts yet nobody is killed:
    otherwise most kills would hit a program that has not done anything.
    """
    parts = {part_name(process): process for process in gateway.processes()}
    parts.pop("", None)
    if not {"receive", "work", "child"} <= parts.keys():
        return None
    name = dice.choice(sorted(parts))
    try:
        parts[name].kill()
    except psutil.NoSuchProcess:
        return None
    if name == "supervisor" and gateway.process is not None:
        gateway.process.wait()
        gateway.start(wait=False)
    return name


def part_name(process: psutil.Process) -> str:
    """Return supervisor, receive, work, api or child (which reads); empty for one that just ended."""
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return ""
    if "--only" in command:
        return command[command.index("--only") + 1]
    if "serve" in command:
        return "supervisor"
    return "child" if any("spawn_main" in word for word in command) else ""


def run_with_kills(gateway: Gateway, orthanc: Orthanc, studies: Sequence[WrittenStudy], kills: int, seed: int) -> None:
    dice = random.Random(seed)
    modality = Modality(gateway.dicom_port, studies, pause=1.0)
    modality.start()
    killed: Counter[str] = Counter()
    while sum(killed.values()) < kills:
        time.sleep(dice.uniform(0.5, 5.0))
        who = kill_somebody(gateway, dice)
        if who is not None:
            killed[who] += 1
    gateway.wait_until_ready()
    modality.join(timeout=300)
    assert not modality.is_alive(), "the modality never got everything acknowledged"
    sent = {uid for study in studies for uid in study.sop_instance_uids.values()}
    assert modality.acknowledged == sent
    reported = []
    for study in studies:
        uid = study.exam.study_instance_uid
        generation = gateway.wait_for(uid, lambda found: found["status"] == "reported", 300)["generation"]
        reported.append(gateway.wait_for_reports(uid, generation, 300))
    lost = sent - stored_instances(gateway)
    assert not lost, f"{len(lost)} acknowledged instances are lost"
    in_pacs = orthanc.sop_instance_uids()
    for study in reported:
        for generation in range(1, study["generation"] + 1):
            for kind in SR_KINDS:
                ours = [r for r in study["reports"] if (r["kind"], r["generation"]) == (kind, generation)]
                assert len(ours) == 1, f"{len(ours)} {kind} of generation {generation}"
                assert ours[0]["sop_instance_uid"] in in_pacs
    ours = {report["sop_instance_uid"] for study in reported for report in study["reports"]}
    assert in_pacs == ours, f"the PACS holds {len(in_pacs - ours)} objects that nobody knows"
    # Shown by `pytest -s`: the figures that the conformance of this release rests on.
    sys.stdout.write(
        f"\n{sum(killed.values())} kills {dict(killed)}: {len(sent)} instances acknowledged "
        f"({modality.resent} sent again), 0 lost; {len(reported)} studies "
        f"reported, 0 stuck; {len(in_pacs)} objects in the PACS, each once\n"
    )


def stored_instances(gateway: Gateway) -> set[str]:
    """The SOP Instance UIDs of the files in the data folder, read from the files themselves."""
    files = (gateway.data_dir / "instances").rglob("*.dcm")
    return {str(dcmread(file).SOPInstanceUID) for file in files}


def write_studies(folder: Path, count: int) -> list[WrittenStudy]:
    return [write_study(folder / str(number), rows=1600, columns=1280, seed=number) for number in range(count)]


def kill_over_sqlite(orthanc: Orthanc, folder: Path, *, studies: int, kills: int, seed: int) -> None:
    pacs = destination("pacs", "dicom", host="127.0.0.1", port=orthanc.dicom_port, ae_title=orthanc.ae_title)
    with running_gateway(
        folder / "gateway", destinations=[pacs], settings={"MAMMOGATE_STUDY__QUIET_SECONDS": "30"}
    ) as gateway:
        run_with_kills(gateway, orthanc, write_studies(folder / "studies", studies), kills, seed)


def test_four_random_kills_lose_nothing(orthanc: Orthanc, tmp_path: Path) -> None:
    kill_over_sqlite(orthanc, tmp_path, studies=2, kills=4, seed=20261124)


@pytest.mark.long
def test_twenty_random_kills_lose_nothing(orthanc: Orthanc, tmp_path: Path) -> None:
    kill_over_sqlite(orthanc, tmp_path, studies=8, kills=20, seed=20261123)
