"""The report of an evaluation: Markdown, and one HTML file with the pictures in it."""

import base64
import html
import os
import re
from typing import Any

import numpy as np

from model.evaluation import metrics, plots
from model.evaluation.predictions import Predictions

PICTURES = "pictures"


def write(folder: str, figures: dict[str, Any], judged: Predictions, metadata: dict[str, Any]) -> None:
    """Writes report.md, report.html and pictures/*.png into a local folder.

    Args:
      folder: there already.
      figures: what metrics.json says.
      judged: the answers behind them.
      metadata: the bundle's bundle.json.
    """
    captions = plots.write(os.path.join(folder, PICTURES), figures, judged, metadata)
    blocks = [block for block in _blocks(figures, metadata) if not block[3] or block[3] in captions]
    with open(os.path.join(folder, "report.md"), "w", encoding="utf-8") as file:
        file.write(_markdown(blocks, captions))
    with open(os.path.join(folder, "report.html"), "w", encoding="utf-8") as file:
        file.write(_html(blocks, captions, folder))


# A block is a heading, paragraphs, a table (its first row the heads; none: empty) and a picture's name ('': none).
_Block = tuple[str, list[str], list[list[str]], str]


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _blocks(figures: dict[str, Any], metadata: dict[str, Any]) -> list[_Block]:
    seen = (
        "None of these groups was trained on."
        if figures["never_trained_on"]
        else f"{figures['num_trained_groups']} of these {figures['num_groups']} groups have the names of groups that "
        f"the bundle was trained on, {figures['num_validation_groups']} of groups by which training was stopped."
    )
    last = metadata["phases"][-1]
    num_classes = len(figures["labels"])
    summary = [["", "count", "clips", "answered", "groups", "accuracy", "macro F1", "NLL", "calibration error"]]
    low, high = figures["clips"]["accuracy_interval_95"]
    for what in ("windows", "clips"):
        part = figures[what]
        summary.append(
            [
                what,
                str(part[f"num_{what}"]),
                str(part["num_clips"]),
                str(part[f"num_{'answered' if what == 'clips' else what}"]),
                str(part["num_groups"]),
                _share(part["accuracy"]) + (f" ({100 * low:.1f} to {100 * high:.1f})" if what == "clips" else ""),
                _number(part["macro_f1"]),
                _number(part["nll"]),
                _number(part["ece"]),
            ]
        )
    blocks: list[_Block] = [
        (
            f"Evaluation on the {figures['split']} split" if figures["split"] != "all" else "Evaluation on all splits",
            [
                f"{seen} Network: {figures['network']}, {metadata['num_parameters']:,} parameters, trained on "
                f"{last['num_windows']} windows of {last['num_clips']} clips of {last['num_groups']} groups in "
                f"{last['minutes']:.1f} minutes.",
                f"A uniform guess over the {num_classes} classes has an NLL of {np.log(num_classes):.3f}. A clip's "
                "answer is the mean of its windows' probabilities; a clip without a window counts as wrong in accuracy "
                "and F1; NLL and calibration error are of the answered clips. Macro F1 is over the classes present. "
                f"Calibration error: {metrics.NUM_BINS} bins; of clips only where "
                f"{metrics.MIN_CLIPS_FOR_CALIBRATION} or more are answered, for with fewer chance decides it. In "
                "brackets the 95 % interval of clip accuracy (Wilson), as if clips did not share people.",
                *(f"Note: {warning}" for warning in figures["warnings"]),
            ],
            summary,
            "",
        ),
        ("Confusion", ["Rows are the truth, columns the answers."], [], "confusion"),
        ("Classes", ["– where there is nothing to count."], _class_rows(figures), "classes"),
        (
            "Reliability",
            ["Bars on the diagonal: of the windows answered with 80 %, 80 % are right."],
            [],
            "reliability",
        ),
        (
            "One clip over time",
            ["The probability of each class, at the end of each window, of the longest clip."],
            [],
            "timeline",
        ),
        (
            "A clip that went wrong over time",
            ["Of those answered wrong, the one that was answered with the highest probability."],
            [],
            "timeline_wrong",
        ),
        (
            "Learning",
            [
                "The dot is the epoch whose weights stayed; none where fine-tuning kept those it started from.",
                "Validation is by groups apart; its loss (NLL) decides when to stop and which weights stay."
                if "val_nll" in last["curves"]
                else "Everything was trained on, for all the epochs: there is no validation.",
            ],
            [],
            "learning_curves",
        ),
    ]
    wrong = [["clip", "truth", "answer", "probability"]]
    wrong += [[c["clip"], c["label"], c["answer"], _share(c["probability"])] for c in figures["wrong_clips"]]
    wrong += [[name, "", "no answer", ""] for name in figures["unanswered_clips"]]
    blocks.append(("Clips that went wrong", [] if len(wrong) > 1 else ["None."], wrong if len(wrong) > 1 else [], ""))
    return blocks


_SHARES = ("precision", "recall")


def _class_rows(figures: dict[str, Any]) -> list[list[str]]:
    rows = [["class", *(f"{what}: {name}" for what in ("windows", "clips") for name in (*_SHARES, "count", "groups"))]]
    for label in figures["labels"]:
        row = [label]
        for what in ("windows", "clips"):
            entry = figures["classes"][what][label]
            row += [*(_share(entry[name]) for name in _SHARES), str(entry["support"]), str(entry["num_groups"])]
        rows.append(row)
    return rows


def _markdown(blocks: list[_Block], captions: dict[str, str]) -> str:
    def escaped(text: str) -> str:
        # What Markdown or its readers would take for a column, a formula, or HTML.
        return re.sub(r"([|$<\\])", r"\\\1", text).replace("\n", " ")

    parts = []
    for index, (heading, paragraphs, rows, picture) in enumerate(blocks):
        parts.append(f"{'#' if index == 0 else '##'} {heading}")
        parts += map(escaped, paragraphs)
        if rows:
            head, *body = ["| " + " | ".join(escaped(text) for text in row) + " |" for row in rows]
            parts.append("\n".join([head, "|" + " --- |" * len(rows[0]), *body]))
        if picture:
            parts.append(f"![{captions[picture]}]({PICTURES}/{picture}.png)")
    return "\n\n".join(parts) + "\n"


_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.25em .7em;text-align:left}
img{max-width:100%}"""


def _html(blocks: list[_Block], captions: dict[str, str], folder: str) -> str:
    parts = []
    for index, (heading, paragraphs, rows, picture) in enumerate(blocks):
        level = "h1" if index == 0 else "h2"
        parts.append(f"<{level}>{html.escape(heading)}</{level}>")
        parts += [f"<p>{html.escape(text)}</p>" for text in paragraphs]
        if rows:
            lines = [
                "<tr>" + "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in row) + "</tr>"
                for row, tag in zip(rows, ["th"] + ["td"] * (len(rows) - 1), strict=True)
            ]
            parts.append("<table>" + "\n".join(lines) + "</table>")
        if picture:
            with open(os.path.join(folder, PICTURES, f"{picture}.png"), "rb") as file:
                data = base64.b64encode(file.read()).decode()
            parts.append(f'<img alt="{html.escape(captions[picture])}" src="data:image/png;base64,{data}">')
    title = html.escape(blocks[0][0])
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )
