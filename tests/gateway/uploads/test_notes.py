"""The clinical note: kept with the study, read by doctors, erased with it, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from gateway.database.account_models import AuditEntry
from gateway.database.upload_models import ClinicalNote, Upload, UploadFile, UploadItem
from gateway.export.exporting import Export
from gateway.export.secret_key import secret_key
from gateway.forgetting import forget_study
from reporting.deidentification.pseudonyms import Pseudonyms
from tests.gateway.uploads.centre import NOTE, Site
from tests.peers.synthetic import Exam, mammogram, write

SAID = [str(value).encode() for value in NOTE.values() if isinstance(value, str)]


def image(folder: Path, exam: Exam, view: str = "CC") -> bytes:
    return write(mammogram("L", view, exam=exam, rows=64, columns=48), folder / "image.dcm").read_bytes()


def notes_of(site: Site, uid: str, role: str = "doctor") -> object:
    answer = site.client(role).request("GET", f"/api/v1/studies/{uid}/notes")
    return answer.json() if answer.is_success else answer.status_code


def on_disk(folder: Path, words: list[bytes]) -> set[str]:
    """The files below the folder that hold one of the words."""
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {path.name for path, content in files.items() if any(word in content for word in words)}


def test_a_note_is_kept_with_each_study_of_the_upload_and_doctors_read_it(site: Site, tmp_path: Path) -> None:
    exams = [Exam(), Exam()]
    site.upload({f"{number}.dcm": image(tmp_path, exam) for number, exam in enumerate(exams)}, NOTE)
    for exam in exams:
        found = notes_of(site, exam.study_instance_uid)
        assert isinstance(found, dict)
        (note,) = found["items"]
        assert {key: note[key] for key in NOTE} == NOTE
        assert note["author"] == "uploader"
        assert ("note_viewed", "ok", exam.study_instance_uid) in site.trail()
    assert notes_of(site, "1.2.3") == 404
    assert [notes_of(site, exams[0].study_instance_uid, role) for role in ("operator", "uploader")] == [403, 403]


def test_a_study_that_came_without_a_note_has_none_and_a_second_upload_adds_its_own(site: Site, tmp_path: Path) -> None:
    exam = Exam()
    site.upload({"a.dcm": image(tmp_path, exam)}, {"age": None, "reason": "  ", "history": None})
    assert notes_of(site, exam.study_instance_uid) == {"items": []}
    for age in (61, 62):
        site.upload({"b.dcm": image(tmp_path, exam, "MLO")}, {"age": age})
    found = notes_of(site, exam.study_instance_uid)
    assert isinstance(found, dict)
    assert [note["age"] for note in found["items"]] == [61, 62]


def test_the_note_of_an_upload_of_which_nothing_was_stored_is_not_kept(site: Site) -> None:
    site.upload({"a.txt": b"no image"}, NOTE)
    site.parts.database.scrub()
    assert on_disk(site.parts.folders.root, SAID) == set()


def test_forgetting_the_study_erases_its_note_and_the_names_of_its_files(site: Site, tmp_path: Path) -> None:
    hers, others = Exam(), Exam()
    site.upload({"Heimlich_Hedwig.dcm": image(tmp_path, hers)}, NOTE)
    site.upload({"other.dcm": image(tmp_path, others)}, {"reason": "of another"})
    root = site.parts.folders.root
    assert on_disk(root, SAID)
    forget_study(site.parts.database, site.parts.folders, site.parts.jobs, hers.study_instance_uid, "admin")
    assert on_disk(root, [*SAID, b"Heimlich"]) == set()
    assert [site.count(table) for table in (ClinicalNote, Upload, UploadFile, UploadItem)] == [1, 1, 1, 1]
    assert site.count(AuditEntry) > 0
    assert isinstance(notes_of(site, others.study_instance_uid), dict)


def test_a_deidentified_export_holds_nothing_of_the_note(site: Site, tmp_path: Path) -> None:
    exam = Exam()
    site.upload({"a.dcm": image(tmp_path, exam)}, NOTE)
    export = Export(site.parts.database, site.parts.folders, Pseudonyms(secret_key(site.parts.folders)))
    export.run([exam.study_instance_uid], tmp_path / "out", lambda _: None)
    assert list((tmp_path / "out").rglob("*.dcm"))
    assert on_disk(tmp_path / "out", SAID) == set()
