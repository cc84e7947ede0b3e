"""The login of the demo: a fresh password each time, also where the last one was used."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from config.settings import Settings
from gateway.database.account_models import LoginSession, User
from gateway.demo.run import add_login
from gateway.parts import open_parts
from reporting.feed.credentials import Passwords


def test_a_second_demo_in_one_folder_gives_its_doctor_a_fresh_password(tmp_path: Path) -> None:
    parts = open_parts(Settings(data_dir=tmp_path))
    first = add_login(parts)
    with parts.database.write() as session:
        user = session.scalars(select(User)).one()
        session.add(LoginSession(secret_sha256="0" * 64, user_id=user.id))
        user.disabled = True
    second = add_login(parts)
    assert (second.name, second.password == first.password) == (first.name, False)
    with parts.database.read() as session:
        user = session.scalars(select(User)).one()
        assert Passwords().verify(second.password, user.password_hash, lambda renewed: None)
        assert not Passwords().verify(first.password, user.password_hash, lambda renewed: None)
        assert (user.role, user.disabled) == ("doctor", False)
