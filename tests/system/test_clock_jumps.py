"""The machine's clock is set by an hour while studies arrive: none is stuck, read too early, or read twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.association import Association

from tests.peers.clock import SettableClock, settable_clock
from tests.peers.gateway import Gateway, running_gateway
from tests.peers.ports import LOOPBACK
from tests.peers.synthetic import WrittenStudy
from tests.system.small_breasts import small_study

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(600)]
HOUR = 3600
SETTLE, QUIET = 4, 20


@dataclass
class World:
    gateway: Gateway
    clock: SettableClock


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("clock")
    clock = settable_clock(folder)
    settings = {
        **clock.settings,
        "MAMMOGATE_STUDY__SETTLE_SECONDS": str(SETTLE),
        "MAMMOGATE_STUDY__QUIET_SECONDS": str(QUIET),
    }
    with running_gateway(folder / "gateway", settings=settings) as gateway:
        yield World(gateway, clock)


def open_association(gateway: Gateway, study: WrittenStudy) -> Association:
    image = dcmread(next(iter(study.paths.values())), stop_before_pixels=True)
    ae = AE("SENDER")
    ae.add_requested_context(image.SOPClassUID, image.file_meta.TransferSyntaxUID)
    association = ae.associate(LOOPBACK, gateway.dicom_port, ae_title="MAMMOGATE")
    assert association.is_established
    return association


def send(association: Association, paths: Sequence[Path]) -> None:
    assert [int(association.send_c_store(path).Status) for path in paths] == [0] * len(paths)


def check_read_once(world: World, study: WrittenStudy, *, missing: Sequence[str] = ()) -> dict[str, Any]:
    uid = study.exam.study_instance_uid
    found = world.gateway.wait_for(uid, lambda study: study["status"] == "reported", seconds=120)
    assert found["generation"] == 1
    assert {view["sop_instance_uid"] for view in found["views"]} == set(study.sop_instance_uids.values())
    assert found["flags"] == [f"{', '.join(missing)} are missing." for _ in missing[:1]]
    assert set(Counter((report["kind"], report["sop_instance_uid"]) for report in found["reports"]).values()) == {1}
    return found


def test_a_clock_set_forward_does_not_end_the_waiting_for_the_other_views(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path)
    paths = list(study.paths.values())
    association = open_association(world.gateway, study)
    send(association, paths[:2])
    world.clock.set_by(HOUR)
    time.sleep(QUIET / 3)  # the hour is over by the clock, and the quiet time is not
    send(association, paths[2:])
    association.release()
    check_read_once(world, study)


def test_a_clock_set_forward_does_not_prolong_the_waiting_for_what_does_not_come(world: World, tmp_path: Path) -> None:
    study = small_study(tmp_path, views=[("R", "MLO"), ("L", "MLO")])
    association = open_association(world.gateway, study)
    started = time.monotonic()
    send(association, list(study.paths.values()))
    association.release()
    world.clock.set_by(2 * HOUR)
    check_read_once(world, study, missing=["R CC", "L CC"])
    assert QUIET - 1 <= time.monotonic() - started < QUIET + 40


def test_a_clock_set_back_holds_up_neither_a_complete_nor_an_incomplete_study(world: World, tmp_path: Path) -> None:
    complete = small_study(tmp_path / "complete")
    incomplete = small_study(tmp_path / "incomplete", views=[("R", "MLO"), ("L", "MLO")])
    started = time.monotonic()
    for study in (complete, incomplete):
        association = open_association(world.gateway, study)
        send(association, list(study.paths.values()))
        association.release()
    world.clock.set_by(HOUR)  # it was two hours ahead
    check_read_once(world, complete)
    check_read_once(world, incomplete, missing=["R CC", "L CC"])
    assert time.monotonic() - started < 2 * QUIET + 40


def test_no_job_was_taken_from_the_worker_that_had_it(world: World) -> None:
    assert "sweep.adopted" not in world.gateway.log
    assert "part_died" not in world.gateway.log
    assert "Traceback" not in world.gateway.log
