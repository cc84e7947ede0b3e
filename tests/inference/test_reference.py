"""The published reference: its network, its patches, both splits, a run that goes on after its end, the comparison."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference.classes import CLASSES
from inference.metrics import Predictions
from inference.reference.compare import RunsUnlike, write_comparison
from inference.reference.curves import write_curves
from inference.reference.figures import accuracy, lesion_accuracy, malignant_sensitivity
from inference.reference.network import reference_network
from inference.reference.patch_set import Patch, PatchesDiffer, PatchSet, patch_set
from inference.reference.published import PARAMETERS, SizeUnusable
from inference.reference.run import Phase, RunSettings
from inference.reference.split import siblings, split_patches
from inference.reference.train import train_reference
from inference.same_run import RunDiffers
from inference.training.labels import LabelsUnusable
from inference.training.split import LeakFound
from tests.inference.labelled_folders import crop, lesion_crops, normal_views, write_labels

TINY = RunSettings(split="patient", blocks=1, side=8, epochs=2, seed=3)


class Onlooker:
    """Remembers what it is told; copies the run's folder when a given batch is done: what a kill there would leave."""

    def __init__(self, run: Path | None = None, copy: Path | None = None, at: int | None = None) -> None:
        self.sentences: list[str] = []
        self.steps: list[tuple[Phase, int, int]] = []
        self._run, self._copy, self._at = run, copy, at

    def told(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def advanced(self, phase: Phase, done: int, of: int, detail: str = "") -> None:
        self.steps.append((phase, done, of))
        if self._run and self._copy and (phase, done) == ("training", self._at):
            shutil.copytree(self._run, self._copy)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "data"
    lesion_crops(folder / "lesions", patients=24)
    normal_views(folder / "normals", patients=1)
    return folder


@pytest.fixture(scope="module")
def patches(data: Path) -> PatchSet:
    return patch_set(data, data.parent / "patches", side=8, seed=3)


def drawn_set(patients: int = 60, images: int = 2, crops: int = 3) -> PatchSet:
    """A set without any picture behind it: a fifth of the patients for each class."""
    members = [
        Patch(CLASSES[patient % 5], f"P_{patient}", f"{patient}_{image}.jpg", f"{patient}-{image}-{number}")
        for patient in range(patients)
        for image in range(images)
        for number in range(crops)
    ]
    return PatchSet(np.zeros((len(members), 8, 8), dtype=np.uint8), tuple(members), "drawn", ())


def test_the_reference_network_has_exactly_the_published_number_of_parameters() -> None:
    assert reference_network().count_params() == PARAMETERS == 17_955_301


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 5])
def test_each_block_halves_the_patch_and_doubles_the_filters(blocks: int) -> None:
    network = reference_network(32, blocks)
    assert network.output_shape == (None, 5)
    assert network.get_layer(f"block{blocks}_pool").output.shape == (
        None,
        32 // 2**blocks,
        32 // 2**blocks,
        16 * 2**blocks,
    )
    kinds = [type(layer).__name__ for layer in network.layers]
    assert (kinds.count("Conv2D"), kinds.count("BatchNormalization"), kinds.count("Dropout")) == (
        2 * blocks, 2 * blocks + 1, blocks + 1,
    )  # fmt: skip


def test_without_batch_norm_and_dropout_neither_is_left() -> None:
    kinds = {type(layer).__name__ for layer in reference_network(16, 3, regularised=False).layers}
    assert kinds == {"InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense"}


@pytest.mark.parametrize(("side", "blocks"), [(100, 4), (8, 4), (64, 0), (64, 6)])
def test_a_size_that_does_not_exist_is_refused_before_anything_is_made(side: int, blocks: int) -> None:
    with pytest.raises(SizeUnusable):
        reference_network(side, blocks)
    with pytest.raises(SizeUnusable):
        RunSettings(side=side, blocks=blocks)


def test_every_lesion_gives_three_patches_and_every_film_its_tiles(patches: PatchSet) -> None:
    sources = [patch.source for patch in patches.patches]
    lesions = [source for source in sources if source.startswith("lesions/")]
    assert all(lesions.count(source) == 3 for source in lesions)
    assert len(set(lesions)) == 24
    tiles = [patch for patch in patches.patches if patch.source == "normals/view_0.jpg"]
    assert len(tiles) > 3
    assert {patch.label for patch in tiles} == {"normal"}
    assert patches.pixels.shape == (len(sources), 8, 8)
    assert patches.pixels.std() > 10


def test_patches_are_made_once_and_are_the_same_when_made_again(data: Path, patches: PatchSet, tmp_path: Path) -> None:
    made = (data.parent / "patches" / "patches.json").stat().st_mtime_ns
    assert patch_set(data, data.parent / "patches", side=8, seed=3).fingerprint == patches.fingerprint
    assert (data.parent / "patches" / "patches.json").stat().st_mtime_ns == made
    # What an end in the middle left behind is no obstacle.
    (tmp_path / "again.partial").mkdir()
    (tmp_path / "again.partial" / "pixels.u8").write_bytes(b"half")
    again = patch_set(data, tmp_path / "again", side=8, seed=3)
    assert again.fingerprint == patches.fingerprint
    assert np.array_equal(again.pixels, patches.pixels)
    with pytest.raises(PatchesDiffer, match="another folder"):
        patch_set(data, tmp_path / "again", side=16, seed=3)


def test_what_gives_no_patch_is_left_out_and_said(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 300), 200, dtype=np.uint8))
    cv2.imwrite(str(tmp_path / "small.png"), np.zeros((2000, 1200), dtype=np.uint8))
    cv2.imwrite(str(tmp_path / "mass.png"), crop("benign_mass", seed=0))
    rows = [
        {"file": "blank.png", "patient_id": "A", "label5": "benign_mass", "kind": "crop"},
        {"file": "small.png", "patient_id": "B", "label5": "normal", "kind": "full"},
        {"file": "mass.png", "patient_id": "C", "label5": "benign_mass", "kind": "full"},
    ]
    write_labels(tmp_path, rows)
    with pytest.raises(LabelsUnusable, match="gives a patch"):
        patch_set(tmp_path, tmp_path / "patches", side=8, seed=0)
    rows.append({"file": "mass.png", "patient_id": "C", "label5": "benign_mass", "kind": "crop"})
    write_labels(tmp_path, rows)
    made = patch_set(tmp_path, tmp_path / "patches", side=8, seed=0)
    assert len(made.patches) == 3
    assert [sentence.partition(":")[0] for sentence in made.left_out] == ["blank.png", "small.png", "mass.png"]


def test_by_patch_a_tenth_each_is_held_out_at_random_and_almost_every_lesion_has_a_sibling_in_training() -> None:
    patches = drawn_set()
    parts = split_patches(patches, "patch", seed=0)
    assert [len(members) for members in parts.values()] == [288, 36, 36]
    assert sorted(np.concatenate(list(parts.values()))) == list(range(360))
    counted = siblings(patches, parts)
    assert counted["test_lesion_patches"] == sum(patches.labels[parts["test"]] > 0)
    assert counted["of_an_image_in_training"] > 0.85 * counted["test_lesion_patches"]
    assert counted["of_a_patient_in_training"] >= counted["of_an_image_in_training"]
    assert not np.array_equal(parts["test"], split_patches(patches, "patch", seed=1)["test"])


def test_by_patient_nobody_stands_on_two_sides_and_no_test_lesion_has_a_sibling_in_training() -> None:
    patches = drawn_set()
    parts = split_patches(patches, "patient", seed=0)
    people = [{patches.patches[one].patient_id for one in members} for members in parts.values()]
    assert sum(map(len, people)) == len(set.union(*people)) == 60
    # Sixty patients, twelve a class, dealt to ten folds: two folds get a second patient of each class.
    assert [len(names) for names in people] == [40, 10, 10]
    assert {patches.patches[one].label for one in parts["test"]} == set(CLASSES)
    assert siblings(patches, parts) == {
        "test_lesion_patches": 48, "of_an_image_in_training": 0, "of_a_patient_in_training": 0,
    }  # fmt: skip


def test_the_leak_guard_stops_a_split_by_patient_with_the_same_pixels_on_two_sides() -> None:
    patches = drawn_set()
    same = tuple(Patch(one.label, one.patient_id, one.source, "the same") for one in patches.patches)
    with pytest.raises(LeakFound, match="identical pixels"):
        split_patches(PatchSet(patches.pixels, same, "drawn", ()), "patient", seed=0)


def test_too_few_patients_for_three_parts_are_refused_with_a_sentence() -> None:
    with pytest.raises(LabelsUnusable, match="too few patients"):
        split_patches(drawn_set(patients=2), "patient", seed=0)


def test_the_figures_are_what_they_say() -> None:
    truth = np.asarray([0, 1, 2, 3, 3, 4], dtype=np.int64)
    called = [0, 1, 0, 4, 3, 2]
    given = Predictions(np.eye(5)[called], truth, np.asarray(list("ABCDEF")), np.zeros(6))
    assert accuracy(given) == pytest.approx(3 / 6)
    assert malignant_sensitivity(given) == pytest.approx(2 / 3)
    assert lesion_accuracy(given) == pytest.approx(2 / 5)
    normals = given.part(truth == 0)
    assert malignant_sensitivity(normals) is None
    assert lesion_accuracy(normals) is None


def test_a_run_that_was_ended_goes_on_and_has_the_same_figures_as_one_that_was_not(
    data: Path, patches: PatchSet, tmp_path: Path
) -> None:
    shared = data.parent / "patches"
    ended = tmp_path / "ended"
    an_epoch = -(-len(split_patches(patches, "patient", TINY.seed)["training"]) // 32)
    watch = Onlooker(tmp_path / "whole", ended, at=an_epoch + 1)
    whole = train_reference(data, tmp_path / "whole", TINY, watch, patches_dir=shared, draws=5)
    assert watch.steps[-1] == ("training", 2 * an_epoch, 2 * an_epoch)
    assert not (ended / "figures.json").exists()
    assert [row["epoch"] for row in curves_of(ended)] == [1]
    # A kill between the two files leaves the curves an epoch ahead of the state.
    write_curves(ended, [*json.loads((ended / "curves.json").read_text("utf-8")), epoch(2, 0.0)], "patient")
    watch = Onlooker()
    figures = train_reference(data, ended, TINY, watch, patches_dir=shared, draws=5)
    assert any("Going on after epoch 1 of 2" in sentence for sentence in watch.sentences)
    assert figures.read_text("utf-8") == whole.read_text("utf-8")
    assert curves_of(ended) == curves_of(tmp_path / "whole")
    assert cv2.imread(str(ended / "curves.png")) is not None
    told = json.loads(figures.read_text("utf-8"))
    assert told["n"] == told["parts"]["test"]["patches"] == np.asarray(told["confusion_matrix"]).sum()
    assert told["siblings"]["of_a_patient_in_training"] == 0
    assert told["patches"] == patches.fingerprint
    assert 0.0 <= told["accuracy"]["value"] <= 1.0
    # Finished: the same command answers at once, other options are refused.
    watch = Onlooker()
    assert train_reference(data, ended, TINY, watch, patches_dir=shared) == figures
    assert watch.steps == []
    with pytest.raises(RunDiffers, match="blocks 1 instead of 2"):
        train_reference(data, ended, RunSettings("patient", 2, 8, True, 2, 3), Onlooker(), patches_dir=shared)


def epoch(number: int, value: float) -> dict[str, float]:
    return {"epoch": number, "accuracy": value, "loss": 1.0, "val_accuracy": value, "val_loss": 1.0, "seconds": 1.0}


def curves_of(folder: Path) -> list[dict[str, float]]:
    rows = json.loads((folder / "curves.json").read_text("utf-8"))
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def finished_run(folder: Path, split: str, blocks: int = 4, *, regularised: bool = True, value: float = 0.5) -> None:
    """The files that the comparison reads, with one figure for everything."""
    folder.mkdir(parents=True)
    figure = {"value": value, "ci95": [value - 0.1, value + 0.1]}
    part = {"patches": 10, "patients": 4}
    told = {
        "split": split, "blocks": blocks, "side": 64, "regularised": regularised, "epochs": 2, "seed": 0,
        "precision": "float32", "parameters": 1000 * blocks, "patches": "f00d", "n": 10, "accuracy": figure,
        "balanced_accuracy": None, "macro_f1": figure, "malignant_sensitivity": figure, "lesion_accuracy": figure,
        "constant_answer": 0.3, "constant_answer_class": "benign_mass", "confusion_matrix": [[2] * 5] * 5,
        "siblings": {"test_lesion_patches": 8, "of_an_image_in_training": 6, "of_a_patient_in_training": 7},
        "parts": {"training": part, "validation": part, "test": part},
    }  # fmt: skip
    (folder / "figures.json").write_text(json.dumps(told), "utf-8")
    (folder / "curves.json").write_text(json.dumps([epoch(1, value), epoch(2, value)]), "utf-8")


def test_the_comparison_sets_leaky_beside_honest_and_lists_the_ablation(tmp_path: Path) -> None:
    finished_run(tmp_path / "runs" / "leaky", "patch", value=0.789)
    finished_run(tmp_path / "runs" / "honest", "patient", value=0.456)
    finished_run(tmp_path / "runs" / "three", "patient", 3, regularised=False, value=0.345)
    (tmp_path / "runs" / "begun").mkdir()
    (tmp_path / "runs" / "begun" / "run.json").write_text("{}", "utf-8")
    document = tmp_path / "docs" / "reference.md"
    told = write_comparison(tmp_path / "runs", document)
    assert told == [f"Left out, not finished: {tmp_path / 'runs' / 'begun'}"]
    text = document.read_text("utf-8")
    assert "Research use only, not a medical device" in text
    assert "| accuracy | 0.910 | 0.789 [0.689-0.889] | 0.456 [0.356-0.556] |" in text
    assert "| balanced accuracy | 0.603 | can't be told | can't be told |" in text
    assert "in training | 96.6% | 6 of 8 (75.0%) |" in text
    assert "| 3 | no | 3,000 | 0.851 | 0.345 [0.245-0.445] |" in text
    assert "| 4 | yes | 4,000 | 0.907 | 0.456 [0.356-0.556] |" in text
    assert (document.parent / "reference-curves.png").exists()


def test_runs_of_other_patches_or_epochs_never_share_a_table_and_doubles_are_refused(tmp_path: Path) -> None:
    finished_run(tmp_path / "leaky", "patch")
    finished_run(tmp_path / "honest", "patient")
    other = json.loads((tmp_path / "honest" / "figures.json").read_text("utf-8"))
    (tmp_path / "honest" / "figures.json").write_text(json.dumps({**other, "patches": "beef"}), "utf-8")
    write_comparison(tmp_path, tmp_path / "reference.md")
    assert "split by patch and by patient" not in (tmp_path / "reference.md").read_text("utf-8")
    finished_run(tmp_path / "again", "patch")
    with pytest.raises(RunsUnlike, match="same settings"):
        write_comparison(tmp_path, tmp_path / "reference.md")


def test_films_of_12_bits_give_the_patches_of_their_8_bit_copies(tmp_path: Path) -> None:
    plain, deep = (lesion_crops(tmp_path / name, patients=4) for name in ("plain", "deep"))
    for file in deep.glob("*.png"):
        cv2.imwrite(str(file), cv2.imread(str(file), cv2.IMREAD_GRAYSCALE).astype(np.uint16) * 16)
    first, second = (patch_set(folder, folder / "patches", side=64, seed=0) for folder in (plain, deep))
    assert first.fingerprint == second.fingerprint
    assert len(np.unique(np.asarray(second.pixels))) > 100


def test_a_figure_of_too_few_patients_stands_in_the_comparison_without_an_interval(tmp_path: Path) -> None:
    for split in ("patch", "patient"):
        finished_run(tmp_path / split, split)
        told = json.loads((tmp_path / split / "figures.json").read_text("utf-8"))
        told["accuracy"] = {"value": 0.5, "ci95": None}
        (tmp_path / split / "figures.json").write_text(json.dumps(told), "utf-8")
    write_comparison(tmp_path, tmp_path / "reference.md")
    text = (tmp_path / "reference.md").read_text("utf-8")
    assert "| accuracy | 0.910 | 0.500 [too few patients] | 0.500 [too few patients] |" in text


def test_without_runs_the_document_says_that_there_are_none(tmp_path: Path) -> None:
    write_comparison(tmp_path, tmp_path / "reference.md")
    assert "No run has been made yet." in (tmp_path / "reference.md").read_text("utf-8")
