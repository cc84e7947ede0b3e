"""The packages import only what the table of the architecture allows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.papers import ROOT, inline_code, tables

TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
LAYERS = {
    package: {name.strip(" `") for name in allowed.split(",")} - {"none"}
    for package, _, allowed in tables(TEXT)[("package", "holds", "may import")]
}
RESULT_TYPES = {"inference.classes", "inference.results"}


@pytest.mark.parametrize("package", sorted(LAYERS))
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    for file in (ROOT / package).rglob("*.py"):
        for module in _imported(file):
            other = module.partition(".")[0]
            if other in LAYERS and other != package:
                assert other in LAYERS[package], f"{file.relative_to(ROOT)} imports {module}"


def test_reporting_takes_only_the_result_types_of_inference() -> None:
    for file in (ROOT / "reporting").rglob("*.py"):
        taken = {module for module in _imported(file) if module.partition(".")[0] == "inference"}
        assert taken <= RESULT_TYPES, f"{file.relative_to(ROOT)} imports {taken - RESULT_TYPES}"


def test_every_module_that_the_architecture_names_exists() -> None:
    named = [code for code in inline_code(TEXT) if code.endswith((".py", ".toml"))]
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
