"""Metrics of probabilities against the truth: of windows, and of clips."""

import math
from typing import Any

import numpy as np

NUM_BINS = 15
# With fewer answers than this, chance alone fills the bins unevenly: the calibration error would say nothing.
MIN_CLIPS_FOR_CALIBRATION = 100
# A clip without a window has no answer: it counts as wrong, whatever its class.
NO_ANSWER = -1
# The range in which a temperature is looked for.
MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0


def negative_log_likelihood(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Mean of -log of the true class's probability, in nats; a uniform guess over C classes has log C.

    Args:
      probabilities: shape (N, C).
      truth: indices of classes, shape (N,).
    """
    from sklearn import metrics

    rows = probabilities.astype(np.float64)
    rows /= rows.sum(axis=1, keepdims=True)
    return float(metrics.log_loss(truth, rows, labels=np.arange(rows.shape[1])))


def reliability(probabilities: np.ndarray, truth: np.ndarray, num_bins: int = NUM_BINS) -> list[dict[str, float]]:
    """Confidence against accuracy, in bins of equal width over the highest probability; empty bins are left out.

    Returns:
      Per bin: `low`, `high`, `count`, `confidence` (mean highest probability), `accuracy`.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == truth
    # A bin is (low, high]: a confidence of exactly 1 belongs to the last one.
    bins = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    return [
        {
            "low": index / num_bins,
            "high": (index + 1) / num_bins,
            "count": int((bins == index).sum()),
            "confidence": float(confidence[bins == index].mean()),
            "accuracy": float(right[bins == index].mean()),
        }
        for index in range(num_bins)
        if (bins == index).any()
    ]


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray, num_bins: int = NUM_BINS) -> float:
    """Mean distance of confidence from accuracy over `reliability`'s bins, weighted by their counts; 0 is best.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, equation 5.
    """
    bins = reliability(probabilities, truth, num_bins)
    return sum(b["count"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / len(truth)


def macro_f1(answers: np.ndarray, truth: np.ndarray) -> float:
    """Mean F1 over the classes that the truth holds, each weighing the same; an answer may be NO_ANSWER."""
    from sklearn import metrics

    return float(metrics.f1_score(truth, answers, labels=np.unique(truth), average="macro", zero_division=0))


def wilson_interval(num_right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of the share `num_right / count`; narrow only where there is much to count.

    It takes the measurements as independent. Clips of the same group are not, so that the truth is wider where groups
    have many clips.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    from scipy import stats

    interval = stats.binomtest(num_right, count).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def window_metrics(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Accuracy, macro F1, negative log likelihood and calibration error of windows."""
    answers = probabilities.argmax(axis=1)
    return {
        "num_windows": len(truth),
        "accuracy": float((answers == truth).mean()),
        "macro_f1": macro_f1(answers, truth),
        "nll": negative_log_likelihood(probabilities, truth),
        "ece": expected_calibration_error(probabilities, truth),
    }


def clip_probabilities(probabilities: np.ndarray, clip: np.ndarray, num_clips: int) -> np.ndarray:
    """The mean of each clip's window probabilities, float64, shape (num_clips, C); NaN for a clip without a window."""
    sums = np.zeros((num_clips, probabilities.shape[1]))
    np.add.at(sums, clip, probabilities)
    counts = np.bincount(clip, minlength=num_clips)[:, None]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def clip_answers(probabilities: np.ndarray) -> np.ndarray:
    """The most probable class of each clip; NO_ANSWER where the probabilities are NaN."""
    answered = ~np.isnan(probabilities[:, 0])
    return np.where(answered, np.nan_to_num(probabilities).argmax(axis=1), NO_ANSWER)


def clip_metrics(probabilities: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """As `window_metrics`, of clips, with the 95 % interval of accuracy. No answer counts as wrong in accuracy and F1.

    Negative log likelihood and calibration error are of the answered clips alone; None where there is none, and the
    latter below MIN_CLIPS_FOR_CALIBRATION of them.
    """
    answers = clip_answers(probabilities)
    answered = answers != NO_ANSWER
    num_answered = int(answered.sum())
    enough = num_answered >= MIN_CLIPS_FOR_CALIBRATION
    num_right = int((answers == truth).sum())
    return {
        "num_clips": len(truth),
        "num_answered": num_answered,
        "num_unanswered": len(truth) - num_answered,
        "accuracy": num_right / len(truth),
        "accuracy_interval_95": list(wilson_interval(num_right, len(truth))),
        "macro_f1": macro_f1(answers, truth),
        "nll": negative_log_likelihood(probabilities[answered], truth[answered]) if num_answered else None,
        "ece": expected_calibration_error(probabilities[answered], truth[answered]) if enough else None,
    }


def class_table(answers: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Precision, recall, F1 and support of each class.

    Precision is None for a class that was never answered, recall for one that the truth does not hold.
    """
    from sklearn import metrics

    classes = np.arange(len(labels))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, answers, labels=classes, zero_division=np.nan
    )

    def known(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    return {
        label: {
            "precision": known(precision[index]),
            "recall": known(recall[index]),
            "f1": known(f1[index]),
            "support": int(support[index]),
        }
        for index, label in enumerate(labels)
    }


def confusion(answers: np.ndarray, truth: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts, shape (C, C + 1): rows the truth, columns the answers, the last one those without an answer."""
    from sklearn import metrics

    counts = metrics.confusion_matrix(truth, answers, labels=[*range(num_classes), NO_ANSWER])
    return counts[:-1]


def auroc(known_scores: np.ndarray, unknown_scores: np.ndarray) -> float:
    """How often a known thing scores higher than an unknown one, a tie counting half: 1 is best, 0.5 is chance.

    Args:
      known_scores: of what a bundle was trained to name; higher should mean known. Shape (N,).
      unknown_scores: of what it was not, shape (M,).

    Raises:
      ValueError: if one of the two is empty or holds NaN.

    Source: the area under the receiver operating characteristic, as the Mann-Whitney statistic (Hanley and McNeil,
      1982).
    """
    from sklearn import metrics

    _check_scores(known_scores, unknown_scores)
    known = np.repeat([1, 0], [len(known_scores), len(unknown_scores)])
    return float(metrics.roc_auc_score(known, np.concatenate([known_scores, unknown_scores])))


def false_accept_rate(known_scores: np.ndarray, unknown_scores: np.ndarray, recall: float = 0.95) -> float:
    """The share of unknown things that pass the highest threshold which `recall` of the known ones pass; 0 is best.

    A score passes when it is at or above the threshold, which is the score of one of the known things: where many tie
    with it, more than `recall` of them pass.

    Args:
      known_scores: higher means known, shape (N,).
      unknown_scores: likewise, shape (M,).
      recall: share of the known that must pass, above 0, to 1.

    Raises:
      ValueError: if one of the two is empty or holds NaN, or recall is out of its range.

    Source: FPR95 of Hendrycks and Gimpel's line of work on out-of-distribution detection (2017), the known as positive.
    """
    _check_scores(known_scores, unknown_scores)
    if not 0 < recall <= 1:
        raise ValueError(f"recall is {recall!r}; expected a share above 0, to 1.")
    # 0.95 has no exact binary form: without the tolerance a product that should be whole might be rounded up.
    num_passing = max(1, math.ceil(recall * len(known_scores) - 1e-9))
    threshold = np.sort(known_scores)[-num_passing]
    return float((np.asarray(unknown_scores) >= threshold).mean())


def _check_scores(known_scores: np.ndarray, unknown_scores: np.ndarray) -> None:
    for name, scores in (("known_scores", known_scores), ("unknown_scores", unknown_scores)):
        if not len(scores) or np.isnan(scores).any():
            raise ValueError(f"{name} has {len(scores)} scores, {np.isnan(scores).sum()} NaN; expected some, no NaN.")


def temperature(logits: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The T that makes softmax(logits / T) most likely.

    It is above 1 where the network is overconfident, below 1 where it is underconfident. It changes no answer, only the
    probabilities. Take it from other clips than those that it is evaluated on.

    Args:
      logits: shape (N, C), finite; logarithms of probabilities will do, for softmax gives the probabilities back.
      truth: indices of classes, shape (N,).
      weights: how much each row counts, shape (N,), none below 0, such as 1 / windows of its clip; None: all the same.

    Returns:
      T from MIN_TEMPERATURE to MAX_TEMPERATURE; towards the former where every row is right (as far as it makes a
      difference in float64), towards the latter where the logits mislead.

    Raises:
      ValueError: if there is no row of any weight, shapes do not go together, or a value is not finite.

    Source: Guo et al., On Calibration of Modern Neural Networks, 2017, section 4.2. The loss has one minimum, being
      convex in 1 / T.
    """
    from scipy import optimize, special

    logits, truth = np.asarray(logits, np.float64), np.asarray(truth)
    weights = np.ones(len(truth)) if weights is None else np.asarray(weights, np.float64)
    if logits.ndim != 2 or truth.shape != logits.shape[:1] or weights.shape != truth.shape:
        raise ValueError(
            f"logits, truth and weights have shapes {logits.shape}, {truth.shape}, {weights.shape}; "
            "expected (N, C), (N,), (N,)."
        )
    if not np.isfinite(logits).all():
        raise ValueError("logits hold values that are not finite; expected none.")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError("weights hold a value below 0 or not finite, or sum to 0; expected a sum above 0.")
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        log_probabilities = special.log_softmax(logits / math.exp(log_temperature), axis=1)
        return -float(np.average(log_probabilities[rows, truth], weights=weights))

    bounds = (math.log(MIN_TEMPERATURE), math.log(MAX_TEMPERATURE))
    return math.exp(optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6}).x)
