"""Training the reference, from labelled folders to the figures of a run."""

from pathlib import Path
from typing import Final

from inference.files import replace_json
from inference.metrics import DRAWS
from inference.reference.patch_set import patch_set
from inference.reference.run import FIGURES_FILE, RunSettings, Watch, open_run
from inference.reference.split import split_patches
from inference.training.threads import limit_threads

PATCHES_FOLDER: Final = "patches"


def train_reference(
    data_dir: Path,
    out_dir: Path,
    settings: RunSettings,
    watch: Watch,
    *,
    patches_dir: Path | None = None,
    draws: int = DRAWS,
) -> Path:
    """Train on every `labels.csv` below `data_dir`; returns the path of the run's `figures.json`.

    The same call goes on where an earlier one was ended, by whatever. `patches_dir` lets runs share their patches;
    by default they are in `out_dir`. Raises LabelsUnusable, LeakFound, PatchesDiffer, RunDiffers.
    """
    limit_threads()
    out_dir.mkdir(parents=True, exist_ok=True)
    patches = patch_set(
        data_dir,
        patches_dir or out_dir / PATCHES_FOLDER,
        side=settings.side,
        seed=settings.seed,
        advanced=lambda done, of: watch.advanced("patches", done, of),
    )
    open_run(out_dir, settings, patches.fingerprint)
    figures_file = out_dir / FIGURES_FILE
    if figures_file.exists():
        watch.told(f"The run in {out_dir} is finished.")
        return figures_file
    parts = split_patches(patches, settings.split, settings.seed)
    counts = ", ".join(f"{len(members)} for {name}" for name, members in parts.items())
    watch.told(
        f"{len(patches.patches)} patches, {len(patches.left_out)} images left out; by {settings.split}: {counts}."
    )
    from inference.reference.figures import figures_of_run
    from inference.reference.fit import fit_network, probabilities  # TensorFlow starts only now

    network = fit_network(patches, parts, settings, out_dir, watch)
    answers = probabilities(network, patches, parts["test"])
    replace_json(
        figures_file, figures_of_run(answers, patches, parts, settings, int(network.count_params()), draws=draws)
    )
    return figures_file
