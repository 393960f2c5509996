"""The report of an evaluation: Markdown, and the same as one HTML file with the pictures in it."""

import base64
import dataclasses
import html
import os
import re
from typing import Any

import markdown
import numpy as np

from beam_jobs.taxonomy import shown_name
from model.evaluation import metrics, plots
from model.evaluation.predictions import Predictions

PICTURES = "pictures"
# Of the table of confusions.
_MOST_CONFUSIONS = 12


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report, in plain text.

    Attributes:
      heading: its first line.
      paragraphs: below it.
      rows: of a table, the first one its header; none for no table.
      picture: one of those that `plots.write` writes; "" for none.
    """

    heading: str
    paragraphs: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    picture: str = ""


def write(folder: str, result: dict[str, Any], predictions: Predictions, metadata: dict[str, Any]) -> None:
    """Writes report.md, report.html and pictures/*.png into a local folder.

    Args:
      folder: an existing folder.
      result: what metrics.json says.
      predictions: the answers behind it.
      metadata: the bundle's bundle.json.
    """
    captions = plots.write(os.path.join(folder, PICTURES), result, predictions, metadata)
    sections = [part for part in _sections(result, metadata) if not part.picture or part.picture in captions]
    text = to_markdown(sections, captions)
    with open(os.path.join(folder, "report.md"), "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(folder, "report.html"), "w", encoding="utf-8") as file:
        file.write(to_html(text, sections[0].heading, folder))


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _sections(result: dict[str, Any], metadata: dict[str, Any]) -> list[Section]:
    last = metadata["phases"][-1]
    return [
        _summary(result, metadata),
        Section("Confusion matrix", ("A row is the label, a column the answer.",), picture="confusion"),
        _confusions(result),
        _wrong_clips(result),
        Section("Classes", ("“–” stands where there is nothing to count.",), _class_rows(result), "classes"),
        Section(
            "Reliability",
            (
                "How often a probability is right. On the diagonal: of the windows with a probability of 80 %, 80 % "
                "are right.",
            ),
            picture="reliability",
        ),
        Section(
            "One clip over time",
            ("The longest clip: the probability of each class at the end of each window.",),
            picture="timeline",
        ),
        Section(
            "A wrong clip over time",
            ("Of the clips with a wrong answer, the one whose answer has the highest probability.",),
            picture="timeline_wrong",
        ),
        Section(
            "Learning curves",
            (
                "The dot is the epoch whose weights were kept. Without a dot, the weights from before were better.",
                "The validation split decides when to stop. Its people are not in the training data."
                if "val_nll" in last["curves"]
                else "There was no validation split: all clips were trained on, for all epochs.",
            ),
            picture="learning_curves",
        ),
    ]


def _summary(result: dict[str, Any], metadata: dict[str, Any]) -> Section:
    split, last, num_classes = result["split"], metadata["phases"][-1], len(result["labels"])
    seen = "The bundle was trained and validated on other groups."
    if not result["never_trained_on"]:
        seen = (
            f"Of these {result['num_groups']} groups, {result['num_trained_groups']} have names of groups that the "
            f"bundle was trained on, and {result['num_validation_groups']} of groups that it was validated on."
        )
    rows: list[tuple[str, ...]] = [
        ("", "number", "clips", "answered", "groups", "accuracy", "macro F1", "NLL", "calibration error")
    ]
    for what, answered in (("windows", "num_windows"), ("clips", "num_answered")):
        part = result[what]
        counts = (part[f"num_{what}"], part["num_clips"], part[answered], part["num_groups"])
        accuracy = _percent(part["accuracy"])
        if what == "clips":
            low, high = part["accuracy_interval_95"]
            accuracy += f" ({100 * low:.1f} to {100 * high:.1f})"
        rows.append(
            (
                *(what, *map(str, counts), accuracy),
                *(_number(part["macro_f1"]), _number(part["nll"]), _number(part["ece"])),
            )
        )
    return Section(
        "Evaluation on all splits" if split == "all" else f"Evaluation on the {split} split",
        (
            f"{seen} A group is a person, or the same footage.",
            f"Network: {result['network']}, {metadata['num_parameters']:,} parameters. Training: {last['num_windows']} "
            f"windows of {last['num_clips']} clips of {last['num_groups']} groups, {last['minutes']:.1f} minutes.",
            "A clip's answer is the class with the highest mean probability over its windows. A clip without a window "
            "counts as wrong. In brackets: the 95 % interval of clip accuracy (Wilson), if clips were independent.",
            f"NLL is the negative log likelihood; a uniform guess of {num_classes} classes has "
            f"{np.log(num_classes):.3f}. The calibration error is of {metrics.NUM_BINS} bins, for clips only where "
            f"{metrics.MIN_CLIPS_FOR_CALIBRATION} or more have an answer. Macro F1 is of the classes that are there.",
            *(f"Note: {warning}" for warning in result["warnings"]),
        ),
        tuple(rows),
    )


def _confusions(result: dict[str, Any]) -> Section:
    """The most frequent wrong answers as a table, for readers of the Markdown."""
    labels = result["labels"]
    windows, clips = (np.array(result["confusion"][what]) for what in ("windows", "clips"))
    wrong = [(clips[place], windows[place], place) for place in np.ndindex(windows.shape) if place[0] != place[1]]
    wrong = sorted((entry for entry in wrong if entry[0] or entry[1]), key=lambda entry: (-entry[0], -entry[1]))
    labels = [shown_name(label) for label in labels]
    names = [*labels, "no answer"]
    rows = [(labels[row], names[column], str(c), str(w)) for c, w, (row, column) in wrong[:_MOST_CONFUSIONS]]
    if not rows:
        return Section("Most frequent wrong answers", ("None.",))
    return Section("Most frequent wrong answers", rows=(("label", "answer", "clips", "windows"), *rows))


def _wrong_clips(result: dict[str, Any]) -> Section:
    rows = [
        (c["clip"], shown_name(c["label"]), shown_name(c["answer"]), _percent(c["probability"]))
        for c in result["wrong_clips"]
    ]
    rows += [(c["clip"], shown_name(c["label"]), "no answer", "–") for c in result["unanswered_clips"]]
    if not rows:
        return Section("Wrong clips", ("None.",))
    return Section("Wrong clips", rows=(("clip", "label", "answer", "probability"), *rows))


def _class_rows(result: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    shares = ("precision", "recall")
    rows = [("class", *(f"{what}: {name}" for what in ("windows", "clips") for name in (*shares, "number", "groups")))]
    for label in result["labels"]:
        row = [shown_name(label)]
        for what in ("windows", "clips"):
            entry = result["classes"][what][label]
            row += [*(_percent(entry[name]) for name in shares), str(entry["support"]), str(entry["num_groups"])]
        rows.append(tuple(row))
    return tuple(rows)


def to_markdown(sections: list[Section], captions: dict[str, str]) -> str:
    """The sections as Markdown.

    Args:
      sections: the first one has the title.
      captions: of pictures, by name.
    """
    parts = []
    for index, section in enumerate(sections):
        parts.append(f"{'#' if index == 0 else '##'} {_escaped(section.heading)}")
        parts += map(_escaped, section.paragraphs)
        if section.rows:
            header, *body = ["| " + " | ".join(map(_escaped, row)) + " |" for row in section.rows]
            parts.append("\n".join([header, "|" + " --- |" * len(section.rows[0]), *body]))
        if section.picture:
            parts.append(f"![{captions[section.picture]}]({PICTURES}/{section.picture}.png)")
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    """Text without what Markdown or its readers take for a column, emphasis, code, a link, a formula or HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("$", "&#36;").replace("\n", " ")
    text = re.sub(r"([\\`*\[\]|])", r"\\\1", text)
    # Within a word an underscore is one.
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)


_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.25em .7em;text-align:left}
img{max-width:100%}"""


def to_html(text: str, title: str, folder: str) -> str:
    """A page of Markdown, with the pictures that lie in a folder inside it."""

    def inlined(source: re.Match[str]) -> str:
        with open(os.path.join(folder, source.group(1)), "rb") as file:
            return f'src="data:image/png;base64,{base64.b64encode(file.read()).decode()}"'

    body = re.sub(rf'src="({PICTURES}/\w+\.png)"', inlined, markdown.markdown(text, extensions=["tables"]))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )
