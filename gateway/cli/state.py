"""`mammogate retry`, `forget`, `backup` and `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from config.loading import load_settings
from gateway.archive import back_up
from gateway.archive import restore as restore_archive
from gateway.cli.console import err, progress
from gateway.cli.failures import CommandFailed
from gateway.cli.options import ConfigOption, open_for_command
from gateway.folders import Folders
from gateway.forgetting import forget_study
from gateway.logs import configure_logs
from gateway.workflow.retrying import retry_study

StudyUid = Annotated[str, typer.Argument(metavar="STUDY_UID")]


def retry(study_uid: StudyUid, config: ConfigOption = None) -> None:
    """Start again what failed for good in a study."""
    parts = open_for_command(config)
    started = retry_study(parts.database, parts.jobs, study_uid)
    err.print(f"{started} failed things are tried again" if started else "nothing had failed in this study")


def forget(
    study_uid: StudyUid,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Erase everything that the gateway holds of a study; the audit trail keeps that it was done."""
    parts = open_for_command(config)
    if not yes:
        typer.confirm(f"Erase study {study_uid} with its images, results and reports?", abort=True, err=True)
    removed = forget_study(parts.database, parts.folders, parts.jobs, study_uid, actor="command line")
    err.print(f"the study is erased, {removed} files with it; what was delivered stays where it was delivered")


def backup(file: Annotated[Path, typer.Argument(metavar="FILE")], config: ConfigOption = None) -> None:
    """Write the whole state to a file, while the gateway runs."""
    parts = open_for_command(config)
    with progress() as shown:
        task = shown.add_task("backing up", total=None)
        count = back_up(
            parts.database,
            parts.folders,
            file.absolute(),
            lambda done, total: shown.update(task, completed=done, total=total),
        )
    err.print(f"{count} files and the database are in {file}")


def restore(file: Annotated[Path, typer.Argument(metavar="FILE")], config: ConfigOption = None) -> None:
    """Put a backup into an empty data folder; start the gateway afterwards."""
    settings = load_settings(config)
    configure_logs("warning", "cli")
    if not file.is_file():
        raise CommandFailed(f"there is no file {file}")
    with progress() as shown:
        task = shown.add_task("restoring", total=None)
        count = restore_archive(
            file,
            Folders(settings.data_dir.resolve()),
            settings.resolved_database_url,
            lambda done, total: shown.update(task, completed=done, total=total),
        )
    err.print(f"{count} files and the database are restored into {settings.data_dir}")
