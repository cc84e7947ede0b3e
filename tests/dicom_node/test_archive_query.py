"""Asking archives what they hold: a scripted one that lies in every way, and a real Orthanc by C-FIND and REST."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.archive_query import ArchiveAway, ArchiveQuery, DicomArchive, SoughtInstance
from dicom_node.destination import DicomDestinationSettings, HttpDestinationSettings
from dicom_node.orthanc_archive import OrthancArchive
from tests.dicom_node.scripted_scp import scripted_scp
from tests.peers.orthanc import Orthanc
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.synthetic import mammogram, write

MG = "1.2.840.10008.5.1.4.1.1.1.2"
SOUGHT = SoughtInstance("1.2.1", "1.2.1.1", "1.2.1.1.1", MG)
PENDING, SUCCESS, FAILURE = 0xFF00, 0x0000, 0xC001


def identifier(**values: str) -> Dataset:
    answer = Dataset()
    answer.QueryRetrieveLevel, answer.SOPInstanceUID, answer.SOPClassUID = "IMAGE", SOUGHT.sop_instance_uid, MG
    for keyword, value in values.items():
        setattr(answer, keyword, value)
    return answer


@contextmanager
def archive(*answers: tuple[int, Dataset | None]) -> Iterator[tuple[DicomArchive, list[Dataset]]]:
    """Run an archive that answers every query so."""
    asked: list[Dataset] = []

    def on_find(event: Event) -> Iterator[tuple[int, Dataset | None]]:
        asked.append(event.identifier)
        yield from answers

    ae = AE("ARCHIVE")
    ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    server = ae.make_server(
        (LOOPBACK, 0), evt_handlers=[(evt.EVT_C_FIND, on_find)], server_class=ThreadedAssociationServer
    )
    ae._servers.append(server)  # `shutdown` removes it from there
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield dicom_archive(server.server_address[1], "ARCHIVE"), asked
    finally:
        server.shutdown()


def dicom_archive(port: int, ae_title: str) -> DicomArchive:
    return DicomArchive(DicomDestinationSettings("archive", LOOPBACK, port, ae_title, acse_timeout=5, dimse_timeout=5))


def test_a_query_is_hierarchical_and_at_image_level() -> None:
    with archive((PENDING, identifier())) as (queried, asked):
        assert list(queried.held([SOUGHT])) == [SOUGHT]
    (query,) = asked
    assert query.QueryRetrieveLevel == "IMAGE"
    assert (query.StudyInstanceUID, query.SeriesInstanceUID, query.SOPInstanceUID) == ("1.2.1", "1.2.1.1", "1.2.1.1.1")


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [(PENDING, identifier(SOPInstanceUID="1.2.1.1.2"))],
        [(PENDING, identifier(SOPInstanceUID=""))],
        [(PENDING, identifier(SOPClassUID="1.2.840.10008.5.1.4.1.1.7"))],
        [(PENDING, identifier(InstanceAvailability="UNAVAILABLE"))],
    ],
)
def test_what_does_not_speak_of_a_retrievable_instance_of_that_class_is_no_confirmation(
    answers: list[tuple[int, Dataset]],
) -> None:
    with archive(*answers) as (queried, _):
        assert list(queried.held([SOUGHT])) == []


def test_an_archive_that_answers_with_everything_confirms_only_what_was_asked_for() -> None:
    others = [(PENDING, identifier(SOPInstanceUID=f"1.2.1.1.{n}")) for n in (3, 2, 1)]
    with archive(*others) as (queried, _):
        other = SoughtInstance("1.2.1", "1.2.1.1", "1.2.1.1.9", MG)
        assert list(queried.held([other, SOUGHT])) == [SOUGHT]


@pytest.mark.parametrize("answers", [[(FAILURE, None)], [(PENDING, identifier()), (FAILURE, None)]])
def test_an_archive_that_fails_has_not_answered(answers: list[tuple[int, Dataset | None]]) -> None:
    with archive(*answers) as (queried, _), pytest.raises(ArchiveAway, match="0xC001"):
        queried.held([SOUGHT])


def test_an_archive_that_is_away_or_takes_no_queries_has_not_answered() -> None:
    with pytest.raises(ArchiveAway, match="Cannot connect"):
        dicom_archive(free_port(), "ARCHIVE").held([SOUGHT])
    with scripted_scp() as other, pytest.raises(ArchiveAway, match="does not take queries"):
        dicom_archive(other.port, other.ae_title).held([SOUGHT])


@pytest.mark.system
@pytest.mark.parametrize("way", ["C-FIND", "REST"])
def test_orthanc_confirms_what_it_holds_and_nothing_else(orthanc: Orthanc, tmp_path: Path, way: str) -> None:
    queried: ArchiveQuery
    if way == "REST":
        queried = OrthancArchive(HttpDestinationSettings("archive", orthanc.url))
    else:
        queried = dicom_archive(orthanc.dicom_port, orthanc.ae_title)
        with orthanc.client() as client:
            node = {"AET": "MAMMOGATE", "Host": LOOPBACK, "Port": 104}
            client.put("/modalities/gateway", json=node).raise_for_status()
    images = [mammogram(rows=16, columns=16) for _ in range(3)]
    orthanc.upload(*(write(image, tmp_path / f"{image.SOPInstanceUID}.dcm") for image in images[:2]))
    sought = [
        SoughtInstance(image.StudyInstanceUID, image.SeriesInstanceUID, image.SOPInstanceUID, image.SOPClassUID)
        for image in images
    ]
    assert list(queried.held(sought)) == sought[:2]
    elsewhere = SoughtInstance("1.2.3", sought[0].series_instance_uid, sought[0].sop_instance_uid, MG)
    assert list(queried.held([elsewhere])) == [], "under another study it is another object"


@pytest.mark.system
def test_an_orthanc_that_refuses_queries_or_the_login_has_not_answered(orthanc: Orthanc) -> None:
    with pytest.raises(ArchiveAway):  # it answers only the modalities that it knows
        dicom_archive(orthanc.dicom_port, orthanc.ae_title).held([SOUGHT])
    with pytest.raises(ArchiveAway, match="check that it runs"):
        OrthancArchive(HttpDestinationSettings("archive", f"http://{LOOPBACK}:{free_port()}")).held([SOUGHT])
