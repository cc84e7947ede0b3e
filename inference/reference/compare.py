"""One document from the folders of runs: leaky beside honest, and the ablation. Every figure of ours is read there."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from inference.classes import CLASSES
from inference.files import read_json, replace_file
from inference.reference import published
from inference.reference.curves import Epoch, draw_both, read_curves
from inference.reference.run import FIGURES_FILE, SETTINGS_FILE

_ALIKE: Final = ("side", "epochs", "seed", "precision", "patches")
"""What must be equal for two runs to stand in one table."""
_NAMES: Final = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "malignant_sensitivity": "malignant patches called malignant",
    "lesion_accuracy": "accuracy among lesion patches",
}
_INTRODUCTION: Final = """# The reference: its figures, leaky and honest

**Research use only, not a medical device.**

Written by `mammogate model compare` from the files of the runs; [what was done and how](../reference.md). Published
figures are those of the reference: other patches, 83 % of them normal, so they stand beside ours for orientation only.
What can be compared is a column with its neighbour: same patches, same network, same training, another split.
In brackets: 95 % of bootstrap draws of patients. Every figure is of one seed, and none of CBIS-DDSM's official test
split.
"""


class RunsUnlike(Exception):
    """Two runs claim the same place in a table."""


@dataclass(frozen=True)
class _Run:
    folder: Path
    figures: Mapping[str, Any]
    curves: list[Epoch]

    @property
    def network(self) -> tuple[int, bool]:
        """(blocks, regularised)."""
        return self.figures["blocks"], self.figures["regularised"]


def write_comparison(runs_dir: Path, out_file: Path) -> list[str]:
    """Read every finished run below `runs_dir` and write `out_file` and its picture of curves.

    Returns sentences about runs that were left out. Runs with other patches, sides, epochs or seeds get tables of
    their own. Raises RunsUnlike when two runs have the same settings.
    """
    runs = [_read(file.parent) for file in sorted(runs_dir.rglob(FIGURES_FILE))]
    finished = {run.folder for run in runs}
    unfinished = [file.parent for file in sorted(runs_dir.rglob(SETTINGS_FILE)) if file.parent not in finished]
    alike: dict[tuple[Any, ...], list[_Run]] = defaultdict(list)
    for run in runs:
        alike[tuple(run.figures[name] for name in _ALIKE)].append(run)
    out_file.parent.mkdir(parents=True, exist_ok=True)
    lines = [_INTRODUCTION]
    if not alike:
        lines += ["No run has been made yet.", ""]
    # First what compares the two splits.
    groups = sorted(alike.values(), key=lambda group: len({run.figures["split"] for run in group}), reverse=True)
    for number, group in enumerate(groups):
        lines += _section(group, out_file.with_name(f"{out_file.stem}-curves{number or ''}.png"))
    replace_file(out_file, lambda fresh: fresh.write_text("\n".join(lines), encoding="utf-8"))
    return [f"Left out, not finished: {folder}" for folder in unfinished]


def _read(folder: Path) -> _Run:
    return _Run(folder, read_json(folder / FIGURES_FILE), read_curves(folder))


def _section(group: Sequence[_Run], picture: Path) -> list[str]:
    places: dict[tuple[str, int, bool], _Run] = {}
    for run in group:
        place = (run.figures["split"], *run.network)
        if place in places:
            raise RunsUnlike(
                f"{places[place].folder} and {run.folder} are runs with the same settings; keep one of them."
            )
        places[place] = run
    first = group[0].figures
    lines = [
        f"## Patches of {first['side']} x {first['side']} pixels, epochs: {first['epochs']}",
        "",
        f"Seed {first['seed']}, {first['precision']}, patches {first['patches']}.",
        "",
    ]
    pairs = [
        (places[("patch", *network)], places[("patient", *network)])
        for network in sorted({run.network for run in group})
        if ("patch", *network) in places and ("patient", *network) in places
    ]
    for leaky, honest in pairs:
        lines += _pair(leaky, honest)
    # The largest network is the one that the document is about; the others show how far they get in the ablation.
    if pairs:
        draw_both(pairs[-1][0].curves, pairs[-1][1].curves, picture)
        lines += [f"![Accuracy and loss over the epochs, split by patch and by patient]({picture.name})", ""]
    honest_runs = [places[place] for place in sorted(places) if place[0] == "patient"]
    if len(honest_runs) > len(pairs):
        lines += _ablation(honest_runs)
    return lines


def _pair(leaky: _Run, honest: _Run) -> list[str]:
    both = (leaky.figures, honest.figures)
    as_published = leaky.network == (published.BLOCKS, True)
    shown = {name: f"{value:.3f}" for name, value in published.FIGURES.items()} if as_published else {}
    lines = [
        f"### {_network(leaky)}: split by patch and by patient",
        "",
        "| figure | published | by patch: leaky | by patient: honest |",
        "|---|---|---|---|",
        *(
            f"| {title} | {shown.get(name, '')} | {_value(both[0][name])} | {_value(both[1][name])} |"
            for name, title in _NAMES.items()
        ),
        f"| accuracy of one answer to all | {shown.get('constant_answer', '')} | "
        + " | ".join(f"{one['constant_answer']:.3f} ({one['constant_answer_class']})" for one in both)
        + " |",
        f"| test lesion patches with a crop of the same image in training | "
        f"{f'{published.SIBLINGS:.1%}' if as_published else ''} | "
        + " | ".join(_share(one["siblings"], "of_an_image_in_training") for one in both)
        + " |",
        "| test lesion patches of a patient in training | | "
        + " | ".join(_share(one["siblings"], "of_a_patient_in_training") for one in both)
        + " |",
    ]
    for part in ("training", "validation", "test"):
        counts = " | ".join(
            f"{one['parts'][part]['patches']} of {one['parts'][part]['patients']} patients" for one in both
        )
        lines.append(f"| patches for {part} | | {counts} |")
    lines.append("")
    for title, one in (("by patch", both[0]), ("by patient", both[1])):
        lines += _confusion(title, one["confusion_matrix"])
    return lines


def _confusion(title: str, matrix: Sequence[Sequence[int]]) -> list[str]:
    return [
        f"Test patches, split {title}; a row is what it was, a column what it was called:",
        "",
        f"| | {' | '.join(CLASSES)} |",
        "|---|" + "---|" * len(CLASSES),
        *(f"| {name} | {' | '.join(map(str, row))} |" for name, row in zip(CLASSES, matrix, strict=True)),
        "",
    ]


def _ablation(runs: Sequence[_Run]) -> list[str]:
    return [
        "### Ablation, split by patient",
        "",
        f"| blocks | batch norm, dropout | parameters | published, by patch | {' | '.join(_NAMES.values())} |",
        "|---|---|---|---|" + "---|" * len(_NAMES),
        *(
            f"| {run.network[0]} | {'yes' if run.network[1] else 'no'} | {run.figures['parameters']:,} | "
            f"{_published_accuracy(run)} | {' | '.join(_value(run.figures[name]) for name in _NAMES)} |"
            for run in runs
        ),
        "",
    ]


def _network(run: _Run) -> str:
    blocks, regularised = run.network
    return f"{blocks} block{'s' if blocks > 1 else ''}{'' if regularised else ', without batch norm and dropout'}"


def _published_accuracy(run: _Run) -> str:
    value = published.ABLATION.get(run.network)
    return f"{value:.3f}" if value is not None else ""


def _value(figure: Mapping[str, Any] | None) -> str:
    if figure is None:
        return "can't be told"
    if figure["ci95"] is None:
        return f"{figure['value']:.3f} [too few patients]"
    low, high = figure["ci95"]
    return f"{figure['value']:.3f} [{low:.3f}-{high:.3f}]"


def _share(counts: Mapping[str, int], name: str) -> str:
    count, of = counts[name], counts["test_lesion_patches"]
    return f"{count} of {of} ({count / of:.1%})" if of else "none"
