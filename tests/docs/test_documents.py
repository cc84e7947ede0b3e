"""What the documents name exists: links, settings, commands and their options, make targets, tables."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.main import get_command

from config import loading
from config.loading import PREFIX, load_settings
from config.settings import DestinationSettings, Section, Settings, SourceSettings
from gateway.cli.application import app
from gateway.database import account_models, models
from tests.docs.papers import ROOT, anchors, blocks, documents, inline_code, links, tables

DOCUMENTS = documents()
TEMPLATE = ROOT / "config" / "mammogate.toml"
MACHINE_PATHS = re.compile(r"/(?:work|root|home|tmp|Users)/")
# Examples of this shape stand in the template where a default would show nothing.
EXAMPLES = {
    "database_url",
    "node",
    "dicom.allowed_peers",
    "http.app_certificates",
    "dicom.tls.certificate",
    "dicom.tls.key",
    "dicom.tls.peer_ca",
    "http.public_url",
    "http.oidc.issuer",
    "http.oidc.client_id",
    "http.oidc.client_secret_file",
    "http.oidc.roles",
    "http.oidc.ca",
    "audit.syslog.host",
    "audit.syslog.ca",
    "audit.syslog.certificate",
    "audit.syslog.key",
    "inference.url",
    "inference.fallback_minutes",
    "inference.token_file",
    "inference.tls.ca",
    "inference.tls.certificate",
    "inference.tls.key",
    "retention.after_days",
    "synthetic.every_minutes",
    "synthetic.host",
    "synthetic.port",
    "synthetic.tls.ca",
    "synthetic.tls.certificate",
    "synthetic.tls.key",
    "traces.ca",
    "traces.endpoint",
    "traces.token_file",
    "push.contact",
    "push.roles",
    "push.also_allowed",
}
# Accepted, but a password belongs into a file.
NOT_IN_TEMPLATE = {"password"}
# Variables that are read before there are settings, and the AE title of `mammogate send`.
NOT_SETTINGS = {*loading.NOT_SETTINGS, "MAMMOGATE_SCU"}
DOTTED = re.compile(
    r"(?:dicom|http|study|inference|delivery|commitment|retention|upload|push|site|audit|destinations|sources|synthetic"
    r"|traces)(?:\.[a-z_]+)+"
)

with_each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(path.relative_to(ROOT)) for path in DOCUMENTS]
)


def _keys(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in section.model_fields.items():
        # A section, also one that may be absent; the entries of lists are shown by an example.
        section = next((kind for kind in (field.annotation, *get_args(field.annotation)) if _is_section(kind)), None)
        if section is not None and not str(field.annotation).startswith("tuple["):
            yield from _keys(section, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.default


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


COMMANDS = get_command(app)
SETTINGS = dict(_keys(Settings))
ENTRIES = {**dict(_keys(DestinationSettings, "destinations.")), **dict(_keys(SourceSettings, "sources."))}


@with_each_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in links(document.read_text("utf-8")):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        path = (document.parent / file).resolve() if file else document
        assert path.exists(), f"{document.name} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(path), f"{document.name} links to {target}, a heading that is not there"


@with_each_document
def test_no_document_names_a_folder_of_the_machine_it_was_written_on(document: Path) -> None:
    assert MACHINE_PATHS.findall(document.read_text("utf-8")) == []


@with_each_document
def test_every_document_of_the_product_says_research_use_only(document: Path) -> None:
    if document.parent.name != "decisions":
        assert "Research use only, not a medical device" in document.read_text("utf-8")


@with_each_document
def test_every_setting_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    for variable in re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", text):
        key = variable.removeprefix(PREFIX).lower().replace("__", ".")
        assert variable in NOT_SETTINGS or key in SETTINGS, f"{document.name} names {variable}"
    events = {name for row in tables(text).get(("event", "means"), []) for name in re.findall(r"[\w.]+", row[0])}
    for code in inline_code(text):
        name = code.partition(" ")[0]
        if name not in events and DOTTED.fullmatch(name):
            assert name in SETTINGS or name in ENTRIES, f"{document.name} names the setting {name}"


@with_each_document
def test_every_piece_of_settings_in_a_document_can_be_used(document: Path, tmp_path: Path) -> None:
    for number, piece in enumerate(blocks(document.read_text("utf-8"), "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(piece, "utf-8")
        load_settings(file, {})


@with_each_document
def test_every_command_that_a_document_names_exists_with_its_options(document: Path) -> None:
    for words in _commands(document.read_text("utf-8")):
        command: Any = COMMANDS
        while words and not words[0].startswith("-") and getattr(command, "commands", None):
            assert words[0] in command.commands, f"{document.name} names mammogate {' '.join(words)}"
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= known, f"{document.name}: {words}"


@with_each_document
def test_every_make_target_that_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    text = document.read_text("utf-8")
    named = [code for code in inline_code(text) if code.startswith("make ")]
    named += [line for block in blocks(text, "sh") for line in block.splitlines() if line.startswith("make ")]
    assert {code.split()[1] for code in named} <= targets


def test_every_setting_is_in_the_template_with_its_default() -> None:
    shown = dict(_flat(tomllib.loads(_uncommented(TEMPLATE.read_text("utf-8")))))
    # What destinations and sources share (a login, a kind) is shown once.
    expected = {key for key in SETTINGS if key not in ("destinations", "sources")} | _of_entries(ENTRIES)
    found = {key for key in shown if key in SETTINGS} | _of_entries(shown)
    assert expected - NOT_IN_TEMPLATE == found
    for key, default in SETTINGS.items():
        if key in shown and key not in EXAMPLES and default is not PydanticUndefined:
            assert str(shown[key]).removeprefix("./") == str(default), key


def test_the_template_itself_can_be_used() -> None:
    load_settings(TEMPLATE, {})


def test_the_architecture_lists_every_table_of_ours() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = {name for row in tables(text)[("table", "one row is")] for name in re.findall(r"\w+", row[0])}
    assert listed == set(models.Study.metadata.tables) | set(account_models.User.metadata.tables)


def test_the_decisions_are_listed_each_once_under_its_own_title() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(links((folder / "README.md").read_text("utf-8")))
    records = {path.name for path in folder.glob("0*.md")}
    assert listed == records
    for name in records:
        first = (folder / name).read_text("utf-8").splitlines()[0]
        assert first.startswith(f"# {name[:4]} ")
        assert first[7:] in (folder / "README.md").read_text("utf-8")


def _of_entries(keys: Iterable[str]) -> set[str]:
    """The bare names of what is set for a destination or a source."""
    return {key.partition(".")[2] for key in keys if key.startswith(("destinations.", "sources."))}


def _commands(text: str) -> Iterator[list[str]]:
    lines = [*inline_code(text), *(line for block in blocks(text, "sh") for line in block.splitlines())]
    for line in lines:
        # The last one: `sudo -u mammogate` names a user.
        found = re.search(r"(?:^|.*[ /(|])mammogate (?=[a-z-])(?P<rest>[^|;)]*)", line)
        if found and not line.startswith(("git ", "systemctl ", "journalctl ")):
            yield shlex.split(found["rest"])


def _uncommented(template: str) -> str:
    """The template with its commented settings in force; the sentences that explain them stay comments."""
    return re.sub(r"^# (?=\[\[|[a-z_]+ = )", "", template, flags=re.MULTILINE)


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        elif key in ("destinations", "sources") and not prefix:
            for entry in value:
                yield from _flat(entry, f"{key}.")
        else:
            yield f"{prefix}{key}", value
