"""`mammogate export`: de-identified copies of studies, for research outside the hospital."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import RESEARCH_USE, out, progress, table
from gateway.cli.failures import CommandFailed
from gateway.cli.options import ConfigOption, open_for_command


def export(
    deidentify: Annotated[
        Path, typer.Option("--deidentify", metavar="DIR", help="A new folder for the de-identified copies.")
    ],
    study: Annotated[
        list[str] | None, typer.Option("--study", metavar="UID", help="A study; may be given several times.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every study that is kept here.")] = False,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help="Also write what ties the copies to the patients. Keep it."),
    ] = None,
    include_burned_in: Annotated[
        bool, typer.Option("--include-burned-in", help="Also images that have, or may have, text in their pixels.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Write de-identified DICOM copies of studies into a folder (PS3.15 Annex E)."""
    if bool(study) == everything:
        raise typer.BadParameter("give either --study UID or --all")
    _refuse_key_in(deidentify, key_file)
    # Loads the code lists of the standard, which only this command should wait for.
    from gateway.export.exporting import Export, FolderNotEmpty
    from gateway.export.kept_objects import all_studies
    from gateway.export.secret_key import KeyUnusable, secret_key
    from reporting.deidentification.pseudonyms import Pseudonyms

    parts = open_for_command(config)
    uids = study or all_studies(parts.database)
    try:
        run = Export(
            parts.database, parts.folders, Pseudonyms(secret_key(parts.folders)), include_burned_in=include_burned_in
        )
        with progress() as shown:
            task = shown.add_task("exporting", total=len(uids))
            exported = run.run(uids, deidentify, lambda done: shown.update(task, completed=done))
    except (FolderNotEmpty, KeyUnusable) as error:
        raise CommandFailed(str(error)) from None
    if key_file is not None:
        key_file.write_text(json.dumps(run.key(), indent=2) + "\n", "utf-8")
    out.print(
        f"{exported.objects} objects of {len(exported.studies)} studies and {len(exported.patients)} patients "
        f"are in {deidentify}"
    )
    if exported.left_out:
        reasons = [item.reason for item in exported.left_out]
        shown_reasons = table("left out", "because")
        for reason in dict.fromkeys(reasons):
            shown_reasons.add_row(str(reasons.count(reason)), reason)
        out.print(shown_reasons)
    out.print("Look at the images before they leave: text in the pixels is not removed.")
    out.print(RESEARCH_USE)
    if not exported.objects:
        raise CommandFailed("nothing could be exported; the reasons are above and in the manifest")


def _refuse_key_in(folder: Path, key_file: Path | None) -> None:
    if key_file is None:
        return
    if key_file.resolve().is_relative_to(folder.resolve()):
        raise typer.BadParameter("the key file lies in the folder that leaves: name a place that stays here")
    if key_file.exists():
        raise typer.BadParameter(f"{key_file} exists already: name a new file")
