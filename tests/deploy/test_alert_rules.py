"""Every alert rule, run by the real `promtool` over made figures: once it fires, and once it does not."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.docs.papers import ROOT
from tests.peers.programs import run

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
RULES = [rule["alert"] for rule in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"][0]["rules"]]
TARGET: Final = {"instance": "gateway:8080", "job": "mammogate"}
_EVERY_MINUTE: Final = "1m"


@dataclass(frozen=True)
class Course:
    """Figures over time, one value a minute in promtool's notation ("0x9" is ten times 0), and when it is looked."""

    minute: int
    figures: dict[str, str]


def course(minute: int, figures: dict[str, str]) -> Course:
    return Course(minute, {f"mammogate_{name}": values for name, values in figures.items()})


_STUDIES, _READ = 'queue_length{queue="process"}', 'studies{status="reported"}'
_ONE_IN_FOUR_MINUTES = " ".join(f"{number}x3" for number in range(1, 16))
_SOURCE = '{channel="dicom", source="XRAY1", detector="D", week="2026-W48"}'

# By rule: when it fires; when it does not.
CASES: Final[dict[str, list[tuple[Course, Course]]]] = {
    "MammogateAway": [(Course(5, {"up": "1 0x9"}), Course(5, {"up": "1 0 1x9"}))],
    "MammogateNothingIsRead": [
        # Nothing since the morning; nothing ever; a study that comes after a quiet night gets half an hour.
        (course(60, {_STUDIES: "3x70", _READ: "7x20 8x50"}), course(60, {_STUDIES: "3x70", _READ: "7+1x70"})),
        (course(40, {_STUDIES: "1x50", _READ: "0x50"}), course(40, {_STUDIES: "0x50", _READ: "0x50"})),
        (course(95, {_STUDIES: "0x59 1x60", _READ: "7x120"}), course(85, {_STUDIES: "0x59 1x60", _READ: "7x120"})),
        # One in four minutes is slow, but it goes on.
        (
            course(50, {_STUDIES: "9x60", _READ: "7x60"}),
            course(50, {_STUDIES: "9x60", _READ: _ONE_IN_FOUR_MINUTES}),
        ),
    ],
    "MammogateStudyFailed": [(course(1, {"dead_letters": "0 1x9"}), course(5, {"dead_letters": "1 0x9"}))],
    "MammogateDeliveryFailed": [
        (
            course(1, {'deliveries{destination="pacs", status="failed"}': "0 1x9"}),
            course(1, {'deliveries{destination="pacs", status="waiting"}': "0 1x9"}),
        )
    ],
    "MammogateQuarantine": [
        (course(70, {"quarantined_files": "5x60 6x60"}), course(140, {"quarantined_files": "5x60 6x90"})),
    ],
    "MammogateImagesRefused": [
        (
            course(65, {f"images_refused_ratio{_SOURCE}": "0.06x70"}),
            course(65, {f"images_refused_ratio{_SOURCE}": "0.05x70"}),
        )
    ],
    "MammogateScoresShifted": [
        (course(65, {f"score_psi{_SOURCE}": "0.3x70"}), course(65, {f"score_psi{_SOURCE}": "0.3x50 0.2x20"}))
    ],
    "MammogateWorkerAway": [
        (course(5, {'processes{part="work"}': "1 0x9"}), course(5, {'processes{part="work"}': "2 1x9"}))
    ],
    "MammogateReceiverAway": [
        (course(5, {'processes{part="receive"}': "1 0x9"}), course(5, {'processes{part="work"}': "1 0x9"}))
    ],
    "MammogateSyntheticStudyLate": [(course(1, {"synthetic_late": "0 1x9"}), course(5, {"synthetic_late": "1 0x9"}))],
    "MammogateEngineAway": [
        (course(12, {"studies_waiting_for_engine": "1x20"}), course(12, {"studies_waiting_for_engine": "1x8 0x9"}))
    ],
    "MammogateEmbeddedInstead": [
        (course(1, {"images_read_instead": "0 4x9"}), course(5, {"images_read_instead": "4 0x9"}))
    ],
    "MammogateReadingLate": [
        (
            course(70, {'queue_oldest_seconds{queue="process"}': "0+60x70"}),
            course(70, {'queue_oldest_seconds{queue="process"}': "0+60x50 0x20"}),
        )
    ],
    "MammogateGatheringLate": [
        (
            course(70, {'queue_oldest_seconds{queue="gather"}': "0+60x70"}),
            course(70, {'queue_oldest_seconds{queue="process"}': "0+60x70"}),
        )
    ],
    "MammogateComparingLate": [
        (
            course(70, {'queue_oldest_seconds{queue="compare"}': "0+60x70"}),
            course(50, {'queue_oldest_seconds{queue="compare"}': "0+60x70"}),
        )
    ],
    "MammogateCommitmentLate": [
        (
            course(250, {'queue_oldest_seconds{queue="commit"}': "0+60x260"}),
            course(230, {'queue_oldest_seconds{queue="commit"}': "0+60x260"}),
        )
    ],
    "MammogateCommitmentFailed": [
        (course(1, {'commitments{status="failed"}': "0 1x9"}), course(1, {'commitments{status="waiting"}': "1x9"}))
    ],
    "MammogateDestinationAway": [
        (
            course(40, {'destination_waiting_seconds{destination="pacs"}': "0+60x40"}),
            course(40, {'destination_waiting_seconds{destination="pacs"}': "0+60x20 0x20"}),
        )
    ],
    "MammogateConflict": [
        # The first one ever, and again one that comes beside old ones; old ones alone are told by `mammogate doctor`.
        (course(10, {"conflicting_duplicates": "0x5 1x9"}), course(90, {"conflicting_duplicates": "0x5 1x99"})),
        (course(130, {"conflicting_duplicates": "1x120 2x99"}), course(110, {"conflicting_duplicates": "1x120 2x99"})),
    ],
    "MammogateDiskNearlyFull": [
        (
            course(6, {"disk_free_bytes": "39x9", "disk_reserve_bytes": "10x9"}),
            course(6, {"disk_free_bytes": "41x9", "disk_reserve_bytes": "10x9"}),
        )
    ],
    "MammogateDiskFull": [
        (
            course(1, {"disk_free_bytes": "9x9", "disk_reserve_bytes": "10x9"}),
            course(1, {"disk_free_bytes": "11x9", "disk_reserve_bytes": "10x9"}),
        )
    ],
}


def _series(figure: str) -> str:
    name, _, labels = figure.partition("{")
    given = [f'{label}="{value}"' for label, value in TARGET.items()]
    return f"{name}{{{', '.join([*given, labels.rstrip('}')] if labels else given)}}}"


def _tried(folder: Path, alert: str, looked: Course) -> subprocess.CompletedProcess[str]:
    """Run promtool with the expectation that nothing fires; that something does is then its failure."""
    test: dict[str, Any] = {
        "interval": _EVERY_MINUTE,
        "input_series": [{"series": _series(figure), "values": values} for figure, values in looked.figures.items()],
        "alert_rule_test": [{"eval_time": f"{looked.minute}m", "alertname": alert, "exp_alerts": []}],
    }
    settings = {"rule_files": [str(ALERTS)], "evaluation_interval": _EVERY_MINUTE, "tests": [test]}
    file = folder / "tests.yml"
    file.write_text(yaml.safe_dump(settings))
    return run(["promtool", "test", "rules", file])


def test_every_rule_has_its_cases_and_no_other_has() -> None:
    assert sorted(CASES) == sorted(RULES)


@pytest.mark.parametrize("alert", sorted(CASES))
def test_a_rule_fires_when_it_should_and_else_it_does_not(alert: str, tmp_path: Path) -> None:
    for fires, quiet in CASES[alert]:
        told = _tried(tmp_path, alert, quiet)
        assert told.returncode == 0, (quiet, told.stdout + told.stderr)
        told = _tried(tmp_path, alert, fires)
        got = (told.stdout + told.stderr).partition("got:")[2]
        assert f'alertname="{alert}"' in got, (fires, told.stdout + told.stderr)
