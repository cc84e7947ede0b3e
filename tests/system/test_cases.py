"""Each kind of study comes back to a real Orthanc as reports that the public validators accept."""

from __future__ import annotations

import datetime
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.uid import JPEGLSLossless, XRayRadiationDoseSRStorage

from gateway.demo.study import write_study as write_real_study
from tests.peers.gateway import Gateway, destination, running_gateway
from tests.peers.large import write_large_tomosynthesis
from tests.peers.orthanc import Orthanc, running_orthanc
from tests.peers.synthetic import STANDARD_VIEWS, Exam, write
from tests.reporting.tree import items_named, value_of
from tests.reporting.validators import object_problems, template_problems, tree_problems
from tests.system.small_breasts import small_mammogram, small_study, truncate_pixels

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

SR_KINDS = ("mammography_cad_sr", "measurement_report")
# PS3.16: 111017 "CAD Processing and Findings Summary" (CID 6047) and 111064 "Summary of Detections" (CID 6042).
PROCESSING, DETECTIONS = "111017", "111064"
SUCCEEDED, PARTIALLY, FAILED, NOT_ATTEMPTED = "111222", "111223", "111224", "111225"


@dataclass(frozen=True)
class Returned:
    """A study as the feed shows it, and its reports as Orthanc holds them: {SOP Instance UID: file}."""

    study: Mapping[str, Any]
    files: Mapping[str, Path]

    def reports(self, kind: str, generation: int = 1) -> list[Dataset]:
        wanted = (kind, generation)
        uids = [r["sop_instance_uid"] for r in self.study["reports"] if (r["kind"], r["generation"]) == wanted]
        return [dcmread(self.files[uid]) for uid in uids]

    def cad_sr(self, generation: int = 1) -> Dataset:
        (report,) = self.reports("mammography_cad_sr", generation)
        return report

    def srs(self) -> list[Path]:
        return [self.files[r["sop_instance_uid"]] for r in self.study["reports"] if r["kind"] in SR_KINDS]

    @property
    def failures(self) -> list[str]:
        return [view["failure"] for view in self.study["views"] if view["failure"] is not None]

    @property
    def has_findings(self) -> bool:
        return any(view["findings"] for view in self.study["views"])


@dataclass
class World:
    gateway: Gateway
    orthanc: Orthanc
    folder: Path
    late_first: Mapping[str, Any]
    cases: dict[str, Returned]

    def returned(self, study_uid: str, generation: int = 1) -> Returned:
        study = self.gateway.wait_for_reports(study_uid, generation, seconds=400)
        files = {}
        for report in study["reports"]:
            uid = report["sop_instance_uid"]
            files[uid] = self.folder / f"{uid}.dcm"
            files[uid].write_bytes(self.orthanc.file(uid))
        return Returned(study, files)


def write_cases(folder: Path) -> dict[str, str]:
    """Write every case into a folder of its own and return their Study Instance UIDs."""
    write_real_study(folder / "findings", datetime.datetime(2026, 9, 14, 9, 30, tzinfo=datetime.UTC))
    small_study(folder / "missing_view", views=STANDARD_VIEWS[:3])
    small_study(folder / "late_fifth")
    small_study(folder / "rmlo_only", views=[("R", "MLO")])
    write_large_tomosynthesis(folder / "tomosynthesis_only" / "dbt.dcm", 1)
    twins = small_study(folder / "twins")
    for view in STANDARD_VIEWS:
        write(small_mammogram(*view, exam=twins.exam, for_processing=True), folder / "twins" / f"raw_{'_'.join(view)}")
    unreadable = small_study(folder / "unreadable", transfer_syntax=JPEGLSLossless)
    write(truncate_pixels(dcmread(unreadable.paths["L", "CC"])), unreadable.paths["L", "CC"])
    for path in small_study(folder / "all_failed").paths.values():
        write(truncate_pixels(dcmread(path)), path)
    return {case.name: study_uid_of(case) for case in folder.iterdir()}


# Breasts without any structure, (softness of the edge, noise): which of them a network marks nothing in is up to it.
_PLAIN = ((2.0, 0.0), (6.0, 500.0), (1.5, 0.0), (2.0, 300.0), (3.0, 800.0))


def plain_breast(laterality: str, softness: float, noise: float) -> NDArray[np.uint16]:
    y, x = np.mgrid[0:640, 0:512]
    radius = np.hypot((y - 320) / 256, x / 358)
    grain = np.random.default_rng(0).normal(0, noise, radius.shape) if noise else 0.0
    pixels = np.clip((1 - radius) * softness, 0, 1) * 1500 + grain * (radius < 1)
    whole = np.clip(pixels, 0, 4095).astype(np.uint16)
    return whole if laterality == "L" else np.ascontiguousarray(whole[:, ::-1])


def write_study_without_findings(gateway: Gateway, folder: Path, scratch: Path) -> None:
    """Write a study in which the model, whichever it is, marks nothing; it is asked offline beforehand."""
    for number, (softness, noise) in enumerate(_PLAIN):
        for (laterality, _), path in small_study(scratch / str(number)).paths.items():
            image = dcmread(path)
            image.PixelData = plain_breast(laterality, softness, noise).tobytes()
            write(image, path)
    read = json.loads(gateway.command("classify", scratch, "--json").stdout)
    marked = {Path(result["file"]).parent for result in read if result["findings"] or result["failure"]}
    unmarked = [candidate for candidate in sorted(scratch.iterdir()) if candidate not in marked]
    assert unmarked, "the model marks something in every one of the structureless breasts"
    shutil.copytree(unmarked[0], folder)


def send(gateway: Gateway, path: Path) -> None:
    """Send files as they are: DCMTK would decompress the truncated image, or stumble over it."""
    done = gateway.command("send", path, "--to", f"127.0.0.1:{gateway.dicom_port}")
    assert done.returncode == 0, done.stderr


def study_uid_of(folder: Path) -> str:
    return str(dcmread(next(folder.iterdir()), stop_before_pixels=True).StudyInstanceUID)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("cases")
    uids = write_cases(folder / "sent")
    (folder / "returned").mkdir()
    with running_orthanc(folder / "orthanc") as orthanc:
        pacs = destination("pacs", "dicom", host="127.0.0.1", port=orthanc.dicom_port, ae_title=orthanc.ae_title)
        archive = {**pacs, "name": "archive", "reports": [], "forward_images": True}
        with running_gateway(folder / "gateway", destinations=[pacs, archive]) as gateway:
            write_study_without_findings(gateway, folder / "sent" / "no_finding", folder / "plain")
            uids["no_finding"] = study_uid_of(folder / "sent" / "no_finding")
            send(gateway, folder / "sent")
            late = uids["late_fifth"]
            first = gateway.wait_for_reports(late, seconds=400)
            fifth = small_mammogram("L", "XCCL", exam=Exam(study_instance_uid=late), instance_number=5)
            send(gateway, write(fifth, folder / "fifth.dcm"))
            world = World(gateway, orthanc, folder / "returned", first, {})
            for case, uid in uids.items():
                world.cases[case] = world.returned(uid, 2 if case == "late_fifth" else 1)
            yield world


def test_every_report_of_every_case_is_in_orthanc_as_it_lies_on_disk(world: World) -> None:
    for name, case in world.cases.items():
        kinds = {report["kind"] for report in case.study["reports"]}
        assert {*SR_KINDS, "summary_image"} <= kinds, name
        for report in case.study["reports"]:
            here = dcmread(world.gateway.report_file(case.study, report))
            assert here == dcmread(case.files[report["sop_instance_uid"]]), (name, report["kind"])


def test_every_object_is_valid_for_dciodvfy_and_every_tree_for_dsrdump(world: World) -> None:
    problems = {}
    for name, case in world.cases.items():
        for report in case.study["reports"]:
            path = case.files[report["sop_instance_uid"]]
            found = object_problems(path)
            if report["kind"] in SR_KINDS:
                found += tree_problems(path)
            if found:
                problems[name, report["kind"]] = found
    assert problems == {}


# PixelMed needs a Java and 10 to 25 s of processor time a report: the ordinary run asks it in tests/reporting only.
@pytest.mark.long
def test_every_sr_of_every_case_follows_its_template(world: World) -> None:
    assert _template_problems([path for case in world.cases.values() for path in case.srs()]) == {}


def _template_problems(paths: Sequence[Path]) -> dict[str, list[str]]:
    with ThreadPoolExecutor(2) as pool:
        return {
            path.name: found for path, found in zip(paths, pool.map(template_problems, paths), strict=True) if found
        }


def test_every_cad_sr_says_what_could_be_done(world: World) -> None:
    for name, case in world.cases.items():
        generation = case.study["generation"]
        read = [view for view in case.study["views"] if view["failure"] is None]
        if not read:
            expected = "111245"  # none succeeded
        elif case.failures:
            expected = "111244" if case.has_findings else "111243"
        else:
            expected = "111242" if case.has_findings else "111241"
        assert value_of(case.cad_sr(generation), PROCESSING) == expected, name


def test_a_real_study_with_a_lesion_is_reported_with_findings(world: World) -> None:
    case = world.cases["findings"]
    assert case.failures == []
    assert case.has_findings
    assert value_of(case.cad_sr(), DETECTIONS) == SUCCEEDED
    marked = {view["sop_instance_uid"] for view in case.study["views"] if view["findings"]}
    states = case.reports("presentation_state")
    assert {
        state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID for state in states
    } == (marked)


def test_a_study_without_findings_is_reported_as_read_and_without_findings(world: World) -> None:
    case = world.cases["no_finding"]
    assert case.failures == []
    assert not case.has_findings
    assert value_of(case.cad_sr(), DETECTIONS) == SUCCEEDED
    assert case.reports("presentation_state") == []


def test_an_unreadable_image_is_named_and_the_others_are_read(world: World) -> None:
    case = world.cases["unreadable"]
    assert len(case.study["views"]) == 4
    assert [(view["laterality"], view["view"]) for view in case.study["views"] if view["failure"]] == [("L", "CC")]
    assert case.failures[0].endswith(".")
    assert value_of(case.cad_sr(), DETECTIONS) == PARTIALLY


def test_a_study_that_lacks_a_view_is_reported_after_the_quiet_time_and_says_so(world: World) -> None:
    case = world.cases["missing_view"]
    assert len(case.study["views"]) == 3
    assert case.study["flags"] == ["L MLO is missing."]
    assert "L MLO" in str(case.reports("measurement_report")[0])


def test_a_study_of_which_no_image_can_be_read_is_reported_as_failed(world: World) -> None:
    case = world.cases["all_failed"]
    assert len(case.failures) == 4
    assert (case.study["status"], case.study["label"], case.study["malignancy_score"]) == ("reported", None, None)
    assert value_of(case.cad_sr(), DETECTIONS) == FAILED


def test_a_late_fifth_image_makes_a_second_generation_that_names_the_first(world: World) -> None:
    case = world.cases["late_fifth"]
    assert len(case.study["views"]) == 5
    before = {report["sop_instance_uid"] for report in world.late_first["reports"]}
    now = {report["sop_instance_uid"]: report["generation"] for report in case.study["reports"]}
    assert {uid for uid, generation in now.items() if generation == 1} == before
    assert set(now) <= world.orthanc.sop_instance_uids()
    for kind in SR_KINDS:
        (old,), (new,) = case.reports(kind, 1), case.reports(kind, 2)
        named = new.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        assert named.ReferencedSOPInstanceUID == old.SOPInstanceUID != new.SOPInstanceUID
        assert "PredecessorDocumentsSequence" not in old


def test_one_view_alone_is_reported_and_the_three_others_are_said_to_be_missing(world: World) -> None:
    case = world.cases["rmlo_only"]
    assert [(view["laterality"], view["view"]) for view in case.study["views"]] == [("R", "MLO")]
    assert case.study["flags"] == ["R CC, L CC, L MLO are missing."]


def test_of_twins_the_one_for_presentation_is_read(world: World) -> None:
    case = world.cases["twins"]
    read = {view["sop_instance_uid"] for view in case.study["views"]}
    assert len(read) == 4
    for path in (world.folder.parent / "sent" / "twins").iterdir():
        image = dcmread(path, stop_before_pixels=True)
        assert (image.SOPInstanceUID in read) == (image.PresentationIntentType == "FOR PRESENTATION")
    assert value_of(case.cad_sr(), DETECTIONS) == SUCCEEDED


def test_tomosynthesis_alone_is_kept_and_reported_as_not_attempted(world: World) -> None:
    case = world.cases["tomosynthesis_only"]
    assert case.study["views"] == []
    assert any("tomosynthesis" in flag for flag in case.study["flags"])
    assert value_of(case.cad_sr(), DETECTIONS) == NOT_ATTEMPTED
    assert items_named(case.cad_sr(), "111059") == []  # no single image finding


def test_what_comes_after_the_report_and_is_not_read_is_passed_on_all_the_same(world: World, tmp_path: Path) -> None:
    """Tomosynthesis takes its time; where the gateway stands between modality and PACS, it must get there."""
    study = world.cases["rmlo_only"].study
    exam = Exam(study_instance_uid=study["study_instance_uid"])
    tomosynthesis = write_large_tomosynthesis(tmp_path / "dbt.dcm", 1, exam)
    dose = small_mammogram(exam=exam, tags={"SOPClassUID": XRayRadiationDoseSRStorage, "Modality": "SR"})
    send(world.gateway, tomosynthesis)
    send(world.gateway, write(dose, tmp_path / "dose.dcm"))
    late = {str(dcmread(tomosynthesis, stop_before_pixels=True).SOPInstanceUID), str(dose.SOPInstanceUID)}
    deadline = time.monotonic() + 60
    while not late <= world.orthanc.sop_instance_uids():
        assert time.monotonic() < deadline, world.gateway.log[-3000:]
        time.sleep(0.3)
    found = world.gateway.study(study["study_instance_uid"])
    assert found is not None
    assert (found["generation"], found["reports"]) == (1, study["reports"])
