"""Backup and restore of the whole state: one tar with a consistent copy of the database and every file it names."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import make_url

from gateway import __version__
from gateway.database.columns import now
from gateway.database.engine import Database
from gateway.database.named_files import named_files
from gateway.files_hold import hold_files
from gateway.folders import Folders, sync_file, sync_folder

_MANIFEST = "mammogate-backup.json"
_SQLITE = "database.sqlite"
_POSTGRES = "database.pgdump"
_FORMAT = 1
Progress = Callable[[int, int], None]


class BackupFailed(Exception):
    """The backup could not be made, or the archive can't be restored here."""


def back_up(database: Database, folders: Folders, target: Path, progress: Progress) -> int:
    """Write the whole state to `target` while the gateway runs; return the number of files.

    The database is copied first. Files never change once their row is there, so every file that the copy names can be
    read afterwards; one that was forgotten meanwhile is left out. Retention waits until the backup is made.

    Raises:
        BackupFailed: the target exists, or the database's dump program failed.

    """
    if target.exists():
        raise BackupFailed(f"{target} exists already: name a new file")
    partial = target.with_name(f".{target.name}.part")
    with hold_files(folders), tempfile.TemporaryDirectory(dir=target.parent or Path()) as scratch:
        copy = Path(scratch) / (_SQLITE if database.is_sqlite else _POSTGRES)
        _copy_database(database, copy)
        with database.read() as session:
            names = sorted(named_files(session))
        for key in (folders.deidentification_key, folders.vapid_key):
            if key.exists():
                names.append(folders.relative(key))
        manifest = {"format": _FORMAT, "version": __version__, "made_at": now().isoformat(), "database": copy.name}
        try:
            with tarfile.open(partial, "w") as archive:
                _add_bytes(archive, _MANIFEST, json.dumps(manifest).encode())
                archive.add(copy, copy.name)
                for number, name in enumerate(names, 1):
                    progress(number, len(names))
                    if (folders.root / name).is_file():
                        archive.add(folders.root / name, f"files/{name}")
            sync_file(partial)
            partial.rename(target)
            sync_folder(target.parent)
        finally:
            partial.unlink(missing_ok=True)
    return len(names)


def restore(source: Path, folders: Folders, database_url: str, progress: Progress) -> int:
    """Put a backup into an empty data folder and an empty database; return the number of files.

    Raises:
        BackupFailed: the archive is not one of ours, or something is there already.

    """
    if folders.root.exists() and any(folders.root.iterdir()):
        raise BackupFailed(f"{folders.root} is not empty: restore into a new data folder (set DATA_DIR)")
    try:
        archive = tarfile.open(source, "r")  # noqa: SIM115 - closed by the with below; opening alone may fail
    except (OSError, tarfile.TarError) as error:
        raise BackupFailed(f"{source} is not a backup of mammogate ({error})") from None
    with archive:
        manifest = _manifest(archive, source)
        dump = str(manifest["database"])
        is_sqlite = make_url(database_url).get_backend_name() == "sqlite"
        if is_sqlite != (dump == _SQLITE):
            raise BackupFailed(f"the backup holds {dump}, and DATABASE_URL is of the other kind: set it to match")
        if is_sqlite and any(path.exists() for path in _sqlite_files(database_url)):
            raise BackupFailed("there is a database at DATABASE_URL already: restore to a path where none is")
        folders.create()
        members = [member for member in archive.getmembers() if member.name.startswith("files/") and member.isfile()]
        for number, member in enumerate(members, 1):
            progress(number, len(members))
            _extract(archive, member, folders.root / member.name.removeprefix("files/"), folders.root)
        with tempfile.TemporaryDirectory(dir=folders.root) as scratch:
            copy = Path(scratch) / dump
            _extract(archive, archive.getmember(dump), copy, Path(scratch))
            _load_database(copy, database_url, is_sqlite)
    return len(members)


def _copy_database(database: Database, target: Path) -> None:
    if database.is_sqlite:
        # A consistent copy without stopping writers for longer than it takes to write it (sqlite.org/lang_vacuum).
        raw = database.engine.raw_connection()
        try:
            raw.cursor().execute("VACUUM INTO ?", (str(target),))
        finally:
            raw.close()
        return
    _run_postgres(["pg_dump", "--format=custom", f"--file={target}"], database.engine.url.render_as_string(False))


def _sqlite_files(database_url: str) -> list[Path]:
    database = str(make_url(database_url).database)
    return [Path(database + suffix) for suffix in ("", "-wal", "-shm")]


def _load_database(copy: Path, database_url: str, is_sqlite: bool) -> None:
    if is_sqlite:
        target = Path(str(make_url(database_url).database))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(copy, target)
        sync_file(target)
        sync_folder(target.parent)
        return
    _run_postgres(["pg_restore", "--exit-on-error", "--no-owner", "--dbname="], database_url, str(copy))


def _run_postgres(command: list[str], url: str, *arguments: str) -> None:
    parsed = make_url(url)
    plain = parsed.set(drivername="postgresql", password=None).render_as_string(False)
    if command[-1] == "--dbname=":
        command = [*command[:-1], f"--dbname={plain}", *arguments]
    else:
        command = [*command, f"--dbname={plain}"]
    # The password goes by environment: arguments can be read by every user of the machine.
    environment = {**os.environ, **({"PGPASSWORD": str(parsed.password)} if parsed.password else {})}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - fixed programs
    except FileNotFoundError:
        raise BackupFailed(f"{command[0]} is not installed: install PostgreSQL's client programs") from None
    if done.returncode != 0:
        raise BackupFailed(
            f"{command[0]} failed: {done.stderr.strip().splitlines()[-1] if done.stderr else 'no reason given'}"
        )


def _manifest(archive: tarfile.TarFile, source: Path) -> dict[str, object]:
    try:
        file = archive.extractfile(_MANIFEST)
    except KeyError:
        file = None
    if file is None:
        raise BackupFailed(f"{source} is not a backup of mammogate")
    manifest: dict[str, object] = json.loads(file.read())
    if manifest.get("format") != _FORMAT:
        raise BackupFailed(
            f"{source} was made by another version ({manifest.get('version')}): restore it with that one"
        )
    return manifest


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path, below: Path) -> None:
    if not target.resolve().is_relative_to(below.resolve()):
        raise BackupFailed(f"the backup names a file outside the data folder ({member.name}): it is not one of ours")
    content = archive.extractfile(member)
    if content is None:
        raise BackupFailed(f"the backup's {member.name} is not a file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
