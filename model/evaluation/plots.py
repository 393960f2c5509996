"""The pictures of a report."""

import os
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from beam_jobs.taxonomy import shown_name
from model.evaluation import metrics
from model.evaluation.predictions import Predictions

_DPI = 110


def write(folder: str, result: dict[str, Any], predictions: Predictions, metadata: dict[str, Any]) -> dict[str, str]:
    """Writes the pictures as <name>.png.

    Args:
      folder: is made.
      result: what metrics.json says.
      predictions: the answers behind them.
      metadata: the bundle's bundle.json.

    Returns:
      Each picture's caption, by its name; `timeline_wrong` only where a clip was answered wrong.
    """
    os.makedirs(folder)
    stride = metadata["window"]["stride"]
    # Names of clips and exercises are no formulas, whatever signs they have.
    with plt.rc_context({"text.parse_math": False}):
        pictures = {
            "learning_curves": (_learning_curves(metadata["phases"]), "Learning curves"),
            "confusion": (_confusion(result), "Confusion matrix"),
            "classes": (_classes(result), "Precision and recall"),
            "reliability": (_reliability(result), "Reliability: accuracy by confidence"),
            "timeline": (timeline(predictions, longest_clip(predictions), stride), "Timeline of one clip"),
        }
        if (wrong := most_wrong_clip(predictions)) is not None:
            pictures["timeline_wrong"] = (timeline(predictions, wrong, stride), "Timeline of a clip that went wrong")
        for name, (figure, _) in pictures.items():
            figure.savefig(os.path.join(folder, f"{name}.png"), dpi=_DPI, bbox_inches="tight")
            plt.close(figure)
    return {name: caption for name, (_, caption) in pictures.items()}


def _learning_curves(phases: list[dict[str, Any]]) -> Figure:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    start = 0
    for phase in phases:
        # None, where a figure was not a number, becomes NaN: a break in the line.
        curves = {name: np.array(values, float) for name, values in phase["curves"].items()}
        epochs = np.arange(1, len(curves["nll"]) + 1) + start
        for axis, name in zip(axes, ("nll", "accuracy"), strict=True):
            axis.plot(epochs, curves[name], color="tab:blue", label="" if start else "training (augmented)")
            if f"val_{name}" in curves:
                shown = "" if axis.get_legend_handles_labels()[1][1:] else "validation"
                axis.plot(epochs, curves[f"val_{name}"], color="tab:orange", label=shown)
        if (best := phase["best_epoch"]) and "val_nll" in curves:
            axes[0].plot(epochs[best - 1], curves["val_nll"][best - 1], "o", color="tab:orange")
        if start:
            for axis in axes:
                axis.axvline(start + 0.5, color="gray", linestyle=":")
        start = int(epochs[-1])
    axes[0].set_ylabel("loss (NLL)")
    axes[1].set_ylabel("accuracy")
    for axis in axes:
        axis.set_xlabel("epoch" if len(phases) == 1 else "epoch (dotted: fine-tuning begins)")
        axis.legend()
    return figure


def _confusion(result: dict[str, Any]) -> Figure:
    labels = [shown_name(label) for label in result["labels"]]
    size = 2.4 + 0.42 * len(labels)
    figure, axes = plt.subplots(1, 2, figsize=(2 * size, size), layout="constrained")
    for axis, what in zip(axes, ("windows", "clips"), strict=True):
        counts = np.array(result["confusion"][what])
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
        there = counts.sum(axis=1) > 0
        rows = [label if some else f"{label} (no {what})" for label, some in zip(labels, there, strict=True)]
        axis.set_yticks(range(len(labels)), rows, fontsize=8)
        axis.set_title(what, fontsize=10)
        axis.set_xlabel("answer")
        axis.set_ylabel("truth")
    return figure


def _classes(result: dict[str, Any]) -> Figure:
    labels = result["labels"]
    figure, axes = plt.subplots(1, 2, figsize=(9, 1.2 + 0.32 * len(labels)), layout="constrained", sharey=True)
    for axis, what in zip(axes, ("windows", "clips"), strict=True):
        entries = [result["classes"][what][label] for label in labels]
        for offset, name, missing in ((-0.2, "precision", "never answered"), (0.2, "recall", f"no {what}")):
            values = np.array([entry[name] for entry in entries], float)
            rows = np.arange(len(labels)) + offset
            axis.barh(rows, values, 0.38, label=name)
            for row in rows[np.isnan(values)]:
                axis.text(0.01, row, missing, va="center", fontsize=6, color="gray")
        axis.set_xlim(0, 1)
        axis.set_title(what, fontsize=10)
    supports = [result["classes"]["clips"][label]["support"] for label in labels]
    named = [f"{shown_name(label)} ({count} clips)" for label, count in zip(labels, supports, strict=True)]
    axes[0].set_yticks(range(len(labels)), named)
    axes[0].invert_yaxis()
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    return figure


def _reliability(result: dict[str, Any]) -> Figure:
    bins = result["reliability"]["windows"]
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(4.6, 5.4), layout="constrained", sharex=True, height_ratios=(3, 1)
    )
    width = 1 / metrics.NUM_BINS
    lows = [entry["low"] for entry in bins]
    above.bar(lows, [entry["accuracy"] for entry in bins], width, align="edge", edgecolor="white")
    above.plot([0, 1], [0, 1], color="gray", linestyle="--")
    above.plot([entry["confidence"] for entry in bins], [entry["accuracy"] for entry in bins], "o", color="black", ms=3)
    above.set_ylabel("share right")
    above.set_title(f"windows, calibration error {result['windows']['ece']:.3f}", fontsize=10)
    below.bar(lows, [entry["count"] for entry in bins], width, align="edge", edgecolor="white", color="gray")
    below.set_xlabel("probability of the answer")
    below.set_ylabel("windows")
    return figure


def longest_clip(predictions: Predictions) -> int:
    """The clip with the most windows, of those that count."""
    return int(np.bincount(predictions.data.clip[predictions.known], minlength=len(predictions.data.clips)).argmax())


def most_wrong_clip(predictions: Predictions) -> int | None:
    """The clip that was answered wrong with the highest probability; None where none was."""
    answers = metrics.clip_answers(predictions.clip_probabilities)
    wrong = np.flatnonzero((answers != predictions.clip_truth) & (answers != metrics.NO_ANSWER))
    if not len(wrong):
        return None
    return int(predictions.clips[wrong[predictions.clip_probabilities[wrong].max(axis=1).argmax()]])


def timeline(predictions: Predictions, chosen: int, stride: int) -> Figure:
    """The probabilities of a clip's windows over time; the lines break where there is none."""
    data = predictions.data
    clip = data.clips[chosen]
    windows = data.clip == chosen
    last = data.positions[windows, -1]
    breaks = np.flatnonzero(np.diff(last) > stride) + 1
    times = np.insert(data.timestamp_ms[last] / 1000, breaks, np.nan)
    probabilities = np.insert(predictions.probabilities[windows], breaks, np.nan, axis=0)
    wrong = np.insert(predictions.probabilities[windows].argmax(axis=1) != predictions.truth[windows], breaks, False)
    figure, axis = plt.subplots(figsize=(9, 3.2), layout="constrained")
    colors = plt.get_cmap("tab20")
    for index, label in enumerate(predictions.labels):
        true = label == clip.label
        # The truth, and whatever was ever likely: more would hide these.
        if true or np.nanmax(probabilities[:, index]) > 0.2:
            axis.plot(
                times,
                probabilities[:, index],
                label=f"{shown_name(label)} (truth)" if true else shown_name(label),
                color=colors(index % 20),
                linewidth=2.4 if true else 1,
                # A window between two breaks has no line.
                marker=".",
                markersize=4,
            )
    axis.plot(times[wrong], np.full(wrong.sum(), -0.03), "|", color="tab:red", label="wrong" if wrong.any() else None)
    axis.set_ylim(-0.06, 1.02)
    axis.set_xlabel("time in the clip (s)")
    axis.set_ylabel("probability")
    axis.set_title(clip.name, fontsize=9)
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    return figure
