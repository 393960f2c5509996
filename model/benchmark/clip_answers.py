"""From probabilities of windows to answers for clips."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from beam_jobs.labels import NO_EXERCISE
from model import dataset
from model.benchmark import cross_validation
from model.benchmark.cross_validation import LabelledWindows
from model.evaluation import metrics

# How many of a clip's latest windows answer together: 1 is the latest alone; a window comes every 0.2 s.
SMOOTHING_WINDOWS = (1, 3, 5, 10, 20)


def averaged_accuracy(found: LabelledWindows, probabilities: np.ndarray, num: int) -> float:
    """The share of windows at which the mean of a clip's latest windows is right (live answers by the latest alone).

    Args:
      found: the clips; windows in order.
      probabilities: of all windows, shape (N, C); NaN where not tested.
      num: of so many windows, or as many as have been.
    """
    tested = np.isfinite(probabilities[:, 0]) & (found.truth >= 0)
    total = np.cumsum(np.concatenate([np.zeros((1, probabilities.shape[1])), probabilities[tested]]), axis=0)
    clip = found.data.clip[tested]
    first = np.searchsorted(clip, clip)
    end = np.arange(len(clip)) + 1
    mean = total[end] - total[np.maximum(first, end - num)]
    return float((mean.argmax(axis=1) == found.truth[tested]).mean())


def of_clips(found: LabelledWindows, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The clips of known classes as indices, and the mean of each one's tested windows' probabilities (NaN: none)."""
    tested = np.isfinite(probabilities[:, 0]) & (found.truth >= 0)
    clips = np.flatnonzero(dataset.clip_labels(found.data.clips, found.labels) >= 0)
    return clips, metrics.clip_probabilities(probabilities[tested], found.data.clip[tested], len(found.data.clips))[
        clips
    ]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a clip was called.

    Attributes:
      clip: who it is.
      answer: a label, or "" where the clip has no window.
      probability: of the answer, the mean over the clip's windows; NaN where there is none.
      of_truth: of the clip's own label, likewise.
    """

    clip: dataset.Clip
    answer: str
    probability: float
    of_truth: float


def clip_answers(found: LabelledWindows, probabilities: np.ndarray) -> list[Answer]:
    """What the clips of known classes were called.

    Args:
      found: the clips.
      probabilities: of all windows, shape (N, C), NaN where not tested; of a class beyond `found.labels`, `none`.
    """
    clips, whole = of_clips(found, probabilities)
    names = ["", *[*found.labels, NO_EXERCISE][: probabilities.shape[1]]]
    return [
        Answer(clip, names[answer + 1], float(of[answer]), float(of[found.labels.index(str(clip.label))]))
        for clip, of, answer in zip(
            (found.data.clips[index] for index in clips), whole, metrics.clip_answers(whole), strict=True
        )
    ]


def confusion_counts(answers: Sequence[Answer]) -> dict[str, dict[str, int]]:
    """What the clips of each class were called, and how often; "" stands for no answer."""
    counts: dict[str, dict[str, int]] = {}
    for one in sorted(answers, key=lambda one: (str(one.clip.label), one.answer)):
        own = counts.setdefault(str(one.clip.label), {})
        own[one.answer] = own.get(one.answer, 0) + 1
    return counts


def clip_metrics(found: LabelledWindows, probabilities: np.ndarray) -> dict:
    """Window and clip figures of a whole cross-validation, `probabilities` of all windows, NaN where not tested."""
    tested = np.isfinite(probabilities[:, 0]) & (found.truth >= 0)
    truth = dataset.clip_labels(found.data.clips, found.labels)
    clips, whole = of_clips(found, probabilities)
    return {
        "windows": metrics.window_figures(probabilities[tested], found.truth[tested]),
        "clips": metrics.clip_figures(whole, truth[clips]),
        "averaged": {str(num): averaged_accuracy(found, probabilities, num) for num in SMOOTHING_WINDOWS},
    }


def calibrated(
    logits: np.ndarray, fold: np.ndarray, found: cross_validation.LabelledWindows
) -> tuple[np.ndarray, list[float]]:
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
            probabilities[own] = cross_validation.softmax(logits[own])
            continue
        weights = 1 / counts[found.data.clip[rest]]
        value = metrics.temperature(logits[rest], found.truth[rest], weights)
        found_temperatures.append(value)
        probabilities[own] = cross_validation.softmax(logits[own] / value)
    return probabilities, found_temperatures
