"""Labels, splits, the leak guard, and training from a folder to a model that reads."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.card import read_model_info
from inference.classes import ClassName
from inference.embedded import EmbeddedEngine
from inference.evaluate import evaluate
from inference.same_run import RunDiffers
from inference.train import train
from inference.training.films import Film, read_films, set_into
from inference.training.labels import LabelsUnusable, PictureUnreadable, Row, read_labels
from inference.training.samples import Sample, lesion_shapes, read_samples
from inference.training.split import LeakFound, fold_of_patients, guard_against_leaks
from inference.training.windows import items, windows_to_learn, windows_to_read
from preprocessing.patches import FINE, SCALES
from tests.inference.labelled_folders import crop, lesion_crops, normal_views, write_labels
from tests.peers.synthetic import mammogram, write


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained for a moment on drawn tissue."""
    folder = tmp_path_factory.mktemp("training")
    lesion_crops(folder / "data" / "lesions", patients=8)
    normal_views(folder / "data" / "normals", patients=2)
    told: list[str] = []
    train(folder / "data", folder / "model", seed=1, seeds=2, folds=(0,), steps=2, draws=5, progress=told.append)
    assert any("step 2" in sentence for sentence in told)
    return folder


def test_training_writes_everything_a_model_needs(trained: Path) -> None:
    written = {file.name for file in (trained / "model").iterdir()}
    assert written >= {
        "model.onnx", "card.json", "card.md", "curves.png", "confusion.png", "reliability.png", "roc.png",
        "examples.png",
    }  # fmt: skip
    card = json.loads((trained / "model" / "card.json").read_text(encoding="utf-8"))
    assert card["recipe"]["seeds"] == [1, 2]
    assert set(card["figures"]["lesion_malignancy_auroc_of_one_network"]) == {"value", "ci95"}
    learnt = card["figures"]["lesion_malignancy_auroc_on_what_was_learnt"]
    assert all(0.0 <= learnt[name] <= 1.0 for name in ("what ships", "the first fold's network"))
    assert card["split"]["patients"] == 10
    assert set(card["figures"]["normal_recall"]) >= {"a woman left out"}
    assert "Research use only" in (trained / "model" / "card.md").read_text(encoding="utf-8")


def test_a_model_just_trained_reads_mammograms(trained: Path, tmp_path: Path) -> None:
    engine = EmbeddedEngine(trained / "model", threads=2)
    assert engine.model == read_model_info(trained / "model")
    assert engine.read(write(mammogram(), tmp_path / "image.dcm")).result.label is not None


def test_training_again_in_the_same_folder_computes_nothing_twice(trained: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (trained / "model" / "work").rglob("*") if file.is_file()}
    card = (trained / "model" / "card.json").read_text(encoding="utf-8")
    told: list[str] = []
    train(trained / "data", trained / "model", seed=1, seeds=2, folds=(0,), steps=2, draws=5, progress=told.append)
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert not any("step" in sentence for sentence in told)
    assert (trained / "model" / "card.json").read_text(encoding="utf-8") == card


def test_going_on_with_other_images_labels_or_another_length_is_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained / "data", tmp_path / "data")
    folder = tmp_path / "model"
    (folder / "work").mkdir(parents=True)
    shutil.copy(trained / "model" / "work" / "run.json", folder / "work")
    with pytest.raises(RunDiffers, match="steps 2 instead of 3"):
        train(tmp_path / "data", folder, seeds=1, folds=(0,), steps=3)
    picture = next((tmp_path / "data" / "lesions").rglob("*.png"))
    picture.write_bytes(picture.read_bytes() + b"x")
    with pytest.raises(RunDiffers, match="data"):
        train(tmp_path / "data", folder, seeds=1, folds=(0,), steps=2)


def test_the_heads_learn_alone_first_and_then_everything_that_is_not_frozen(trained: Path, tmp_path: Path) -> None:
    from inference.network import HEADS
    from inference.training.features import Features
    from inference.training.fit import Fit, fit

    features = Features(trained / "model" / "work" / "features", 1)
    learn = np.flatnonzero([record.use == "learn" for record in features.records])
    weights: list[list[bytes]] = []

    def look(text: str) -> None:
        with np.load(tmp_path / "run" / "state.npz") as state:
            weights.append([state[name].tobytes() for name in sorted(set(state.files) - {"done"})])

    network = fit(features, Fit(3, 16, learn, learn[:0], kept_every=1), tmp_path / "run", look)
    trainable = {id(variable) for variable in network.trainable_variables}
    places = [place for place, variable in enumerate(network.variables) if id(variable) in trainable]
    heads = {id(variable) for variable in network.get_layer(HEADS).trainable_variables}
    moved = {
        step: {id(network.variables[place]) for place in places if weights[step][place] != weights[step - 1][place]}
        for step in (1, 2, 3)
    }
    assert moved[1] == heads  # the second of two steps of sixteen: an eighth
    assert moved[2] == moved[3] == trainable


@pytest.mark.long  # the ordinary run has it of the reference: test_reference.py
def test_a_run_that_was_cut_off_ends_as_if_it_never_was(trained: Path, tmp_path: Path) -> None:
    from inference.training.features import Features
    from inference.training.fit import Fit, fit

    features = Features(trained / "model" / "work" / "features", 1)
    learn = np.flatnonzero([record.use == "learn" for record in features.records])
    what = Fit(seed=3, steps=4, learn=learn, watch=learn[:4], kept_every=2)
    whole = fit(features, what, tmp_path / "whole", lambda text: None)

    def cut_off(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(features, what, tmp_path / "cut", cut_off)
    assert len(json.loads((tmp_path / "cut" / "curve.json").read_text(encoding="utf-8"))) == 1
    again = fit(features, what, tmp_path / "cut", lambda text: None)
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(one, other)
    curve = json.loads((tmp_path / "cut" / "curve.json").read_text(encoding="utf-8"))
    assert [row["step"] for row in curve] == [2, 4]


def test_the_same_seed_deals_the_patients_alike_and_another_differently(trained: Path) -> None:
    rows = read_labels(trained / "data")
    assert fold_of_patients(rows, 5, 1) == fold_of_patients(rows, 5, 1)
    assert fold_of_patients(rows, 5, 1) != fold_of_patients(rows, 5, 2)


def test_evaluation_answers_in_the_agreed_shape_with_null_where_the_data_cannot_tell(tmp_path: Path) -> None:
    figures = evaluate(lesion_crops(tmp_path / "lesions", patients=8), threads=2, draws=20).figures
    assert list(figures)[:10] == [
        "model_version", "n", "patients", "counts", "lesion_malignancy_auroc", "lesion_balanced_accuracy",
        "balanced_accuracy", "macro_f1", "ece", "brier",
    ]  # fmt: skip
    assert (figures["n"], figures["patients"], figures["counts"]["normal"]) == (8, 8, 0)
    low, high = figures["lesion_malignancy_auroc"]["ci95"]
    assert 0.0 <= low <= high <= 1.0
    assert figures["balanced_accuracy"] is None
    assert figures["macro_f1"] is None
    assert figures["per_class"]["normal"]["sensitivity"] is None
    assert np.asarray(figures["confusion_matrix"]).sum() == 8
    json.dumps(figures)


def test_thumb_nails_are_left_out_of_evaluation_and_whole_films_are_pooled(tmp_path: Path) -> None:
    normal_views(tmp_path / "normals", patients=1)
    cv2.imwrite(str(tmp_path / "thumb.png"), np.zeros((353, 197), dtype=np.uint8))
    write_labels(tmp_path, [{"file": "thumb.png", "patient_id": "T", "label5": "normal", "kind": "thumb"}])
    figures = evaluate(tmp_path, threads=2, draws=5).figures
    assert figures["n"] == 1
    assert len(figures["left_out"]) == 1
    assert figures["lesion_malignancy_auroc"] is None
    marks = figures["marks_per_normal_view"]
    assert set(marks) == {"operating point", "1", "2", "4"}
    assert marks["4"] >= marks["2"] >= marks["1"] >= 0.0, "a lower threshold marks more"


def test_a_folder_without_labels_or_with_bad_ones_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(LabelsUnusable, match=r"no labels\.csv"):
        read_labels(tmp_path)
    write_labels(tmp_path, [{"file": "a.png", "patient_id": "P"}])
    with pytest.raises(LabelsUnusable, match="no column label5"):
        read_labels(tmp_path)
    write_labels(tmp_path, [{"file": "a.png", "patient_id": "P", "label5": "cancer"}])
    with pytest.raises(LabelsUnusable, match="unknown class 'cancer'"):
        read_labels(tmp_path)
    write_labels(tmp_path, [{"file": "a.png", "patient_id": "P", "label5": "normal", "kind": "half"}])
    with pytest.raises(LabelsUnusable, match="unknown kind"):
        read_labels(tmp_path)
    write_labels(tmp_path, [{"file": "a.png", "patient_id": "P", "label5": "normal"}])
    with pytest.raises(LabelsUnusable, match="fewer than two patients"):
        train(tmp_path, tmp_path / "out")


def test_a_picture_of_the_training_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("broken.png", "absent.png"):
        row = Row(tmp_path / name, "P", "benign_mass", "crop", "", "")
        with pytest.raises(PictureUnreadable, match=name):
            lesion_shapes([row])
        with pytest.raises(PictureUnreadable, match=name):
            list(read_samples([row], (), print))


def rows_of(patients: int, images: int) -> list[Row]:
    return [
        Row(
            Path(f"{patient}_{image}"),
            f"P_{patient}",
            "benign_mass" if patient % 3 else "malignant_mass",
            "crop",
            "",
            "",
        )
        for patient in range(patients)
        for image in range(images)
    ]


def test_all_images_of_a_patient_are_in_one_fold_and_every_fold_has_both_kinds() -> None:
    rows = rows_of(60, 3)
    fold = fold_of_patients(rows, 5, seed=0)
    assert set(fold) == {row.patient_id for row in rows}
    for number in range(5):
        labels = {row.label for row in rows if fold[row.patient_id] == number}
        assert labels == {"benign_mass", "malignant_mass"}


def test_the_leak_guard_names_the_patient_and_the_pixels_that_stand_on_both_sides() -> None:
    guard_against_leaks({"training": [("P_1", "a")], "validation": [("P_2", "b")]})
    with pytest.raises(LeakFound, match=r"same patient.*P_1 \(training and validation\)"):
        guard_against_leaks({"training": [("P_1", "a")], "validation": [("P_1", "b")]})
    with pytest.raises(LeakFound, match=r"identical pixels.*P_2"):
        guard_against_leaks({"training": [("P_1", "a")], "validation": [("P_2", "a")]})


def test_training_stops_when_two_patients_share_the_same_pixels(tmp_path: Path) -> None:
    picture = crop("benign_mass", seed=0)
    rows = []
    for number in range(10):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
        rows.append({"file": f"{number}.png", "patient_id": f"P_{number}", "label5": "benign_mass"})
    write_labels(tmp_path, rows)
    with pytest.raises(LeakFound, match="identical pixels"):
        train(tmp_path, tmp_path / "out", steps=1)


def test_blank_crops_are_left_out_of_training_and_said(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 300), 200, dtype=np.uint8))
    told: list[str] = []
    row = Row(tmp_path / "blank.png", "P", "benign_mass", "crop", "", "")
    assert list(read_samples([row], (), told.append)) == []
    assert "blank.png" in told[0]


def test_training_windows_differ_every_time_and_stay_in_range(tmp_path: Path) -> None:
    sample = only_sample(tmp_path, "malignant_mass")
    for scale in SCALES:
        learnt = windows_to_learn(sample, scale, (), np.random.default_rng(0))
        first, second, *_ = windows = [one.window for one in learnt]
        assert {window.shape for window in windows} == {(scale.side, scale.side)}
        assert not np.array_equal(first, second)
        assert all(0.0 <= window.min() <= window.max() <= 1.0 for window in windows)
        assert np.array_equal(first, windows_to_learn(sample, scale, (), np.random.default_rng(0))[0].window)


def test_the_places_by_which_a_crop_is_read_do_not_depend_on_its_label(tmp_path: Path) -> None:
    pixels = crop("benign_calcification", seed=0, side=900)
    samples = [only_sample(tmp_path, label, pixels) for label in ("benign_calcification", "malignant_mass")]
    for scale in SCALES:
        one, other = (windows_to_read(sample, items(sample)[0], scale) for sample in samples)
        assert len(one) > 2
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_normal_views_are_asked_twice_the_second_time_half_a_pixel_away(tmp_path: Path) -> None:
    (sample,) = read_samples(read_labels(normal_views(tmp_path, patients=1)), (), print)
    asked = items(sample)
    assert [item.shifted for item in asked] == [False] * 40 + [True] * 40
    plain, shifted = (windows_to_read(sample, asked[place], FINE)[0] for place in (0, 40))
    assert 0.0 < np.abs(plain - shifted).mean() < 0.05


def test_a_normal_film_also_gives_crops_of_the_sizes_that_lesions_have(tmp_path: Path) -> None:
    shapes = [(120, 200), (300, 260)]
    film, *cuts = read_samples(read_labels(normal_views(tmp_path, patients=1)), shapes, print)
    assert {cut.origin for cut in cuts} == {"film normal cut"}
    assert {cut.reduced["fine"].shape for cut in cuts} == {(60, 100), (150, 130)}
    assert {cut.pixel_hash for cut in cuts} == {film.pixel_hash}, "the guard must know them for the same film"
    learnt = [cut for cut in cuts if cut.use == "learn"]
    held = [cut for cut in cuts if cut.use == "read"]
    assert (len(learnt), len(held)) == (40, 20)
    assert not items(learnt[0])
    assert len(items(held[0])) == 1
    assert not windows_to_learn(held[0], FINE, (), np.random.default_rng(0))


def test_half_the_windows_of_a_small_picture_show_it_amid_another_womans_tissue(tmp_path: Path) -> None:
    films = read_films(read_labels(normal_views(tmp_path / "normals", patients=2)))
    small = only_sample(tmp_path, "malignant_mass", crop("malignant_mass", seed=0, side=160))
    learnt = windows_to_learn(small, FINE, films, np.random.default_rng(0))
    assert [bool(one.donor) for one in learnt] == [False, True] * 4
    assert {one.donor for one in learnt} <= {"", "N_000", "N_001"}
    own = windows_to_learn(replace(small, patient_id="N_000"), FINE, films, np.random.default_rng(0))
    assert {one.donor for one in own} == {"", "N_001"}
    large = only_sample(tmp_path, "malignant_mass", crop("malignant_mass", seed=0, side=900))
    assert not any(one.donor for one in windows_to_learn(large, FINE, films, np.random.default_rng(0)))


@given(height=st.integers(8, 200), width=st.integers(8, 200), level=st.floats(0.1, 0.9), seed=st.integers(0, 2**32 - 1))
def test_a_picture_set_into_a_film_keeps_its_middle_and_leaves_the_film_beyond_it(
    height: int, width: int, level: float, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    tissue = np.full((600, 500), level, dtype=np.float32) + generator.normal(0, 0.02, (600, 500)).astype(np.float32)
    film = Film("N", {"fine": tissue}, ((150.0, 120.0),))
    picture = generator.normal(0.5, 0.01, (height, width)).astype(np.float32)
    picture[height // 2, width // 2] = 4.0
    amid, (x, y) = set_into(film, picture, FINE, generator)
    brightest = np.unravel_index(int(amid.argmax()), amid.shape)
    assert abs(brightest[0] - y) <= 1.0
    assert abs(brightest[1] - x) <= 1.0
    assert amid.shape[0] == amid.shape[1] == max(height, width) + 2 * (FINE.side + 112)
    assert np.isfinite(amid).all()


def test_nothing_is_learnt_from_a_window_whose_surroundings_are_of_a_woman_held_out(trained: Path) -> None:
    from inference.training.cross_validate import learnt_from
    from inference.training.features import Features

    features = Features(trained / "model" / "work" / "features", 1)
    donors = {record.donor for record in features.records} - {""}
    assert donors == {"N_000", "N_001"}
    fold_of = {record.patient_id: 1 for record in features.records} | {"N_000": 0}
    numbers = learnt_from(features, fold_of, 0)
    assert len(numbers)
    assert all("N_000" not in (features.records[n].donor, features.records[n].patient_id) for n in numbers)
    assert any(features.records[n].donor == "N_001" for n in numbers)


def only_sample(folder: Path, label: ClassName, pixels: np.ndarray | None = None) -> Sample:
    cv2.imwrite(str(folder / "a.png"), crop(label, seed=0) if pixels is None else pixels)
    sample, *_ = read_samples([Row(folder / "a.png", "P", label, "crop", "", "")], (), print)
    return sample
