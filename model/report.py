"""The report of an evaluation: Markdown, and one HTML file with the pictures in it."""

import base64
import html
import os
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from model import metrics
from model.evaluate import Judged

PICTURES = "pictures"
_DPI = 110


def write(folder: str, figures: dict[str, Any], judged: Judged, metadata: dict[str, Any]) -> None:
    """Writes report.md, report.html and pictures/*.png into a local folder.

    Args:
      folder: there already.
      figures: what metrics.json says.
      judged: the answers behind them.
      metadata: the bundle's bundle.json.
    """
    os.makedirs(os.path.join(folder, PICTURES))
    pictures = {
        "learning_curves": (_learning_curves(metadata["phases"]), "Learning curves"),
        "confusion": (_confusion(figures), "Confusion matrix"),
        "classes": (_classes(figures), "Precision and recall"),
        "reliability": (_reliability(figures), "Reliability: is it right as often as it says?"),
        "timeline": (_timeline(judged), "Timeline of one clip"),
    }
    for name, (figure, _) in pictures.items():
        figure.savefig(os.path.join(folder, PICTURES, f"{name}.png"), dpi=_DPI, bbox_inches="tight")
        plt.close(figure)
    blocks = _blocks(figures, metadata)
    captions = {name: caption for name, (_, caption) in pictures.items()}
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
    summary = [["", "count", "groups", "accuracy", "macro F1", "NLL", "calibration error"]]
    for what in ("windows", "clips"):
        part = figures[what]
        summary.append(
            [
                what,
                str(part[f"num_{what}"]),
                str(part["num_groups"]),
                _share(part["accuracy"]),
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
                "and F1. Macro F1 is over the classes present. Calibration error: 15 bins.",
                *(f"Note: {warning}" for warning in figures["warnings"]),
            ],
            summary,
            "",
        ),
        ("Confusion", ["Rows are the truth, columns the answers."], [], "confusion"),
        ("Classes", [], _class_rows(figures), "classes"),
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
            "Learning",
            ["Validation is by groups apart; its loss (NLL) decides when to stop and which weights stay."],
            [],
            "learning_curves",
        ),
    ]
    wrong = [["clip", "truth", "answer", "probability"]]
    wrong += [[c["video_id"], c["label"], c["answer"], _share(c["probability"])] for c in figures["wrong_clips"]]
    wrong += [[video_id, "", "no answer", ""] for video_id in figures["unanswered_clips"]]
    blocks.append(("Clips that went wrong", [] if len(wrong) > 1 else ["None."], wrong if len(wrong) > 1 else [], ""))
    return blocks


def _class_rows(figures: dict[str, Any]) -> list[list[str]]:
    rows = [
        ["class", *(f"{what}: {name}" for what in ("windows", "clips") for name in ("precision", "recall", "count"))]
    ]
    for label in figures["labels"]:
        row = [label]
        for what in ("windows", "clips"):
            entry = figures["classes"][what][label]
            recall = entry["recall"] if entry["support"] else None
            row += [_share(entry["precision"]), _share(recall), str(entry["support"])]
        rows.append(row)
    return rows


def _markdown(blocks: list[_Block], captions: dict[str, str]) -> str:
    def cell(text: str) -> str:
        return text.replace("|", "\\|").replace("\n", " ")

    parts = []
    for index, (heading, paragraphs, rows, picture) in enumerate(blocks):
        parts.append(f"{'#' if index == 0 else '##'} {heading}")
        parts += paragraphs
        if rows:
            head, *body = ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
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


def _learning_curves(phases: list[dict[str, Any]]) -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    start = 0
    for phase in phases:
        curves = phase["curves"]
        epochs = np.arange(1, len(curves["nll"]) + 1) + start
        for axis, name in zip(axes, ("nll", "accuracy"), strict=True):
            axis.plot(epochs, curves[name], color="tab:blue")
            axis.plot(epochs, curves[f"val_{name}"], color="tab:orange")
        best = int(np.nanargmin(curves["val_nll"]))
        axes[0].plot(epochs[best], curves["val_nll"][best], "o", color="tab:orange")
        if start:
            for axis in axes:
                axis.axvline(start + 0.5, color="gray", linestyle=":")
        start = int(epochs[-1])
    axes[0].set_ylabel("loss (NLL)")
    axes[1].set_ylabel("accuracy")
    for axis in axes:
        axis.set_xlabel("epoch" if len(phases) == 1 else "epoch (dotted: fine-tuning begins)")
        axis.legend(["training (augmented)", "validation"])
    return figure


def _confusion(figures: dict[str, Any]) -> Figure:
    labels = figures["labels"]
    size = 2.4 + 0.42 * len(labels)
    figure, axes = plt.subplots(1, 2, figsize=(2 * size, size), layout="constrained")
    for axis, what in zip(axes, ("windows", "clips"), strict=True):
        counts = np.array(figures["confusion"][what])
        columns = [*labels, "no answer"]
        if not counts[:, -1].any():
            counts, columns = counts[:, :-1], labels
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.argwhere(counts):
            axis.text(
                column,
                row,
                counts[row, column],
                ha="center",
                va="center",
                fontsize=7,
                color="white" if shares[row, column] > 0.5 else "black",
            )
        axis.set_xticks(range(len(columns)), columns, rotation=90, fontsize=8)
        axis.set_yticks(range(len(labels)), labels, fontsize=8)
        axis.set_title(what, fontsize=10)
        axis.set_xlabel("answer")
        axis.set_ylabel("truth")
    return figure


def _classes(figures: dict[str, Any]) -> Figure:
    labels = figures["labels"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 1.2 + 0.32 * len(labels)), layout="constrained", sharey=True)
    for axis, what in zip(axes, ("windows", "clips"), strict=True):
        entries = [figures["classes"][what][label] for label in labels]
        for offset, name in ((-0.2, "precision"), (0.2, "recall")):
            values = [(entry[name] or 0.0) if entry["support"] or name == "precision" else 0.0 for entry in entries]
            axis.barh(np.arange(len(labels)) + offset, values, 0.38, label=name)
        axis.set_xlim(0, 1)
        axis.set_title(what, fontsize=10)
    supports = [figures["classes"]["clips"][label]["support"] for label in labels]
    named = [f"{label} ({count} clips)" for label, count in zip(labels, supports, strict=True)]
    axes[0].set_yticks(range(len(labels)), named)
    axes[0].invert_yaxis()
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    return figure


def _reliability(figures: dict[str, Any]) -> Figure:
    bins = figures["reliability"]["windows"]
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(4.6, 5.4), layout="constrained", sharex=True, height_ratios=(3, 1)
    )
    width = 1 / metrics.NUM_BINS
    lows = [entry["low"] for entry in bins]
    above.bar(lows, [entry["accuracy"] for entry in bins], width, align="edge", edgecolor="white")
    above.plot([0, 1], [0, 1], color="gray", linestyle="--")
    above.plot([entry["confidence"] for entry in bins], [entry["accuracy"] for entry in bins], "o", color="black", ms=3)
    above.set_ylabel("share right")
    above.set_title(f"windows, calibration error {figures['windows']['ece']:.3f}", fontsize=10)
    below.bar(lows, [entry["count"] for entry in bins], width, align="edge", edgecolor="white", color="gray")
    below.set_xlabel("probability of the answer")
    below.set_ylabel("windows")
    return figure


def _timeline(judged: Judged) -> Figure:
    data = judged.data
    counts = np.bincount(data.clip[judged.judged], minlength=len(data.clips))
    chosen = int(counts.argmax())
    clip = data.clips[chosen]
    windows = data.clip == chosen
    times = data.timestamp_ms[data.positions[windows, -1]] / 1000
    probabilities = judged.probabilities[windows]
    figure, axis = plt.subplots(figsize=(9, 3.2), layout="constrained")
    colors = plt.get_cmap("tab20")
    for index, label in enumerate(judged.labels):
        true = label == clip.label
        # The truth, and whatever was ever likely: more would hide these.
        if true or probabilities[:, index].max() > 0.2:
            axis.plot(
                times,
                probabilities[:, index],
                label=f"{label} (truth)" if true else label,
                color=colors(index % 20),
                linewidth=2.4 if true else 1,
            )
    wrong = probabilities.argmax(axis=1) != judged.truth[windows]
    axis.plot(times[wrong], np.full(wrong.sum(), -0.03), "|", color="tab:red", label="wrong" if wrong.any() else None)
    axis.set_ylim(-0.06, 1.02)
    axis.set_xlabel("time in the clip (s)")
    axis.set_ylabel("probability")
    axis.set_title(clip.video_id, fontsize=9)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    return figure
