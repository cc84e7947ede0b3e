"""The compose file as Debian's docker-compose understands it: checked by its schema, variables filled in."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.docs.papers import ROOT
from tests.peers.programs import run

FILE = ROOT / "docker-compose.yml"
NAMES = sorted(yaml.safe_load(FILE.read_text("utf-8"))["services"])
OURS = ("api", "receive", "work")
SECRETS = "/run/secrets/"


def checked(file: Path, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Have docker-compose check a file; it needs no engine for that."""
    return run(["docker-compose", "--file", file, "--project-directory", ROOT, "config"], extra=extra)


@cache
def composed(**variables: str) -> dict[str, Any]:
    """Return the whole file, with these variables set."""
    done = checked(FILE, variables)
    assert done.returncode == 0, done.stderr
    return dict(yaml.safe_load(done.stdout))


def services(**variables: str) -> dict[str, dict[str, Any]]:
    return dict(composed(**variables)["services"])


def secret_paths(service: Mapping[str, Any]) -> set[str]:
    """Where a service finds its secrets."""
    return {
        path if path.startswith("/") else SECRETS + path
        for path in (secret.get("target", secret["source"]) for secret in service.get("secrets", []))
    }
