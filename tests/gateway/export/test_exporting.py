"""An export holds copies that nobody can trace back without the key, says what is missing, and can be repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage
from sqlalchemy import select
from typer.testing import CliRunner

from config.settings import Settings
from dicom_node.intake import AnnouncedInstance, Origin, Verdict
from gateway.archive import back_up
from gateway.cli.application import app
from gateway.cli.failures import CommandFailed
from gateway.database.account_models import AuditEntry
from gateway.database.columns import now
from gateway.database.feedback_models import FeedbackRow
from gateway.database.models import Instance, Report, Study
from gateway.export.exporting import Export, FolderNotEmpty
from gateway.export.secret_key import KeyUnusable, secret_key
from gateway.parts import Parts, open_parts
from gateway.workflow.retrying import UnknownStudy
from reporting.deidentification.pseudonyms import KEY_BYTES, Pseudonyms
from reporting.writing import report_bytes
from tests.peers.synthetic import Exam, mammogram, write
from tests.reporting.built import reports_of
from tests.reporting.headers import uid

HER = Exam(patient_id="GEHEIM-77", patient_name="Heimlich^Hedwig", accession_number="ACC-123456")
OTHER = Exam(patient_id="GEHEIM-78", patient_name="Verborgen^Vera")


@dataclass
class Kept:
    """A gateway with two studies: two views and two reports of one patient, a film of another."""

    parts: Parts
    config: Path

    def export(self, target: Path, **options: Any) -> dict[str, Any]:
        return self.export_of([HER.study_instance_uid, OTHER.study_instance_uid], target, **options)

    def export_of(self, studies: list[str], target: Path, **options: Any) -> dict[str, Any]:
        export = Export(self.parts.database, self.parts.folders, Pseudonyms(secret_key(self.parts.folders)), **options)
        export.run(studies, target, lambda _: None)
        return export.key()

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["export", *arguments, "--config", str(self.config)])


@pytest.fixture(autouse=True)
def logs_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command would send the logs of all later tests to its own output, which is closed by then."""
    monkeypatch.setattr("gateway.cli.options.configure_logs", lambda level, process: None)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("kept")
    parts = open_parts(Settings(data_dir=folder / "data", reserve_mib=0))
    intake = parts.intake("receive@test")
    origin = Origin("dicom", "7b0f5b1e-6f0e-4d0a-9a52-0f2f8f0b6a10", "XRAY1", "127.0.0.1")
    film = {"SOPClassUID": SecondaryCaptureImageStorage}
    for exam, view, tags in ((HER, "CC", {}), (HER, "MLO", {}), (OTHER, "CC", film), (OTHER, "MLO", {})):
        image = mammogram("L", view, exam=exam, rows=64, columns=48, tags=tags)
        path = write(image, intake.new_file())
        assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
    intake.association_closed(origin)
    intake.close()
    _add_reports(parts)
    config = folder / "mammogate.toml"
    config.write_text(f'data_dir = "{folder / "data"}"\nreserve_mib = 0\n', "utf-8")
    yield Kept(parts, config)
    parts.database.engine.dispose()


def _add_reports(parts: Parts) -> None:
    with parts.database.write() as session:
        study = session.scalars(select(Study).where(Study.study_instance_uid == HER.study_instance_uid)).one()
        for built in reports_of("normal"):
            if built.kind in ("mammography_cad_sr", "summary_image") and built.dialect == "SCT":
                path = parts.folders.reports / f"{built.kind}.dcm"
                path.write_bytes(_as_of(built.dataset, report_bytes(built), path))
                session.add(
                    Report(
                        study_id=study.id,
                        generation=1,
                        kind=built.kind,
                        dialect="SCT",
                        sop_class_uid=built.sop_class_uid,
                        sop_instance_uid=built.sop_instance_uid,
                        series_instance_uid=built.series_instance_uid,
                        path=parts.folders.relative(path),
                        created_at=now(),
                    )
                )


def _as_of(dataset: Dataset, content: bytes, path: Path) -> bytes:
    """The report as one of this study."""
    path.write_bytes(content)
    copy = dcmread(path)
    copy.StudyInstanceUID = HER.study_instance_uid
    copy.PatientID, copy.PatientName, copy.StudyDate = HER.patient_id, HER.patient_name, HER.study_date
    copy.save_as(path)
    assert dataset.StudyInstanceUID == uid("study")
    return path.read_bytes()


def _objects(folder: Path) -> dict[str, Dataset]:
    return {str(path.relative_to(folder)): dcmread(path) for path in sorted(folder.rglob("*.dcm"))}


def test_an_export_has_images_and_reports_under_new_names_and_nothing_of_the_patient(
    kept: Kept, tmp_path: Path
) -> None:
    kept.export(tmp_path / "out")
    objects = _objects(tmp_path / "out")
    assert sorted(item.Modality for item in objects.values()) == ["MG", "MG", "MG", "SR"]
    for name, item in objects.items():
        assert name == f"{item.StudyInstanceUID}/{item.SeriesInstanceUID}/{item.SOPInstanceUID}.dcm"
    hers = [item for item in objects.values() if item.Modality == "SR" or item.PatientID == _of(objects, "SR")]
    assert len(hers) == 3
    assert len({(item.PatientID, item.StudyInstanceUID, item.StudyDate) for item in hers}) == 1
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    for text in ("GEHEIM", "Heimlich", "Hedwig", "ACC-123456", HER.study_instance_uid, OTHER.study_instance_uid):
        assert text.encode() not in everything


def _of(objects: dict[str, Dataset], modality: str) -> str:
    return str(next(item.PatientID for item in objects.values() if item.Modality == modality))


def test_the_key_leads_back_to_each_study_of_patients_without_an_id(tmp_path: Path) -> None:
    parts = open_parts(Settings(data_dir=tmp_path / "data", reserve_mib=0))
    intake = parts.intake("receive@test")
    origin = Origin("dicom", "7b0f5b1e-6f0e-4d0a-9a52-0f2f8f0b6a11", "XRAY1", "127.0.0.1")
    exams = [Exam(patient_id="") for _ in range(3)]
    for exam in exams:
        path = write(mammogram("L", "CC", exam=exam, rows=64, columns=48), intake.new_file())
        assert intake.accept(path, AnnouncedInstance(None, None), origin).verdict is Verdict.STORED
    intake.close()
    studies = [exam.study_instance_uid for exam in exams]
    key = Kept(parts, tmp_path / "none").export_of(studies, tmp_path / "out")
    exported = {item.PatientID for item in _objects(tmp_path / "out").values()}
    assert set(key["patients"]) == exported
    assert sorted(uid for known in key["patients"].values() for uid in known["studies"]) == sorted(studies)
    parts.database.engine.dispose()


def test_the_manifest_says_what_is_missing_and_why(kept: Kept, tmp_path: Path) -> None:
    kept.export(tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert (manifest["patients"], manifest["studies"], manifest["objects"]) == (2, 2, 4)
    reasons = sorted(item["reason"] for item in manifest["left_out"])
    assert len(reasons) == 2
    assert "secondary capture" in reasons[0]
    assert "patient ID burned in" in reasons[1]
    assert all(item["sop_instance_uid"].startswith("2.25.") for item in manifest["left_out"])


def test_two_exports_of_one_installation_give_the_same_bytes(kept: Kept, tmp_path: Path) -> None:
    for name in ("first", "second"):
        kept.export(tmp_path / name)
    first, second = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.dcm")}
        for name in ("first", "second")
    )
    assert first == second
    assert len(first) == 4


def test_films_come_when_they_are_asked_for_and_the_summary_page_never(kept: Kept, tmp_path: Path) -> None:
    kept.export(tmp_path / "out", include_burned_in=True)
    classes = [item.SOPClassUID for item in _objects(tmp_path / "out").values()]
    assert classes.count(SecondaryCaptureImageStorage) == 1
    assert len(classes) == 5


def test_the_key_leads_back_to_the_patients_and_to_every_uid(kept: Kept, tmp_path: Path) -> None:
    key = kept.export(tmp_path / "out")
    objects = _objects(tmp_path / "out")
    for item in objects.values():
        assert key["uids"][item.SOPInstanceUID] not in ("", item.SOPInstanceUID)
        assert key["patients"][item.PatientID]["patient_id"] in (HER.patient_id, OTHER.patient_id)
    assert {key["uids"][item.StudyInstanceUID] for item in objects.values()} == {
        HER.study_instance_uid,
        OTHER.study_instance_uid,
    }


def test_an_image_deleted_by_age_and_a_damaged_file_are_named_and_the_rest_is_exported(
    kept: Kept, tmp_path: Path
) -> None:
    with kept.parts.database.read() as session:
        rows = session.scalars(select(Instance).order_by(Instance.id)).all()
        gone, damaged = rows[0], kept.parts.folders.root / rows[1].path
    content = damaged.read_bytes()
    try:
        with kept.parts.database.write() as session:
            session.get_one(Instance, gone.id).deleted_at = now()
        damaged.write_bytes(content[:700])
        kept.export(tmp_path / "out")
    finally:
        damaged.write_bytes(content)
        with kept.parts.database.write() as session:
            session.get_one(Instance, gone.id).deleted_at = None
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    reasons = " ".join(item["reason"] for item in manifest["left_out"])
    assert manifest["objects"] == 2
    assert "deleted here by age" in reasons


def test_an_export_leaves_a_line_in_the_audit_trail_for_each_study(kept: Kept, tmp_path: Path) -> None:
    kept.export(tmp_path / "out")
    with kept.parts.database.read() as session:
        lines = session.scalars(select(AuditEntry).where(AuditEntry.action == "export")).all()
    assert {line.study_instance_uid for line in lines} == {HER.study_instance_uid, OTHER.study_instance_uid}


def test_a_folder_that_is_not_empty_and_a_study_that_is_not_here_are_refused(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(FolderNotEmpty):
        kept.export(tmp_path)
    export = Export(kept.parts.database, kept.parts.folders, Pseudonyms(bytes(KEY_BYTES)))
    with pytest.raises(UnknownStudy):
        export.run([HER.study_instance_uid, "1.2.3"], tmp_path / "out", lambda _: None)
    assert not (tmp_path / "out").exists()


def test_the_key_is_drawn_once_readable_by_its_user_only_and_goes_into_backups(parts: Parts, tmp_path: Path) -> None:
    first = secret_key(parts.folders)
    assert secret_key(parts.folders) == first
    assert len(first) == KEY_BYTES
    file = parts.folders.deidentification_key
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in parts.folders.root.glob("deidentification*")] == [file.name]
    assert back_up(parts.database, parts.folders, tmp_path / "backup.tar", lambda _done, _total: None) == 1
    assert first in (tmp_path / "backup.tar").read_bytes()
    file.write_bytes(b"short")
    with pytest.raises(KeyUnusable, match="backup"):
        secret_key(parts.folders)


def test_the_command_exports_prints_what_is_missing_and_writes_the_key_elsewhere(kept: Kept, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    done = kept.command("--deidentify", str(tmp_path / "out"), "--all", "--key-file", str(key))
    assert done.exit_code == 0, done.output
    assert "4 objects of 2 studies and 2 patients" in done.output
    assert "secondary capture" in " ".join(done.output.split())
    assert HER.patient_id in key.read_text("utf-8")


@pytest.mark.parametrize(
    "arguments",
    [[], ["--all", "--study", "1.2"], ["--all", "--key-file", "OUT/key.json"], ["--all", "--key-file", "THERE"]],
)
def test_wrong_usage_of_the_command_is_refused_before_anything_is_written(
    kept: Kept, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "there").touch()
    places = {"OUT/key.json": str(tmp_path / "out" / "key.json"), "THERE": str(tmp_path / "there")}
    done = kept.command("--deidentify", str(tmp_path / "out"), *(places.get(word, word) for word in arguments))
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_the_command_fails_with_a_sentence_when_nothing_could_be_exported(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    done = kept.command("--deidentify", str(tmp_path), "--all")
    assert isinstance(done.exception, CommandFailed)
    assert "not empty" in str(done.exception)


def test_what_doctors_said_of_a_study_does_not_leave_with_it(kept: Kept, tmp_path: Path) -> None:
    comment = "A skin fold of Hedwig's"
    with kept.parts.database.write() as session:
        study_id = session.scalars(select(Study.id).where(Study.study_instance_uid == HER.study_instance_uid)).one()
        session.add(
            FeedbackRow(
                study_id=study_id,
                generation=1,
                verdict="disagree",
                comment=comment,
                author="anna",
                role="doctor",
                idempotency_key="key-0001",
            )
        )
    key = kept.export(tmp_path / "out")
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert files
    assert [file for file in files if comment.encode() in file.read_bytes()] == []
    assert comment not in json.dumps(key)
