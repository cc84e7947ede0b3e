"""The public DICOM validators, each judged by what it prints, since their exit status alone says too little.

dciodvfy (dicom3tools) checks modules, types, value representations, and that the evidence covers the references.
dsrdump (DCMTK) checks relationships; a by-reference item that leads nowhere is a mere warning to it.
PixelMed's DicomSRValidator checks the rows of templates, and always exits with 0, even when it crashed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_BENIGN = ("template constraints not yet supported", "VR checker does not support")
_PIXELMED = os.environ.get("PIXELMED_JAR", "/usr/share/java/pixelmed.jar")
_JAVA = (
    "java",
    # PixelMed's compiled style sheets have more XPath operators than Java 17 allows unless told.
    "-Djdk.xml.xpathExprGrpLimit=0",
    "-Djdk.xml.xpathExprOpLimit=0",
    "-Djdk.xml.xpathTotalOpLimit=0",
    # A third of the processor time for a program that lives for seconds.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
)


def object_problems(path: Path) -> list[str]:
    """What dciodvfy holds against an object of any kind."""
    done = _run("dciodvfy", "-new", str(path))
    lines = done.stderr.splitlines() + done.stdout.splitlines()
    problems = [line for line in lines if line.startswith(("Error", "Abort"))]
    if done.returncode != 0 and not problems:
        problems.append(f"dciodvfy ended with {done.returncode}")
    if not any(line and not line.startswith(("Error", "Warning", "Abort")) for line in lines):
        problems.append("dciodvfy did not recognise the kind of object")
    return problems


def tree_problems(path: Path) -> list[str]:
    """What dsrdump holds against a Structured Report; its warnings count, but for two about itself."""
    done = _run("dsrdump", "+Pn", "+Pc", str(path))
    problems = [
        line
        for line in done.stderr.splitlines()
        if line.startswith(("E:", "F:", "W:")) and not any(one in line for one in _BENIGN)
    ]
    if done.returncode != 0 and not problems:
        problems.append(f"dsrdump ended with {done.returncode}")
    return problems


def template_problems(path: Path) -> list[str]:
    """What PixelMed holds against a Structured Report; each takes a Java of its own, hence seconds."""
    if not Path(_PIXELMED).exists():
        pytest.fail(f"{_PIXELMED} is missing (Debian: libpixelmed-java); `make test` installs it")
    validator = "com.pixelmed.validate.DicomSRValidator"
    done = _run(*_JAVA, "-cp", _PIXELMED, validator, "-checktemplateid", "-checkcontentitemorder", str(path))
    lines = (done.stdout + done.stderr).splitlines()
    problems = [
        line for line in lines if line.startswith("Error") or "Exception" in line or "has illegal relationship" in line
    ]
    # TID 4000 and all below may not be extended, so what PixelMed only warns of is an error there.
    if any("Found Root Template TID_4000" in line for line in lines):
        problems += [line for line in lines if "Content Item not in template" in line]
    for wanted in ("Found Root Template", "IOD validation complete"):
        if not any(line.startswith(wanted) for line in lines):
            problems.append(f"PixelMed did not say {wanted!r}")
    return problems


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which(program) is None:
        pytest.fail(f"{program} is not installed; `make test` installs it")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, errors="replace", timeout=280, check=False
    )
