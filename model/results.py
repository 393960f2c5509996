"""The benchmark's pieces as results.json; results_page makes a page of it."""

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
from model import contenders, crossval, metrics, pieces, probes, rests, results_page
from model.pieces import Plan

# By what these are told from those who exercise, see `evidence`: figures of another score are not to be joined.
SCORE = "largest logit and share of the exercises"
# From which probability on live may be told to name an exercise (its --min_probability).
_MIN_PROBABILITIES = (0.0, 0.5, 0.7, 0.9)


def write(
    plan: Plan,
    output: str,
    rows: Sequence[str],
    splits: Sequence[str],
    seeds: Sequence[int],
    others: str = "refuse",
) -> None:
    """Writes results.json and results.md from the pieces that are there, and from the rows that stand there already.

    Args:
      plan: what was cross-validated.
      output: a local folder. Other rows, and other seeds of the same row, that an earlier run wrote there are kept.
      rows: the contenders, in the table's order.
      splits: "group" and, beside it, "random".
      seeds: of the group splits.
      others: see `earlier`.

    Raises:
      UserError: as `earlier`.
    """
    # Those have not answered every clip: figures of their own.
    strangers = {row: {"seeds": left_out(plan, row, seeds)} for row in rows if contenders.ROWS[row].left_out}
    rows = [row for row in rows if row not in strangers]
    by_split = {split: summarize(plan, rows, split, seeds) for split in splits}
    for row in rows:
        for one in by_split.get("group", {}).get(row, {"seeds": []})["seeds"]:
            if contenders.ROWS[row].probed:
                one["probes"] = probed(plan, row, one["seed"])
    now = {"rows": by_split, "left_out": {row: one for row, one in strangers.items() if one["seeds"]}}
    _write_clips(plan, rows, seeds)
    os.makedirs(output, exist_ok=True)
    # Read as late as can be: another run may have added to it.
    results = {**_tested(plan), **_joined(earlier(plan, output, [*rows, *strangers], others), now)}
    storage.write_text(os.path.join(output, "results.json"), json.dumps(results, indent=1) + "\n")
    storage.write_text(os.path.join(output, "results.md"), results_page.markdown(results))


def _write_clips(plan: Plan, rows: Iterable[str], seeds: Iterable[int]) -> None:
    """Writes what each clip was called, beside the pieces of each row: to look at those that were got wrong."""
    found = pieces.clips(plan)
    for row in rows:
        for seed in seeds:
            try:
                logits, fold, _ = pieces.read(plan, found, row, "group", seed)
            except FileNotFoundError:
                break
            text = io.StringIO()
            kept = csv.writer(text, lineterminator="\n")
            kept.writerow(("video", "label", "answer", "probability", "of_label"))
            for one in crossval.clip_answers(found, calibrated(logits, fold, found)[0]):
                figures = f"{one.probability:.3f}", f"{one.of_truth:.3f}"
                kept.writerow((one.clip.name, one.clip.label, one.answer, *figures))
            storage.write_text(os.path.join(plan.work, row, f"clips_{seed}.csv"), text.getvalue())


def _tested(plan: Plan) -> dict[str, Any]:
    """What tells one benchmark's figures from another's."""
    found = pieces.clips(plan)
    clips = np.unique(found.data.clip[found.truth >= 0])
    return {
        "num_windows": int((found.truth >= 0).sum()),
        "num_clips": len(clips),
        "num_groups": len({found.data.clips[index].group for index in clips}),
        "labels": list(found.labels),
        "num_folds": plan.num_folds,
    }


def earlier(plan: Plan, output: str, rows: Iterable[str], others: str = "refuse") -> dict[str, Any]:
    """The figures that stand in a folder, to which those of some rows are to be added.

    Args:
      plan: what is cross-validated.
      output: the folder.
      rows: the contenders whose seeds are to be joined to those that stand there.
      others: what becomes of figures of these rows that are of other tables, settings or an earlier version: "refuse";
        "replace", which drops them with all that stands beside them in the row; "join", as where athletes were drawn
        anew, on a machine that rounds otherwise: the page says so.

    Raises:
      UserError: if they are of other clips, or a row is of other settings and that is to be refused.
    """
    file = os.path.join(output, "results.json")
    if not os.path.exists(file):
        return {"rows": {}, "left_out": {}}
    try:
        with open(file, encoding="utf-8") as opened:
            before = json.load(opened)
        theirs = {name: before[name] for name in _tested(plan)}
        found = {"rows": before["rows"], "left_out": before["left_out"]}
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
    for row in rows:
        parts = [part for part in (*found["rows"].values(), found["left_out"]) if row in part]
        of_seeds = [one for part in parts for one in part[row]["seeds"]]
        different = {one["seed"] for one in of_seeds if not _is_like_ours(plan, row, one, others == "join")}
        if different and others != "replace":
            raise UserError(
                f"{file} has '{row}' of other tables, settings or of an earlier version (seeds "
                f"{', '.join(map(str, sorted(different)))}); expected the same ones, as a row is a mean over seeds. "
                "Choose another --output, drop these figures by --replace, or, where they are of the same recipe, keep "
                "them by --join."
            )
        if different:
            for part in parts:
                del part[row]
    return found


def _is_like_ours(plan: Plan, row: str, of_seed: dict[str, Any], of_any_fits: bool) -> bool:
    """Whether a seed's figures are of the same fits, or any, and, where people were told apart, by the same score."""
    scored = of_seed if contenders.ROWS[row].left_out else of_seed.get("probes", {"score": SCORE})
    return (of_any_fits or of_seed.get("made_by") == pieces.made_by(plan, row)) and scored.get("score") == SCORE


def _joined(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """New figures with those earlier ones that they do not replace, rows in the order of `contenders.ROWS`."""
    rows = {
        split: {
            row: over_seeds(of_seeds)
            for row, of_seeds in _joined_seeds(before["rows"].get(split, {}), now["rows"].get(split, {})).items()
        }
        for split in {**before["rows"], **now["rows"]}
    }
    left_out = _joined_seeds(before["left_out"], now["left_out"])
    return {"rows": rows, "left_out": {row: {"seeds": of_seeds} for row, of_seeds in left_out.items()}}


def _joined_seeds(before: dict[str, Any], now: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    known = list(contenders.ROWS)
    names = sorted({*before, *now}, key=lambda row: (known.index(row) if row in known else len(known), row))
    found = {}
    for row in names:
        of_seeds = {one["seed"]: one for part in (before, now) if row in part for one in part[row]["seeds"]}
        found[row] = [of_seeds[seed] for seed in sorted(of_seeds)]
    return found


def calibrated(logits: np.ndarray, fold: np.ndarray, found: crossval.LabelledSet) -> tuple[np.ndarray, list[float]]:
    """Probabilities of windows, each fold's by the temperature that suits the other folds' answers; and those.

    Every clip counts the same. The other folds' answers are about people whom their networks never saw, and the fold's
    own answers have no part in its temperature.
    """
    probabilities = np.full(logits.shape, np.nan)
    counts = np.bincount(found.data.clip[fold >= 0], minlength=len(found.data.clips))
    found_temperatures = []
    for number in np.unique(fold[fold >= 0]):
        own, rest = fold == number, (fold >= 0) & (fold != number)
        if not rest.any():
            # One fit for all clips: nobody is left to take a temperature from.
            probabilities[own] = crossval.softmax(logits[own])
            continue
        weights = 1 / counts[found.data.clip[rest]]
        value = metrics.temperature(logits[rest], found.truth[rest], weights)
        found_temperatures.append(value)
        probabilities[own] = crossval.softmax(logits[own] / value)
    return probabilities, found_temperatures


def summarize(plan: Plan, rows: Iterable[str], split: str, seeds: Iterable[int]) -> dict[str, Any]:
    """Figures of each row: of every seed, calibrated and not, their mean and standard deviation over seeds."""
    found = pieces.clips(plan)
    summary = {}
    for row in rows:
        of_seeds = []
        for seed in seeds if split == "group" else [seed for seed in seeds if not seed]:
            try:
                logits, fold, minutes = pieces.read(plan, found, row, split, seed)
            except FileNotFoundError:
                break
            tested = fold >= 0
            raw = np.full(logits.shape, np.nan)
            raw[tested] = crossval.softmax(logits[tested])
            probabilities, temperatures = calibrated(logits, fold, found)
            of_seeds.append(
                {
                    "seed": seed,
                    "made_by": pieces.made_by(plan, row),
                    **crossval.figures(found, probabilities),
                    "called": crossval.called(crossval.clip_answers(found, probabilities)),
                    "uncalibrated": crossval.figures(found, raw),
                    "temperatures": [round(value, 3) for value in temperatures],
                    "minutes": minutes,
                }
            )
        if of_seeds:
            summary[row] = over_seeds(of_seeds)
    return summary


HEADLINE = {
    "window_accuracy": ("windows", "accuracy"),
    "clip_accuracy": ("clips", "accuracy"),
    "clip_macro_f1": ("clips", "macro_f1"),
    "window_nll": ("windows", "nll"),
    "window_ece": ("windows", "ece"),
    "clip_ece": ("clips", "ece"),
}


def over_seeds(of_seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """A row's figures of every seed, and the mean and standard deviation of what matters and is there."""
    values = {name: [one[kind][key] for one in of_seeds] for name, (kind, key) in HEADLINE.items()}
    # Too few clips have no calibration error.
    values = {name: value for name, value in values.items() if None not in value}
    values["minutes"] = [one["minutes"] for one in of_seeds]
    return {
        "seeds": of_seeds,
        "mean": {name: float(np.mean(value)) for name, value in values.items()},
        "standard_deviation": {name: float(np.std(value, ddof=len(value) > 1)) for name, value in values.items()},
    }


def probed(plan: Plan, row: str, seed: int) -> dict[str, Any]:
    """Figures of a contender's fits of one seed on degraded clips and on the unknown.

    Of the unknown: how well `evidence` tells them from those who exercise (AUROC, false accepts at 95 % recall), and
    how often the likeliest of all classes, which is what live says, is an exercise; and what becomes of the known and
    of the unknown where live names no exercise that is less probable than it was told to.
    """
    found, sets = pieces.clips(plan), pieces.probe_sets(plan)
    exercising = np.array([index >= 0 and found.labels[index] != NO_EXERCISE for index in found.truth])
    exercising &= ~rests.standing_still(found.landmarks, found.data.positions)
    logits, fold, _ = pieces.read(plan, found, row, "group", seed)
    whole = np.full(logits.shape, np.nan)
    whole[fold >= 0] = crossval.softmax(logits[fold >= 0])
    degraded: dict[str, dict[str, float]] = {"as they are": _accuracies(found, whole)}
    unknown: dict[str, dict[str, float]] = {}
    probabilities, temperatures = calibrated(logits, fold, found)
    asked_for = _sure(probabilities[exercising & (fold >= 0)], found.truth[exercising & (fold >= 0)], found.labels)
    for number in range(plan.num_folds):
        pieces.check_probes(plan, pieces.Piece(row, "group", seed, number))
    kept = [np.load(os.path.join(plan.work, pieces.Piece(row, "group", seed, n).file)) for n in range(plan.num_folds)]
    for name, probe in sets.items():
        if (probe.truth >= 0).any() and name not in probes.OF_OTHERS:
            answers = np.full((len(probe.truth), logits.shape[1]), np.nan)
            for piece in kept:
                answers[piece[f"{name}/windows"]] = crossval.softmax(piece[f"{name}/logits"])
            degraded[name] = _accuracies(probe, answers)
            continue
        if not any(len(piece[f"{name}/windows"]) for piece in kept):
            continue  # nobody is there to be told from those who do the exercises
        pairs = [(logits[(fold == number) & exercising], piece[f"{name}/logits"]) for number, piece in enumerate(kept)]
        if name == "rests in clips":
            # Few folds have many of them, some none: all together, then.
            strange = [one for _, one in pairs if len(one)]
            pairs = [(np.concatenate([one for one, _ in pairs]), np.concatenate(strange))]
        asked = probe.data.clip[np.concatenate([piece[f"{name}/windows"] for piece in kept])]
        unknown[name] = {
            "num_windows": len(pairs[0][1]),
            "num_clips": len(np.unique(asked)),
            **_told_apart(pairs, found.labels),
        }
        strangers = [
            crossval.softmax(piece[f"{name}/logits"] / temperature)
            for piece, temperature in zip(kept, temperatures, strict=True)
        ]
        for least, one in _sure(np.concatenate(strangers), None, found.labels).items():
            asked_for[least][name] = one["named"]
    return {"degraded": degraded, "unknown": unknown, "min_probability": asked_for, "score": SCORE}


def _sure(probabilities: np.ndarray, truth: np.ndarray | None, labels: Sequence[str]) -> dict[str, Any]:
    """By the least probability with which an exercise is named: of how many windows one is, and how often rightly."""
    best = probabilities.argmax(axis=1)
    figures: dict[str, Any] = {}
    for least in _MIN_PROBABILITIES:
        named = np.isin(best, _exercises(labels)) & (probabilities.max(axis=1) >= least)
        figures[str(least)] = {"named": float(named.mean())}
        if truth is not None:
            figures[str(least)]["right"] = float((best == truth)[named].mean()) if named.any() else None
    return figures


def left_out(plan: Plan, row: str, seeds: Iterable[int]) -> list[dict[str, Any]]:
    """How well exercises that a fold left out are told from the others, of each seed all of whose folds are there."""
    found = pieces.clips(plan)
    figures = []
    for seed in seeds:
        pairs, windows = [], 0
        try:
            for number in range(plan.num_folds):
                piece = pieces.Piece(row, "group", seed, number)
                kept = pieces.read_piece(plan, found, piece)
                with np.load(os.path.join(plan.work, piece.file)) as arrays:
                    strange = arrays["left out/logits"]
                pairs.append((kept["logits"], strange))
                windows += len(strange)
        except FileNotFoundError:
            break
        told = _told_apart(pairs, found.labels)
        made_by = pieces.made_by(plan, row)
        figures.append({"seed": seed, "made_by": made_by, "score": SCORE, "num_windows": windows, **told})
    return figures


def _told_apart(pairs: Sequence[tuple[np.ndarray, np.ndarray]], labels: Sequence[str]) -> dict[str, float]:
    """How the known and the strange of each fold are told apart by their logits; means over folds."""
    scores = [(evidence(known, labels), evidence(strange, labels)) for known, strange in pairs]
    called = [np.isin(strange.argmax(axis=1), _exercises(labels)).mean() for _, strange in pairs]
    return {
        "auroc": float(np.mean([metrics.auroc(*pair) for pair in scores])),
        "false_accept_rate_at_95_recall": float(np.mean([metrics.false_accept_rate(*pair) for pair in scores])),
        "called_an_exercise": float(np.mean(called)),
    }


def _exercises(labels: Sequence[str]) -> list[int]:
    return [index for index, label in enumerate(labels) if label != NO_EXERCISE]


def evidence(logits: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """How much speaks for one of the exercises, and not for none of them, shape (N,).

    The largest logit of an exercise, which is small where a network has seen nothing like it, and to it the logarithm
    of the probability that it is an exercise. By this, exercises that were left out of training are told from others
    better than by the probability of the likeliest one (AUROC 0.77, not 0.74, on the clips; chosen among several scores
    on one seed, and so on another one), all others about as well as by that. Logits are on a network's own scale.

    Args:
      logits: shape (N, C); a class beyond `labels` is `none`.
      labels: the classes.

    Source: MaxLogit of Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings, ICML 2022.
    """
    wide = logits.astype(np.float64)
    exercises = wide[:, _exercises(labels)]
    share = np.logaddexp.reduce(exercises, axis=1) - np.logaddexp.reduce(wide, axis=1)
    return exercises.max(axis=1) + share


def _accuracies(found: crossval.LabelledSet, probabilities: np.ndarray) -> dict[str, float]:
    figures = crossval.figures(found, probabilities)
    return {"window_accuracy": figures["windows"]["accuracy"], "clip_accuracy": figures["clips"]["accuracy"]}
