"""Two machines over one PostgreSQL and one data folder: what one was doing when it died is finished by the other."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.peers.dcmtk import dcmsend, echoscu
from tests.peers.gateway import Gateway, running_gateway
from tests.peers.ports import wait_until_listening
from tests.peers.synthetic import WrittenStudy, write_study
from tests.system.small_breasts import small_study
from tests.system.test_kill import Modality, stored_instances
from tests.system.two_machines import World, begin, lose, send_and_stay, signal_tree, two_machines

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
ADOPTED_WITHIN = 65.0
SR_KINDS = ("mammography_cad_sr", "measurement_report")


def receiver(gateway: Gateway, number: int) -> psutil.Process | None:
    """The `number`th receiving process, None while it is not running."""
    for process in gateway.processes():
        try:
            command = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if "--parent" in command and command[3:7] == ["--only", "receive", "--number", str(number)]:
            return process
    return None


def reported_once(world: World, survivor: Gateway, studies: Sequence[WrittenStudy], seconds: float) -> list[Any]:
    """Wait until each study is reported and delivered, and look that there is one set of reports of each."""
    found = [survivor.wait_for_reports(study.exam.study_instance_uid, seconds=seconds) for study in studies]
    for study in found:
        assert len(study["views"]) == 4
        kinds = Counter(report["kind"] for report in study["reports"])
        assert [kinds[kind] for kind in SR_KINDS] == [1, 1]
    ours = {report["sop_instance_uid"] for study in found for report in study["reports"]}
    images = {uid for study in studies for uid in study.sop_instance_uids.values()}
    assert world.pacs.sop_instance_uids() - images == ours
    return found


def begin_to_read(world: World, node: str, folder: Path, **image: int) -> list[WrittenStudy]:
    """Send studies to a machine until it is reading one, since either machine may take it up; return them."""
    sent: list[WrittenStudy] = []
    while len(sent) < 6:
        sent.append(small_study(folder / str(len(sent)), **image))
        assert dcmsend(world.machines[node].dicom_port, sent[-1].folder).returncode == 0
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:
            if world.is_reading(node):
                return sent
            time.sleep(0.1)
    pytest.fail(f"{node} never read anything", pytrace=False)


def test_what_a_lost_machine_was_doing_is_finished_by_the_other(tmp_path: Path) -> None:
    open_one, later, followed = (small_study(tmp_path / name) for name in ("open", "later", "followed"))
    with two_machines(tmp_path, of_the_second={"MAMMOGATE_DICOM__PROCESSES": "2"}) as world:
        lost, survivor = world.machines["one"], world.machines["two"]
        assert world.ask("SELECT holder FROM source_position") == [("receive@one",)]
        peer = send_and_stay(lost.dicom_port, open_one, open_one.paths)
        begin(peer, open_one.paths["R", "CC"], "1.2.3.4", share=0.5)
        reading = begin_to_read(world, "one", tmp_path / "reading")
        lost_at = time.monotonic()
        lose(lost)
        left = world.running("one")
        assert left

        # Meanwhile one of the survivor's two receivers is killed: the port stays open, and it comes back.
        killed = receiver(survivor, 2)
        assert killed is not None
        killed.kill()
        for _ in range(5):
            assert echoscu(survivor.dicom_port).returncode == 0
        assert dcmsend(survivor.dicom_port, later.folder).returncode == 0
        world.pacs.upload(*followed.paths.values())
        world.wait("the killed receiver is started again", lambda: receiver(survivor, 2) is not None, 30)

        world.wait("its jobs are adopted", lambda: not world.running("one"), ADOPTED_WITHIN)
        adopted_after = time.monotonic() - lost_at
        assert adopted_after <= ADOPTED_WITHIN
        uid = open_one.exam.study_instance_uid
        survivor.wait_for(uid, lambda study: study["status"] != "receiving", ADOPTED_WITHIN - adopted_after)
        frozen_after = time.monotonic() - lost_at
        uid = followed.exam.study_instance_uid
        survivor.wait_for(uid, lambda _: True, max(1.0, ADOPTED_WITHIN - frozen_after))
        followed_after = time.monotonic() - lost_at
        reported_once(world, survivor, [*reading, open_one, later, followed], 120)
        assert "adoption.adopted" in survivor.log
        sys.stdout.write(
            f"\n{len(left)} jobs of the lost machine adopted after {adopted_after:.0f} s, the study whose association "
            f"was open complete after {frozen_after:.0f} s, its source followed after {followed_after:.0f} s\n"
        )


@pytest.mark.long
def test_a_frozen_machine_that_wakes_makes_nothing_twice(tmp_path: Path) -> None:
    open_one, outlived, afterwards = (small_study(tmp_path / name) for name in ("open", "outlived", "afterwards"))
    *first, last = outlived.paths
    with two_machines(tmp_path, of_the_second={}) as world:
        frozen, survivor = world.machines["one"], world.machines["two"]
        staying = send_and_stay(frozen.dicom_port, open_one, open_one.paths)
        outliving = send_and_stay(frozen.dicom_port, outlived, first)
        reading = begin_to_read(world, "one", tmp_path / "reading", rows=1600, columns=1280)
        tree = frozen.processes()
        signal_tree(tree, signal.SIGSTOP)
        try:
            frozen_at = time.monotonic()
            begin(outliving, outlived.paths[last], outlived.sop_instance_uids[last])
            world.wait("its jobs are adopted", lambda: not world.running("one"), ADOPTED_WITHIN)
            adopted_after = time.monotonic() - frozen_at
            before = reported_once(world, survivor, [*reading, open_one], 180)
        finally:
            signal_tree(tree, signal.SIGCONT)
        # It goes on with what it was doing in memory, and with the object that came meanwhile.
        assert staying.release() == 6
        assert outliving.status() == 0
        assert outliving.release() == 6
        frozen.wait_until_ready()
        world.wait("the woken one has ended what it read", lambda: "image.read" in frozen.log, 60)
        time.sleep(10)  # for what it might do after that
        after = reported_once(world, survivor, [*reading, open_one, outlived], 120)
        assert [study["reports"] for study in after[:-1]] == [study["reports"] for study in before]
        assert {study["generation"] for study in after} == {1}
        assert world.ask("SELECT count(*) FROM dead_letter")[0][0] == 0
        assert [process for process in tree if not process.is_running()] == []  # and it has not died of it
        assert dcmsend(frozen.dicom_port, afterwards.folder).returncode == 0
        reported_once(world, frozen, [*reading, open_one, outlived, afterwards], 120)
        sys.stdout.write(f"\njobs of the frozen machine adopted after {adopted_after:.0f} s\n")


@pytest.mark.long
def test_of_two_receivers_on_one_port_either_may_be_killed_at_any_time(tmp_path: Path) -> None:
    studies = [write_study(tmp_path / "studies" / str(number), rows=2400, columns=2000) for number in range(8)]
    settings = {"MAMMOGATE_DICOM__PROCESSES": "2"}
    with running_gateway(tmp_path / "gateway", settings=settings, start=False) as gateway:
        gateway.start(wait=False, only="receive")
        assert wait_until_listening(gateway.dicom_port, 60)
        modality = Modality(gateway.dicom_port, studies, pause=0.1)
        modality.start()
        kills = 0
        while modality.is_alive():
            both = [found for number in (1, 2) if (found := receiver(gateway, number)) is not None]
            victim = next((one for one in both if is_writing(one)), None)
            if victim is not None and len(both) == 2 and kills < 8:
                victim.kill()
                kills += 1
                # The other one goes on, whatever was waiting at the killed one.
                assert all(echoscu(gateway.dicom_port).returncode == 0 for _ in range(10))
            time.sleep(0.02)
        sent = {uid for study in studies for uid in study.sop_instance_uids.values()}
        assert modality.acknowledged == sent
        assert sent <= stored_instances(gateway)
        assert kills >= 2
        assert modality.resent >= kills / 2, "few kills have hit an association"
        assert gateway.log.count("supervisor.part_died") == kills
        sys.stdout.write(f"\n{kills} kills, {len(sent)} images acknowledged ({modality.resent} sent again), 0 lost\n")


def is_writing(process: psutil.Process) -> bool:
    """Whether a receiver is in the middle of an object."""
    try:
        return any("/incoming/" in file.path for file in process.open_files())
    except psutil.Error:
        return False
