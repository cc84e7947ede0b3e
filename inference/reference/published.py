"""What the reference published: its size, its figures, and the figures computed from its confusion matrix."""

from typing import Final

BLOCKS: Final = 4
MOST_BLOCKS: Final = 5
SIDE: Final = 256
PARAMETERS: Final = 17_955_301

FIGURES: Final = {
    "accuracy": 0.91039,
    "balanced_accuracy": 0.603,
    "macro_f1": 0.624,
    "malignant_sensitivity": 0.472,
    "lesion_accuracy": 0.529,
    "constant_answer": 0.83,
}
"""40,633 patches of DDSM and CBIS-DDSM, 83 % of them normal, split by patch. All but accuracy are computed from the
confusion matrix that it shows."""
SIBLINGS: Final = 0.966
"""Part of its lesion test patches that have a sibling crop of the same lesion in training."""

ABLATION: Final = {
    (1, False): 0.821,
    (2, False): 0.845,
    (3, False): 0.851,
    (3, True): 0.895,
    (4, True): 0.907,
}
"""(blocks, with batch normalisation and dropout) to accuracy."""


class SizeUnusable(ValueError):
    """There is no reference network of this size."""


def check_size(side: int, blocks: int) -> None:
    """Raise SizeUnusable unless there are 1 to 5 blocks and every one of them can halve the patch."""
    if not 1 <= blocks <= MOST_BLOCKS:
        raise SizeUnusable(f"The reference has 1 to {MOST_BLOCKS} blocks, not {blocks}.")
    if side < 2**blocks or side % 2**blocks:
        raise SizeUnusable(f"With {blocks} blocks the patch's side must be a multiple of {2**blocks}, not {side}.")
