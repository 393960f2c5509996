"""From logits to probabilities: how sure a network may be, and from where on an exercise is one of those it knows."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from beam_jobs.labels import NO_EXERCISE

# Of the windows of people who do none of the exercises, so many may get the name of one ...
_MOST_OTHERS_NAMED = 0.05
# ... but so many of those of the exercises keep theirs, whatever that costs.
_LEAST_EXERCISES_NAMED = 0.9
_THRESHOLDS = (0.05, 0.95)
NO_THRESHOLD = 0.5


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What a bundle does to its network's logits. Every export has it inside its graph.

    Attributes:
      temperature: divides the logits.
      known_threshold: of 1 - P(none), as the network has it: from here on, P(none) is below one half in what the bundle
        says. 0.5 changes nothing.
    """

    temperature: float = 1.0
    known_threshold: float = NO_THRESHOLD

    def bias(self, labels: Sequence[str]) -> np.ndarray:
        """What is added to the logits, after they are divided: float32, shape (C,); zeros without the class `none`."""
        odds = math.log(self.known_threshold / (1 - self.known_threshold))
        return np.array([odds if label == NO_EXERCISE else 0.0 for label in labels], np.float32)

    def probabilities(self, logits: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Of logits, shape (N, C): float64, likewise."""
        from scipy import special

        return np.asarray(special.softmax(logits.astype(np.float64) / self.temperature + self.bias(labels), axis=1))


# What the logits of a network say as they are.
UNCHANGED = Calibration()


def known_probability(probabilities: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """How probable it is that a window shows one of the exercises, shape (N, C) to (N,): 1 without the class `none`.

    The one score for "none of mine": live, the jobs and `evaluate` ask for no other.
    """
    if NO_EXERCISE not in labels:
        return np.ones(len(probabilities))
    return np.asarray(1 - probabilities[:, list(labels).index(NO_EXERCISE)])


def known_threshold(known: np.ndarray, is_exercise: np.ndarray, weights: np.ndarray) -> float:
    """The threshold that people who were not trained on ask for.

    At it, one in twenty windows of people who do none of the exercises gets the name of one. Where that would take the
    name from more than a tenth of the windows of exercises, it is the lower one that takes it from a tenth.

    Args:
      known: `known_probability` of windows, shape (N,).
      is_exercise: which of them show an exercise, bool, shape (N,).
      weights: how much each counts, shape (N,), such as 1 / windows of its clip.

    Returns:
      From 0.05 to 0.95; 0.5, which changes nothing, where one of the two kinds is not there.
    """
    if is_exercise.all() or not is_exercise.any():
        return NO_THRESHOLD
    others = _quantile(known[~is_exercise], weights[~is_exercise], 1 - _MOST_OTHERS_NAMED)
    exercises = _quantile(known[is_exercise], weights[is_exercise], 1 - _LEAST_EXERCISES_NAMED)
    return float(np.clip(min(others, exercises), *_THRESHOLDS))


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The least value with at least `share` of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, share * below[-1])])
