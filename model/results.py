"""The benchmark's pieces as results.json and one Markdown page."""

import collections
import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.labels import NO_EXERCISE
from model import benchmark, contenders, crossval, metrics, rests
from model.benchmark import Plan

# Probes that ask about people who do none of the exercises.
_OTHERS = ("unknown exercises", "rests in clips", "drawn idlers")
_NO_SEEDS: dict[str, list[dict[str, Any]]] = {"seeds": []}
_COLUMNS = {
    "window_accuracy": ("window accuracy", "{:.1%}"),
    "clip_accuracy": ("clip accuracy", "{:.1%}"),
    "clip_macro_f1": ("macro F1 (clip)", "{:.3f}"),
    "window_nll": ("NLL (window)", "{:.2f}"),
    "window_ece": ("ECE (window)", "{:.3f}"),
}


def write(plan: Plan, output: str, rows: Sequence[str], splits: Sequence[str], seeds: Sequence[int]) -> None:
    """Writes results.json and results.md from the pieces that are there, and from the rows that stand there already.

    Args:
      plan: what was cross-validated.
      output: a local folder. Other rows, and other seeds of the same row, that an earlier run wrote there are kept.
      rows: the contenders, in the table's order.
      splits: "group" and, beside it, "random".
      seeds: of the group splits.

    Raises:
      UserError: if what stands there is of other clips.
    """
    before = earlier(plan, output)
    # Those have not answered every clip: figures of their own.
    strangers = {row: left_out(plan, row, seeds) for row in rows if contenders.ROWS[row].left_out}
    rows = [row for row in rows if row not in strangers]
    results: dict[str, Any] = {
        **_tested(plan),
        "rows": {split: benchmark.summarize(plan, rows, split, seeds) for split in splits},
    }
    probed = [row for row in rows if contenders.ROWS[row].probed and row in results["rows"].get("group", {})]
    results["probes"] = {row: probes(plan, row, seeds) for row in probed}
    results["left_out"] = {row: figures for row, figures in strangers.items() if figures}
    results = _joined(before, results)
    _write_clips(plan, rows, seeds)
    os.makedirs(output, exist_ok=True)
    storage.write_text(os.path.join(output, "results.json"), json.dumps(results, indent=1) + "\n")
    storage.write_text(os.path.join(output, "results.md"), markdown(results))


def _write_clips(plan: Plan, rows: Iterable[str], seeds: Iterable[int]) -> None:
    """Writes what each clip was called, by row and seed, beside the pieces: to look at those that were got wrong."""
    found = benchmark.clips(plan)
    text = io.StringIO()
    kept = csv.writer(text, lineterminator="\n")
    kept.writerow(("row", "seed", "video", "label", "answer", "probability", "of_label"))
    for row in rows:
        for seed in seeds:
            try:
                logits, fold, _ = benchmark.read(plan, found, row, "group", seed)
            except FileNotFoundError:
                break
            for one in crossval.clip_answers(found, benchmark.calibrated(logits, fold, found)[0]):
                figures = f"{one.probability:.3f}", f"{one.of_truth:.3f}"
                kept.writerow((row, seed, one.clip.name, one.clip.label, one.answer, *figures))
    storage.write_text(os.path.join(plan.work, "clips.csv"), text.getvalue())


def _tested(plan: Plan) -> dict[str, Any]:
    """What tells one benchmark's figures from another's."""
    found = benchmark.clips(plan)
    clips = np.unique(found.data.clip[found.truth >= 0])
    return {
        "num_windows": int((found.truth >= 0).sum()),
        "num_clips": len(clips),
        "num_groups": len({found.data.clips[index].group for index in clips}),
        "labels": list(found.labels),
        "num_folds": plan.num_folds,
    }


def earlier(plan: Plan, output: str) -> dict[str, Any]:
    """The figures that stand in a folder; {} where none do.

    Raises:
      UserError: if they are of other clips, which are not to be mixed with these.
    """
    file = os.path.join(output, "results.json")
    if not os.path.exists(file):
        return {}
    try:
        with open(file, encoding="utf-8") as opened:
            before = json.load(opened)
        theirs = {name: before[name] for name in _tested(plan)}
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{file} is no result of this benchmark; expected one, or none. Choose another --output, or remove it."
        ) from None
    for name, ours in _tested(plan).items():
        if theirs[name] != ours:
            raise UserError(
                f"{file} is of other clips ({name} {theirs[name]}); expected {name} {ours}, as its rows and new ones "
                "stand in one table. Choose another --output, or remove it."
            )
    return before


def _joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """New figures with those earlier ones that they do not replace, rows in the order of `contenders.ROWS`."""
    rows: dict[str, dict[str, Any]] = {}
    for split in (*before.get("rows", {}), *now["rows"]):
        old, new = before.get("rows", {}).get(split, {}), now["rows"].get(split, {})
        rows[split] = {}
        for row in _in_order([*old, *new]):
            of_seeds = {one["seed"]: one for one in new.get(row, _NO_SEEDS)["seeds"]}
            made_by = {one["made_by"] for one in of_seeds.values()}
            for one in old.get(row, _NO_SEEDS)["seeds"]:
                # Of other tables or settings it is another row, which these replace.
                if not made_by or one.get("made_by", "") in ("", *made_by):
                    of_seeds.setdefault(one["seed"], one)
            rows[split][row] = benchmark.over_seeds([of_seeds[seed] for seed in sorted(of_seeds)])
    parts = {part: {**before.get(part, {}), **now[part]} for part in ("probes", "left_out")}
    return {
        **now,
        "rows": rows,
        **{part: {row: figures[row] for row in _in_order(figures)} for part, figures in parts.items()},
    }


def _in_order(rows: Iterable[str]) -> list[str]:
    known = list(contenders.ROWS)
    return sorted(set(rows), key=lambda row: (known.index(row) if row in known else len(known), row))


def markdown(results: dict[str, Any]) -> str:
    """The table of contenders, and of degraded clips where a contender was asked about them."""
    num_seeds = max((len(one["seeds"]) for one in results["rows"]["group"].values()), default=0)
    lines = [
        f"{results['num_windows']} windows, {results['num_clips']} clips, {results['num_groups']} groups; "
        f"{results['num_folds']} folds by group, mean ± standard deviation over {num_seeds} "
        f"seed{'' if num_seeds == 1 else 's'} (fewer where a row says so). NLL and ECE with the temperature "
        "that suits the other folds; in brackets without. Random: the same on windows split whoever they show, one "
        "seed, which flatters. Minutes: of all folds of a seed, on one core.",
        "",
        "| contender | "
        + " | ".join(title for title, _ in _COLUMNS.values())
        + " | random: window accuracy, NLL | minutes |",
        "| --- " * (len(_COLUMNS) + 3) + "|",
    ]
    for row, one in results["rows"]["group"].items():
        about = contenders.ROWS[row].about if row in contenders.ROWS else "of an earlier version"
        cells = [f"**{row}**: {about}" + _fewer(one, num_seeds)]
        for name, (_, form) in _COLUMNS.items():
            cell = form.format(one["mean"][name])
            if len(one["seeds"]) > 1:
                cell += f" ± {form.format(one['standard_deviation'][name])}"
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
        if not all("averaged" in seed for seed in one["seeds"]):
            continue  # an earlier version did not note it
        means = (np.mean([seed["averaged"][str(num)] for seed in one["seeds"]]) for num in crossval.AVERAGED)
        lines.append(f"| {row} | " + " | ".join(f"{mean:.1%}" for mean in means) + " |")
    for row in results["probes"]:
        lines += _called_lines(row, results["rows"]["group"].get(row, _NO_SEEDS)["seeds"])
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
    num = len(row["seeds"])
    return "" if num == seeds else f" ({num} seed{'s' if num > 1 else ''})"


def _called_lines(row: str, of_seeds: list[dict[str, Any]]) -> list[str]:
    of_seeds = [one for one in of_seeds if "called" in one]
    if not of_seeds:
        return []
    seeds = f"{len(of_seeds)} seed{'' if len(of_seeds) == 1 else 's'}"
    lines = ["", f"What clips were called by **{row}**, {seeds}:", "", "| exercise | clips right | called |"]
    lines.append("| --- | --- | --- |")
    for label in of_seeds[0]["called"]:
        counts: collections.Counter[str] = collections.Counter()
        for one in of_seeds:
            counts.update(one["called"][label])
        wrong = [f"{answer or 'no answer'} {num}" for answer, num in counts.most_common() if answer != label]
        lines.append(f"| {label} | {counts[label]} of {counts.total()} | {', '.join(wrong)} |")
    return lines


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


def probes(plan: Plan, row: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Figures of a contender's fits on degraded clips and on the unknown, means over seeds."""
    found, sets = benchmark.clips(plan), benchmark.probe_sets(plan)
    degraded: dict[str, list[dict[str, float]]] = {}
    unknown: dict[str, list[dict[str, float]]] = {}
    num_unknown = {}
    exercising = np.array([index >= 0 and found.labels[index] != NO_EXERCISE for index in found.truth])
    exercising &= ~rests.standing_still(found.landmarks, found.data.positions)
    for seed in seeds:
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
        "num_seeds": len(degraded.get("as they are", [])),
        "degraded": {name: _mean(of_seeds) for name, of_seeds in degraded.items()},
        "unknown": {name: {"num_windows": num_unknown[name], **_mean(of)} for name, of in unknown.items()},
    }


def left_out(plan: Plan, row: str, seeds: Sequence[int]) -> dict[str, float]:
    """How well exercises that a fold left out are told from the others, means over folds and seeds; {} if not done."""
    found = benchmark.clips(plan)
    figures = []
    for seed in seeds:
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
