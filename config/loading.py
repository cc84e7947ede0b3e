"""Reading the settings: the file first, the environment over it, and an unknown key is an error with a suggestion."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from config.settings import Peer, Section, Settings

PREFIX = "MAMMOGATE_"
CONFIG_VARIABLE = "MAMMOGATE_CONFIG"
# Read by the program before there are settings; not settings themselves.
NOT_SETTINGS = frozenset({CONFIG_VARIABLE})


class SettingsError(Exception):
    """The settings can't be used; the message says which key, and what to do."""


def load_settings(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of the file at `path` with the environment's over them.

    Without a path: `$MAMMOGATE_CONFIG`, else `config/mammogate.toml` below the current folder, else the defaults.

    Raises:
        SettingsError: a key is unknown (the nearest known one is named), or a value can't be used.

    """
    environment = os.environ if environment is None else environment
    values = _from_file(path, environment)
    known = dict(_known_keys(Settings))
    for variable, text in sorted(environment.items()):
        if not variable.startswith(PREFIX) or variable in NOT_SETTINGS:
            continue
        key = variable.removeprefix(PREFIX).lower().replace("__", ".")
        if key not in known:
            raise SettingsError(_unknown(variable, key, known, as_variable=True))
        _put(values, key.split("."), _parse(variable, text, known[key]))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(error, known)) from None


def _from_file(path: Path | None, environment: Mapping[str, str]) -> dict[str, Any]:
    named = path or (Path(environment[CONFIG_VARIABLE]) if environment.get(CONFIG_VARIABLE) else None)
    file = named or Path("config/mammogate.toml")
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if named is None:
            return {}
        raise SettingsError(f"there is no settings file at {file}: create it or name another") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from None


def _known_keys(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _known_keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _parse(variable: str, text: str, field: FieldInfo) -> Any:
    if not str(field.annotation).startswith("tuple["):
        # An empty variable means "not set" where that is possible, as in compose files.
        return None if text == "" and type(None) in get_args(field.annotation) else text
    try:
        return json.loads(text or "[]")
    except json.JSONDecodeError as error:
        raise SettingsError(f"{variable} must be a JSON list: {error}") from None


def _put(values: dict[str, Any], keys: list[str], value: Any) -> None:
    for key in keys[:-1]:
        values = values.setdefault(key, {})
    values[keys[-1]] = value


def _unknown(shown: str, key: str, known: Mapping[str, Any], *, as_variable: bool = False) -> str:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
    name = nearest[0] if nearest else "data_dir"
    if as_variable:
        name = PREFIX + name.upper().replace(".", "__")
    return f"{shown} is not a setting; the nearest one is {name}"


def _explain(error: ValidationError, known: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        in_list = any(isinstance(part, int) for part in first["loc"])
        parent = str(first["loc"][0])
        candidates = _entry_keys(parent) if in_list else known
        return _unknown(place, str(first["loc"][-1]) if in_list else place, candidates)
    message = first["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def _entry_keys(parent: str) -> dict[str, Any]:
    for argument in get_args(Settings.model_fields[parent].annotation if parent in Settings.model_fields else None):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return dict(argument.model_fields)
    return dict(Peer.model_fields)
