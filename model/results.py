"""The benchmark's pieces as results.json and one Markdown page."""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from beam_jobs import storage
from beam_jobs.labels import NO_EXERCISE
from model import benchmark, contenders, crossval, metrics, rests
from model.benchmark import Plan

# Probes that ask about people who do none of the exercises.
_OTHERS = ("unknown exercises", "rests in clips", "drawn idlers")
_COLUMNS = {
    "window_accuracy": ("window accuracy", "{:.1%}"),
    "clip_accuracy": ("clip accuracy", "{:.1%}"),
    "clip_macro_f1": ("macro F1 (clip)", "{:.3f}"),
    "window_nll": ("NLL (window)", "{:.2f}"),
    "window_ece": ("ECE (window)", "{:.3f}"),
}


def write(plan: Plan, output: str, rows: Sequence[str], splits: Sequence[str], seeds: int) -> None:
    """Writes results.json and results.md from the pieces that are there.

    Args:
      plan: what was cross-validated.
      output: a local folder.
      rows: the contenders, in the table's order.
      splits: "group" and, beside it, "random".
      seeds: how many of the group splits.
    """
    found = benchmark.clips(plan)
    groups = {found.data.clips[index].group for index in np.unique(found.data.clip[found.truth >= 0])}
    # Those have not answered every clip: figures of their own.
    strangers = {row: left_out(plan, row, seeds) for row in rows if contenders.ROWS[row].left_out}
    rows = [row for row in rows if row not in strangers]
    results: dict[str, Any] = {
        "num_windows": int((found.truth >= 0).sum()),
        "num_clips": len(np.unique(found.data.clip[found.truth >= 0])),
        "num_groups": len(groups),
        "labels": list(found.labels),
        "num_folds": plan.num_folds,
        "num_seeds": seeds,
        "rows": {split: benchmark.summarize(plan, rows, split, seeds) for split in splits},
    }
    probed = [row for row in rows if contenders.ROWS[row].probed and row in results["rows"].get("group", {})]
    results["probes"] = {row: probes(plan, row, seeds) for row in probed}
    results["left_out"] = {row: figures for row, figures in strangers.items() if figures}
    os.makedirs(output, exist_ok=True)
    storage.write_text(os.path.join(output, "results.json"), json.dumps(results, indent=1) + "\n")
    storage.write_text(os.path.join(output, "results.md"), markdown(results))


def markdown(results: dict[str, Any]) -> str:
    """The table of contenders, and of degraded clips where a contender was asked about them."""
    lines = [
        f"{results['num_windows']} windows, {results['num_clips']} clips, {results['num_groups']} groups; "
        f"{results['num_folds']} folds by group, mean ± standard deviation over {results['num_seeds']} seeds (fewer "
        "where a row says so). NLL and ECE with the temperature that suits the other folds; in brackets without. "
        "Random: the same on windows split whoever they show, one seed, which flatters. Minutes: of all folds of a "
        "seed, on one core.",
        "",
        "| contender | "
        + " | ".join(title for title, _ in _COLUMNS.values())
        + " | random: window accuracy, NLL | minutes |",
        "| --- " * (len(_COLUMNS) + 3) + "|",
    ]
    for row, one in results["rows"]["group"].items():
        cells = [f"**{row}**: {contenders.ROWS[row].about}" + _fewer(one, results["num_seeds"])]
        for name, (_, form) in _COLUMNS.items():
            cell = f"{form.format(one['mean'][name])} ± {form.format(one['standard_deviation'][name])}"
            if name in ("window_nll", "window_ece"):
                key = name.removeprefix("window_")
                raw = np.mean([seed["uncalibrated"]["windows"][key] for seed in one["seeds"]])
                cell += f" ({form.format(raw)})"
            cells.append(cell)
        twin = results["rows"].get("random", {}).get(row)
        cells.append(f"{twin['mean']['window_accuracy']:.1%}, {twin['mean']['window_nll']:.2f}" if twin else "–")
        cells.append(f"{one['mean']['minutes']:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Averaging over a clip's latest windows, as live does (a window comes every 0.2 s): how often their mean is "
        "right.",
        "",
        "| contender | " + " | ".join(f"{num} windows" if num > 1 else "1 window" for num in crossval.AVERAGED) + " |",
        "| --- " * (len(crossval.AVERAGED) + 1) + "|",
    ]
    for row, one in results["rows"]["group"].items():
        means = (np.mean([seed["averaged"][str(num)] for seed in one["seeds"]]) for num in crossval.AVERAGED)
        lines.append(f"| {row} | " + " | ".join(f"{mean:.1%}" for mean in means) + " |")
    for row, one in results["left_out"].items():
        lines += [
            "",
            f"**{row}** told exercises that it was never trained on from those that it was, each exercise left out "
            f"once in {results['num_folds']} folds (score: the probability of the likeliest exercise; means over "
            f"folds): AUROC {one['auroc']:.3f}, {one['false_accept_rate_at_95_recall']:.1%} of their windows accepted "
            "at 95 % recall.",
        ]
    for row, one in results["probes"].items():
        lines += _probe_lines(row, one)
    return "\n".join(lines) + "\n"


def _fewer(row: dict[str, Any], seeds: int) -> str:
    return "" if len(row["seeds"]) == seeds else f" ({len(row['seeds'])} seed)"


def _probe_lines(row: str, found: dict[str, Any]) -> list[str]:
    lines = ["", f"Contender **{row}**, tested on clips as live meets them:", ""]
    lines += ["| clips | window accuracy | clip accuracy |", "| --- | --- | --- |"]
    for name, one in found["degraded"].items():
        lines.append(f"| {name} | {one['window_accuracy']:.1%} | {one['clip_accuracy']:.1%} |")
    if not found["unknown"]:
        return lines
    lines += [
        "",
        "and on people who do none of the exercises (windows; score: the probability of the likeliest exercise):",
        "",
    ]
    lines += ["| who | windows | AUROC | false accepts at 95 % recall |", "| --- | --- | --- | --- |"]
    for name, one in found["unknown"].items():
        lines.append(
            f"| {name} | {one['num_windows']} | {one['auroc']:.3f} | {one['false_accept_rate_at_95_recall']:.1%} |"
        )
    return lines


def probes(plan: Plan, row: str, seeds: int) -> dict[str, Any]:
    """Figures of a contender's fits on degraded clips and on the unknown, means over seeds."""
    found, sets = benchmark.clips(plan), benchmark.probe_sets(plan)
    degraded: dict[str, list[dict[str, float]]] = {}
    unknown: dict[str, list[dict[str, float]]] = {}
    num_unknown = {}
    exercising = np.array([index >= 0 and found.labels[index] != NO_EXERCISE for index in found.truth])
    exercising &= ~rests.standing_still(found.landmarks, found.data.positions)
    for seed in range(seeds):
        try:
            logits, fold, _ = benchmark.read(plan, found, row, "group", seed)
        except FileNotFoundError:
            break
        tested = fold >= 0
        whole = np.full(logits.shape, np.nan)
        whole[tested] = crossval.softmax(logits[tested])
        degraded.setdefault("as they are", []).append(_accuracies(found, whole))
        pieces = [
            np.load(os.path.join(plan.work, benchmark.Piece(row, "group", seed, n).file)) for n in range(plan.num_folds)
        ]
        for name, probe in sets.items():
            if f"{name}/logits" not in pieces[0]:
                continue
            if (probe.truth >= 0).any() and name not in _OTHERS:
                answers = np.full((len(probe.truth), logits.shape[1]), np.nan)
                for piece in pieces:
                    answers[piece[f"{name}/windows"]] = crossval.softmax(piece[f"{name}/logits"])
                degraded.setdefault(name, []).append(_accuracies(probe, answers))
                continue
            if not any(len(piece[f"{name}/windows"]) for piece in pieces):
                continue  # nobody is there to be told from those who do the exercises
            pairs = []
            for number, piece in enumerate(pieces):
                known = knownness(whole[(fold == number) & exercising], found.labels)
                pairs.append((known, knownness(crossval.softmax(piece[f"{name}/logits"]), found.labels)))
            if name == "rests in clips":
                # Each fold has some of them, and few: all together, then.
                pairs = [(np.concatenate([one for one, _ in pairs]), np.concatenate([one for _, one in pairs]))]
            num_unknown[name] = len(pairs[0][1])
            unknown.setdefault(name, []).extend(
                {
                    "auroc": metrics.auroc(known, strange),
                    "false_accept_rate_at_95_recall": metrics.false_accept_rate(known, strange),
                }
                for known, strange in pairs
            )
    return {
        "degraded": {name: _mean(of_seeds) for name, of_seeds in degraded.items()},
        "unknown": {name: {"num_windows": num_unknown[name], **_mean(of)} for name, of in unknown.items()},
    }


def left_out(plan: Plan, row: str, seeds: int) -> dict[str, float]:
    """How well exercises that a fold left out are told from the others, means over folds and seeds; {} if not done."""
    found = benchmark.clips(plan)
    figures = []
    for seed in range(seeds):
        for number in range(plan.num_folds):
            file = os.path.join(plan.work, benchmark.Piece(row, "group", seed, number).file)
            if not os.path.exists(file):
                continue
            with np.load(file) as piece:
                known, strange = (
                    knownness(crossval.softmax(piece[name]), found.labels) for name in ("logits", "left out/logits")
                )
            figures.append(
                {
                    "auroc": metrics.auroc(known, strange),
                    "false_accept_rate_at_95_recall": metrics.false_accept_rate(known, strange),
                }
            )
    return _mean(figures) if figures else {}


def knownness(probabilities: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """How sure it is that a window shows one of the exercises, shape (N,): the probability of the likeliest of them.

    It tells exercises that nobody was trained on better than 1 - the probability of `none` does, which knows but the
    idlers that it has learnt: AUROC 0.79 against 0.70 on real clips of three other exercises. Of drawn idlers, of its
    own kind, the latter is the better: 0.98 against 0.87.
    """
    last = len(labels) if NO_EXERCISE not in labels else labels.index(NO_EXERCISE)
    return np.delete(probabilities, last, axis=1).max(axis=1) if probabilities.shape[1] > last else probabilities.max(1)


def _accuracies(found: crossval.LabelledSet, probabilities: np.ndarray) -> dict[str, float]:
    figures = crossval.figures(found, probabilities)
    return {"window_accuracy": figures["windows"]["accuracy"], "clip_accuracy": figures["clips"]["accuracy"]}


def _mean(of_seeds: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([one[key] for one in of_seeds])) for key in of_seeds[0]}
