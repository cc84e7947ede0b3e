"""Who is told of a study, through a real push service, and who is told no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from config.settings import PushSettings, Settings, SiteSettings
from gateway.archive import back_up
from gateway.database.account_models import LoginSession, User
from gateway.database.columns import now
from gateway.database.models import Study
from gateway.database.push_models import PushSubscription
from gateway.database.synthetic_models import SyntheticStudy
from gateway.folders import Folders
from gateway.forgetting import forget_study
from gateway.parts import Parts, open_parts
from gateway.push.courier import Addressee
from gateway.push.pushing import Pushing
from gateway.push.recipients import SessionLimits
from gateway.push.switch import Off, open_courier, push_switch
from gateway.push.vapid_key import make_vapid_key
from gateway.workflow.delivering import Patience
from gateway.workflow.jobs import push_id
from tests.peers.push_service import PushService, running_push_service

STUDY = "1.2.3"
LIMITS = SessionLimits(timedelta(hours=12), timedelta(minutes=30))


@dataclass
class Hospital:
    parts: Parts
    service: PushService
    pushing: Pushing

    def add_device(self, name: str, role: Any = "doctor", least: str = "high", answer: int = 201) -> int:
        """A device of a user, who is added with it; returns its row's id."""
        subscription = self.service.subscription(answer, name)
        with self.parts.database.write() as session:
            user = User(name=name, role=role, password_hash="x")
            session.add(user)
            session.flush()
            session.add(LoginSession(secret_sha256=name, user_id=user.id))
            row = PushSubscription(
                user_id=user.id,
                session_sha256=name,
                endpoint=subscription["endpoint"],
                endpoint_sha256=name,
                **subscription["keys"],
                least_attention=least,
                device="Pixel",
            )
            session.add(row)
            session.flush()
            return row.id

    def report(self, attention: str, generation: int = 1, before: str = "none") -> None:
        """What the report's transaction does with a study."""
        with self.parts.database.write() as session:
            study = session.scalars(select(Study)).one_or_none() or Study(study_instance_uid=STUDY, patient_name="A^B")
            session.add(study)
            study.status, study.generation, study.attention = "reported", generation, attention
            session.flush()
            self.pushing.announce(session, study, before)

    def owed(self, subscription_id: int, generation: int = 1, attempt: int = 1) -> bool:
        return self.parts.jobs.is_alive(push_id(STUDY, generation, subscription_id, attempt))

    def tell(self, subscription_id: int, generation: int = 1, attempt: int = 1) -> list[str]:
        """Make one attempt; return what reached the browser, by level."""
        before = len(self.service.messages())
        self.pushing.attempt(STUDY, generation, subscription_id, attempt)
        return [json.loads(message["text"])["u"] for message in self.service.messages()[before:]]

    def end_session(self, name: str, at: datetime) -> None:
        with self.parts.database.write() as session:
            session.execute(update(LoginSession).where(LoginSession.secret_sha256 == name).values(ended_at=at))

    def devices(self) -> int:
        with self.parts.database.read() as session:
            return session.scalar(select(func.count()).select_from(PushSubscription)) or 0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PushService]:
    with running_push_service(tmp_path_factory.mktemp("service")) as running:
        yield running


def settings(folder: Path, service: PushService, **site: Any) -> Settings:
    return Settings(
        data_dir=folder,
        reserve_mib=0,
        site=SiteSettings(**{"accepts_research_use": True, **site}),
        push=PushSettings(contact="mailto:it@hospital.example", also_allowed=(service.origin,)),
    )


@pytest.fixture
def hospital(tmp_path: Path, service: PushService) -> Hospital:
    parts = open_parts(settings(tmp_path / "data", service))
    make_vapid_key(parts.folders)
    pushing = Pushing(
        parts.database,
        parts.jobs,
        lambda: open_courier(parts.settings, parts.folders),
        parts.settings.push.roles,
        LIMITS,
        Patience(first_retry=10, longest_retry=60, give_up_after=3600),
    )
    return Hospital(parts, service, pushing)


def test_nobody_is_told_of_a_study_that_the_gateway_made_itself(hospital: Hospital) -> None:
    device = hospital.add_device("d", least="none")
    with hospital.parts.database.write() as session:
        session.add(SyntheticStudy(study_instance_uid=STUDY))
    hospital.report("high")
    assert not hospital.owed(device)


def test_a_device_hears_of_what_its_user_asked_for_and_of_nothing_below(hospital: Hospital) -> None:
    high = hospital.add_device("anna", least="high")
    low = hospital.add_device("rita", "radiologist", least="low")
    hospital.report("medium")
    assert (hospital.owed(high), hospital.owed(low)) == (False, True)
    assert hospital.tell(low) == ["medium"]


def test_roles_that_are_not_told_hear_nothing_whenever_they_subscribed(hospital: Hospital) -> None:
    admin = hospital.add_device("boss", "admin")
    doctor = hospital.add_device("anna")
    hospital.report("high")
    assert (hospital.owed(admin), hospital.owed(doctor)) == (False, True)
    with hospital.parts.database.write() as session:
        session.execute(update(User).where(User.name == "anna").values(role="operator"))
    assert hospital.tell(doctor) == []
    assert hospital.devices() == 1


def test_a_later_generation_is_told_only_when_it_asks_for_more(hospital: Hospital) -> None:
    device = hospital.add_device("anna", least="none")
    hospital.report("medium", generation=2, before="medium")
    assert not hospital.owed(device, generation=2)
    hospital.report("low", generation=3, before="medium")
    assert not hospital.owed(device, generation=3)
    hospital.report("high", generation=4, before="low")
    assert hospital.owed(device, generation=4)
    # What an overtaken generation still has under way would tell an old level.
    assert hospital.tell(device, generation=3) == []
    assert hospital.tell(device, generation=4) == ["high"]


@pytest.mark.parametrize("answer", [404, 410])
def test_a_subscription_that_has_expired_is_removed(hospital: Hospital, answer: int) -> None:
    device = hospital.add_device("anna", answer=answer)
    hospital.report("high")
    assert hospital.tell(device) == ["high"]
    assert hospital.devices() == 0
    assert not hospital.owed(device, attempt=2)


@pytest.mark.parametrize("answer", [201, 410, 503])
def test_what_came_of_a_message_is_not_noted_with_the_device_that_got_the_number_meanwhile(
    hospital: Hospital, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    device = hospital.add_device("anna", answer=answer)
    hospital.report("high")
    courier = open_courier(hospital.parts.settings, hospital.parts.folders)
    assert courier is not None
    send, numbers = courier.send, []

    def send_and_overtake(to: Addressee, level: str) -> Any:
        said = send(to, level)
        with hospital.parts.database.write() as session:
            session.delete(session.get_one(PushSubscription, device))
        numbers.append(hospital.add_device("rita"))
        return said

    monkeypatch.setattr(courier, "send", send_and_overtake)
    monkeypatch.setattr(hospital.pushing, "_courier", lambda: courier)
    assert hospital.tell(device) == ["high"]
    assert numbers == [device]
    assert not hospital.owed(device, attempt=2)
    with hospital.parts.database.read() as session:
        other = session.get_one(PushSubscription, device)
        assert (other.endpoint_sha256, other.last_sent_at, other.last_error) == ("rita", None, None)


def test_a_service_that_is_busy_is_tried_again_later(hospital: Hospital) -> None:
    device = hospital.add_device("anna", answer=503)
    hospital.report("high")
    hospital.tell(device)
    assert hospital.owed(device, attempt=2)
    with hospital.parts.database.write() as session:
        assert session.scalars(select(PushSubscription.last_error)).one() == "the push service answered 503"
        session.execute(update(Study).values(updated_at=now() - timedelta(hours=2)))
    hospital.tell(device, attempt=2)
    assert not hospital.owed(device, attempt=3)


def test_a_service_that_refuses_is_not_tried_again(hospital: Hospital) -> None:
    device = hospital.add_device("anna", answer=403)
    hospital.report("high")
    hospital.tell(device)
    assert not hospital.owed(device, attempt=2)
    assert hospital.devices() == 1


def test_whoever_logs_out_or_is_locked_out_is_told_no_more(hospital: Hospital) -> None:
    devices = [hospital.add_device(name) for name in ("logged out", "disabled", "idle")]
    hospital.report("high")
    hospital.end_session("logged out", now())
    with hospital.parts.database.write() as session:
        session.execute(update(User).where(User.name == "disabled").values(disabled=True))
        # Nobody ended this one: its time was over, as it is each evening.
        session.execute(
            update(LoginSession)
            .where(LoginSession.secret_sha256 == "idle")
            .values(created_at=now() - timedelta(hours=9), last_used_at=now() - timedelta(hours=8))
        )
    hospital.end_session("idle", now())
    assert [hospital.tell(device) for device in devices] == [[], [], ["high"]]
    assert hospital.devices() == 1


def test_nothing_is_sent_of_a_study_that_was_forgotten(hospital: Hospital) -> None:
    device = hospital.add_device("anna")
    hospital.report("high")
    forget_study(hospital.parts.database, hospital.parts.folders, hospital.parts.jobs, STUDY, "test")
    assert not hospital.owed(device)
    assert hospital.tell(device) == []


def test_messages_need_the_site_a_contact_and_a_key(tmp_path: Path, service: PushService) -> None:
    folders = Folders(tmp_path)
    accepted = settings(tmp_path, service)
    not_accepted = settings(tmp_path, service, accepts_research_use=False)
    nobody = accepted.model_copy(update={"push": PushSettings()})
    switch = push_switch(accepted, folders)
    assert isinstance(switch, Off)
    assert "mammogate push key" in switch.why
    make_vapid_key(folders)
    assert open_courier(accepted, folders) is not None
    for off, named in ((not_accepted, "SITE__ACCEPTS_RESEARCH_USE"), (nobody, "PUSH__CONTACT")):
        switch = push_switch(off, folders)
        assert isinstance(switch, Off)
        assert named in switch.why
        assert open_courier(off, folders) is None


def test_while_messages_are_off_nobody_is_owed_one(hospital: Hospital) -> None:
    device = hospital.add_device("anna")
    hospital.parts.folders.vapid_key.unlink()
    hospital.report("high")
    assert not hospital.owed(device)
    assert hospital.tell(device) == []


def test_a_backup_holds_the_key_that_all_devices_know(hospital: Hospital, tmp_path: Path) -> None:
    target = tmp_path / "backup.tar"
    back_up(hospital.parts.database, hospital.parts.folders, target, lambda _done, _total: None)
    assert hospital.parts.folders.vapid_key.read_bytes() in target.read_bytes()
