"""The whole stack on this machine, through its trial: nothing is lost, whoever is killed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.stack.outside import running_stack
from tests.stack.trial import try_out

pytestmark = [pytest.mark.system, pytest.mark.long, pytest.mark.timeout(2400)]


def test_studies_go_through_the_whole_stack_while_each_service_is_killed(tmp_path: Path) -> None:
    said: list[str] = []
    with running_stack(tmp_path) as stack:
        stack.wait_until_ready()
        table = try_out(stack, kills=len(stack.services), seed=2, say=said.append)
    sys.stdout.write(f"\n{table}\n")
    assert all(f"SIGKILL {number}/" in "\n".join(said) for number in range(1, 8))
