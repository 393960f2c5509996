"""How well known exercises are distinguished from unknown ones (out-of-distribution)."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from beam_jobs.labels import NO_EXERCISE
from model import standing_still
from model.benchmark import clip_answers, cross_validation, fits, robustness
from model.benchmark.clip_answers import calibrated
from model.benchmark.fits import BenchmarkInputs
from model.evaluation import metrics

# The score of `known_class_score`: figures of another score are not to be joined.
SCORE = "largest logit and share of the exercises"


# From which probability on live may be told to name an exercise (its --min_probability).
_MIN_PROBABILITIES = (0.0, 0.5, 0.7, 0.9)


def probed(plan: BenchmarkInputs, row: str, seed: int) -> dict[str, Any]:
    """Figures of a contender's fits of one seed on degraded clips and on the unknown.

    Of the unknown: how well `known_class_score` separates them from the known (AUROC, false accepts at 95 % recall);
    how often the likeliest of all classes, which is what live says, is an exercise; and what becomes of the known and
    of the unknown where live names no exercise that is less probable than it was told to.
    """
    found, sets = fits.clips(plan), fits.probe_sets(plan)
    exercising = np.array([index >= 0 and found.labels[index] != NO_EXERCISE for index in found.truth])
    exercising &= ~standing_still.standing_still(found.landmarks, found.data.positions)
    logits, fold, _ = fits.load_logits(plan, found, row, "group", seed)
    whole = np.full(logits.shape, np.nan)
    whole[fold >= 0] = cross_validation.softmax(logits[fold >= 0])
    degraded: dict[str, dict[str, float]] = {"as they are": _accuracies(found, whole)}
    unknown: dict[str, dict[str, float]] = {}
    probabilities, temperatures = calibrated(logits, fold, found)
    asked_for = accuracy_by_threshold(
        probabilities[exercising & (fold >= 0)], found.truth[exercising & (fold >= 0)], found.labels
    )
    for number in range(plan.num_folds):
        fits.check_probes(plan, fits.Fit(row, "group", seed, number))
    kept = [np.load(os.path.join(plan.fits_dir, fits.Fit(row, "group", seed, n).file)) for n in range(plan.num_folds)]
    for name, probe in sets.items():
        if (probe.truth >= 0).any() and name not in robustness.UNKNOWN_SETS:
            answers = np.full((len(probe.truth), logits.shape[1]), np.nan)
            for piece in kept:
                answers[piece[f"{name}/windows"]] = cross_validation.softmax(piece[f"{name}/logits"])
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
            **ood_metrics(pairs, found.labels),
        }
        strangers = [
            cross_validation.softmax(piece[f"{name}/logits"] / temperature)
            for piece, temperature in zip(kept, temperatures, strict=True)
        ]
        for least, one in accuracy_by_threshold(np.concatenate(strangers), None, found.labels).items():
            asked_for[least][name] = one["named"]
    return {"degraded": degraded, "unknown": unknown, "min_probability": asked_for, "score": SCORE}


def accuracy_by_threshold(probabilities: np.ndarray, truth: np.ndarray | None, labels: Sequence[str]) -> dict[str, Any]:
    """By the least probability with which an exercise is named: of how many windows one is, and how often rightly."""
    best = probabilities.argmax(axis=1)
    figures: dict[str, Any] = {}
    for least in _MIN_PROBABILITIES:
        named = np.isin(best, _exercises(labels)) & (probabilities.max(axis=1) >= least)
        figures[str(least)] = {"named": float(named.mean())}
        if truth is not None:
            figures[str(least)]["right"] = float((best == truth)[named].mean()) if named.any() else None
    return figures


def left_out(plan: BenchmarkInputs, row: str, seeds: Iterable[int]) -> list[dict[str, Any]]:
    """How well exercises that a fold left out are told from the others, of each seed all of whose folds are there."""
    found = fits.clips(plan)
    figures = []
    for seed in seeds:
        pairs, windows = [], 0
        try:
            for number in range(plan.num_folds):
                piece = fits.Fit(row, "group", seed, number)
                kept = fits.load_fit(plan, found, piece)
                with np.load(os.path.join(plan.fits_dir, piece.file)) as arrays:
                    strange = arrays["left out/logits"]
                pairs.append((kept["logits"], strange))
                windows += len(strange)
        except FileNotFoundError:
            break
        told = ood_metrics(pairs, found.labels)
        made_by = fits.made_by(plan, row)
        figures.append({"seed": seed, "made_by": made_by, "score": SCORE, "num_windows": windows, **told})
    return figures


def ood_metrics(pairs: Sequence[tuple[np.ndarray, np.ndarray]], labels: Sequence[str]) -> dict[str, float]:
    """How the known and the strange of each fold are told apart by their logits; means over folds."""
    scores = [(known_class_score(known, labels), known_class_score(strange, labels)) for known, strange in pairs]
    called = [np.isin(strange.argmax(axis=1), _exercises(labels)).mean() for _, strange in pairs]
    return {
        "auroc": float(np.mean([metrics.auroc(*pair) for pair in scores])),
        "false_accept_rate_at_95_recall": float(np.mean([metrics.false_accept_rate(*pair) for pair in scores])),
        "called_an_exercise": float(np.mean(called)),
    }


def _exercises(labels: Sequence[str]) -> list[int]:
    return [index for index, label in enumerate(labels) if label != NO_EXERCISE]


def known_class_score(logits: np.ndarray, labels: Sequence[str]) -> np.ndarray:
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


def _accuracies(found: cross_validation.LabelledWindows, probabilities: np.ndarray) -> dict[str, float]:
    figures = clip_answers.clip_metrics(found, probabilities)
    return {"window_accuracy": figures["windows"]["accuracy"], "clip_accuracy": figures["clips"]["accuracy"]}
