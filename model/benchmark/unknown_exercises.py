"""How well unknown exercises are detected (out-of-distribution detection), and robustness to corruptions."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from beam_jobs.labels import NO_EXERCISE
from model import standing_still
from model.benchmark import clip_answers, fits, robustness
from model.benchmark.cross_validation import LabelledWindows, softmax
from model.benchmark.experiments import Experiment
from model.benchmark.inputs import BenchmarkData
from model.evaluation import metrics

# The score of `known_class_score`: figures of different scores do not go together.
SCORE = "largest logit and share of the exercises"
# The least probability with which live names an exercise (its --min_probability).
MIN_PROBABILITIES = (0.0, 0.5, 0.7, 0.9)


def robustness_metrics(data: BenchmarkData, experiment: Experiment, name: str, seed: int) -> dict[str, Any]:
    """Metrics of an experiment's fits of one seed on corrupted clips and on windows that show no known exercise.

    Of the latter: how well `known_class_score` separates them from known exercises (AUROC, false accepts at 95 %
    recall); how often the most probable class is an exercise; and how often live names an exercise, of known and of
    unknown windows, with each of MIN_PROBABILITIES.
    """
    clips, num_folds = data.clips, data.inputs.num_folds
    logits, fold, _ = fits.load_logits(data, experiment, name, "group", seed)
    arrays = [
        fits.load_robustness_fit(data, experiment, fits.Fit(name, "group", seed, number)) for number in range(num_folds)
    ]
    whole = np.full(logits.shape, np.nan)
    whole[fold >= 0] = softmax(logits[fold >= 0])
    corruptions = {"unchanged": _accuracies(clips, whole)}
    for test_name, test_set in data.test_sets.items():
        if (test_set.truth >= 0).any() and test_name not in robustness.UNKNOWN_SETS:
            probabilities = np.full((len(test_set.truth), logits.shape[1]), np.nan)
            for one in arrays:
                probabilities[one[f"{test_name}/windows"]] = softmax(one[f"{test_name}/logits"])
            corruptions[test_name] = _accuracies(test_set, probabilities)
    known = np.array([index >= 0 and clips.labels[index] != NO_EXERCISE for index in clips.truth])
    known &= ~standing_still.standing_still(clips.landmarks, clips.data.positions)
    probabilities, temperatures = clip_answers.calibrated(logits, fold, clips)
    tested = known & (fold >= 0)
    thresholds = accuracy_by_threshold(probabilities[tested], clips.truth[tested], clips.labels)
    unknown = {}
    for test_name in (test_name for test_name in data.test_sets if test_name in robustness.UNKNOWN_SETS):
        unknown_logits = [one[f"{test_name}/logits"] for one in arrays]
        if not any(map(len, unknown_logits)):
            continue
        known_logits = [logits[(fold == number) & known] for number in range(num_folds)]
        windows = np.concatenate([one[f"{test_name}/windows"] for one in arrays])
        unknown[test_name] = {
            "num_windows": len(np.unique(windows)),
            "num_clips": len(np.unique(data.test_sets[test_name].data.clip[windows])),
            **_ood_metrics_of(test_name, known_logits, unknown_logits, clips.labels),
        }
        scaled = [softmax(one / value) for one, value in zip(unknown_logits, temperatures, strict=True)]
        for threshold, share in named_by_threshold(np.concatenate(scaled), clips.labels).items():
            thresholds[threshold]["unknown"][test_name] = share
    return {"corruptions": corruptions, "unknown": unknown, "min_probability": thresholds, "known_class_score": SCORE}


def _ood_metrics_of(
    test_name: str, known: list[np.ndarray], unknown: list[np.ndarray], labels: Sequence[str]
) -> dict[str, float]:
    if test_name == robustness.STANDING_STILL:
        # Few folds have many of these windows, some none: all folds together, then.
        unknown = [one for one in unknown if len(one)]
        known, unknown = [np.concatenate(known)], [np.concatenate(unknown)]
    return ood_metrics(known, unknown, labels)


def named_by_threshold(probabilities: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
    """For each of MIN_PROBABILITIES, in which share of the windows live names an exercise."""
    is_exercise = np.isin(probabilities.argmax(axis=1), _exercises(labels))
    return {
        str(threshold): float((is_exercise & (probabilities.max(axis=1) >= threshold)).mean())
        for threshold in MIN_PROBABILITIES
    }


def accuracy_by_threshold(probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """For each of MIN_PROBABILITIES: coverage (the share that live names an exercise for) and precision."""
    best = probabilities.argmax(axis=1)
    by_threshold: dict[str, Any] = {}
    for threshold, coverage in named_by_threshold(probabilities, labels).items():
        named = np.isin(best, _exercises(labels)) & (probabilities.max(axis=1) >= float(threshold))
        precision = float((best == truth)[named].mean()) if named.any() else None
        by_threshold[threshold] = {"coverage": coverage, "precision": precision, "unknown": {}}
    return by_threshold


def left_out_metrics(
    data: BenchmarkData, experiment: Experiment, name: str, seeds: Iterable[int]
) -> list[dict[str, Any]]:
    """How well exercises that a fold left out are detected, for each seed all of whose fits are there."""
    of_seeds = []
    for seed in seeds:
        known, unknown = [], []
        try:
            for number in range(data.inputs.num_folds):
                arrays = fits.load_fit(data, experiment, fits.Fit(name, "group", seed, number))
                known.append(arrays["logits"])
                unknown.append(arrays[f"{fits.CLASSES_LEFT_OUT}/logits"])
        except FileNotFoundError:
            break
        of_seeds.append(
            {
                "seed": seed,
                "settings_sha256": data.settings_sha256(experiment),
                "known_class_score": SCORE,
                "num_windows": sum(map(len, unknown)),
                **ood_metrics(known, unknown, data.clips.labels),
            }
        )
    return of_seeds


def ood_metrics(known: Sequence[np.ndarray], unknown: Sequence[np.ndarray], labels: Sequence[str]) -> dict[str, float]:
    """How well each fold's logits separate known exercises from unknown ones; means over folds."""
    scores = [
        (known_class_score(one, labels), known_class_score(other, labels))
        for one, other in zip(known, unknown, strict=True)
    ]
    named = [np.isin(one.argmax(axis=1), _exercises(labels)).mean() for one in unknown]
    return {
        "auroc": float(np.mean([metrics.auroc(*pair) for pair in scores])),
        "false_accept_rate_at_95_recall": float(np.mean([metrics.false_accept_rate(*pair) for pair in scores])),
        "named_an_exercise": float(np.mean(named)),
    }


def _exercises(labels: Sequence[str]) -> list[int]:
    return [index for index, label in enumerate(labels) if label != NO_EXERCISE]


def known_class_score(logits: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """How much speaks for one of the known exercises, shape (N,).

    The largest logit of an exercise, which is small where a network has seen nothing like it, plus the logarithm of
    the probability that it is an exercise and not `none`. It separates exercises that were left out of training better
    than the probability of the most probable one (AUROC 0.77, not 0.74, on the clips; chosen among several scores on
    one seed, and so on another one), and all others about as well. Logits are on a network's own scale.

    Args:
      logits: shape (N, C); a class beyond `labels` is `none`.
      labels: the classes.

    Source: MaxLogit of Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings, ICML 2022.
    """
    wide = logits.astype(np.float64)
    exercises = wide[:, _exercises(labels)]
    share = np.logaddexp.reduce(exercises, axis=1) - np.logaddexp.reduce(wide, axis=1)
    return np.asarray(exercises.max(axis=1) + share)


def _accuracies(labelled: LabelledWindows, probabilities: np.ndarray) -> dict[str, float]:
    both = clip_answers.clip_metrics(labelled, probabilities)
    return {"window_accuracy": both["windows"]["accuracy"], "clip_accuracy": both["clips"]["accuracy"]}
