"""Is a source as it should be? In a word, and in a sentence that says what to do."""

from __future__ import annotations

from typing import Literal

from gateway.monitoring.weeks import Sent
from inference.drift import FEWEST_IMAGES, LARGE, MODERATE, ValidationScores, drift

FEWEST_FOR_A_SHARE = 20
"""Below this many images nothing is said of the share that was refused."""
MOST_REFUSED = 0.05
"""Above this share of refused images somebody has to look: of 2,329 mammograms at hand none is refused."""


def refused_share(sent: Sent) -> float | None:
    """Return the share of images (0..1) that were refused; None when they are too few to tell."""
    return sent.refused.total() / sent.images if sent.images >= FEWEST_FOR_A_SHARE else None


def judge(sent: Sent, validation: ValidationScores | None) -> tuple[Literal["ok", "warning"], str]:
    """Say how the scores of a source lie beside those of the validation, and how many of its images were refused."""
    bad, told = False, [f"{sent.images} images of {sent.studies} studies"]
    share = refused_share(sent)
    if share is None:
        told.append(f"refused: too few to tell ({FEWEST_FOR_A_SHARE} images needed)")
    else:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sent.refused.most_common())
        told.append(f"{share:.1%} refused" + (f" ({reasons})" if reasons else ""))
        if share > MOST_REFUSED:
            bad = True
            told.append(
                f"that is more than {MOST_REFUSED:.0%}: `mammogate show` says of each image why; have the source "
                "corrected"
            )
    if validation is None:
        told.append("drift: the model card carries no validation scores to compare with")
    elif (found := drift(sent.image_scores, validation)) is None:
        told.append(f"drift: too few to tell ({FEWEST_IMAGES} images needed)")
    else:
        told.append(f"PSI {found.psi:.2f}, KS {found.ks:.2f} (p {found.p_value:.2g}) beside the validation")
        if found.psi > LARGE:
            bad = True
            told.append(
                f"PSI above {LARGE} is a large shift: look at what has changed at the source (device, exposure, "
                "processing, who is examined) before you rely on the scores"
            )
        elif found.psi > MODERATE:
            told.append(f"PSI above {MODERATE} is a moderate shift")
    return "warning" if bad else "ok", "; ".join(told)
