"""From probabilities of windows to the answer for each clip, and the metrics of both."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from beam_jobs.labels import NO_EXERCISE
from model import dataset
from model.benchmark import cross_validation
from model.benchmark.cross_validation import LabelledWindows
from model.evaluation import metrics

# How many of a clip's latest windows answer together: 1 is the latest alone; a window comes every 0.2 s.
SMOOTHING_WINDOWS = (1, 3, 5, 10, 20)


def smoothed_accuracy(labelled: LabelledWindows, probabilities: np.ndarray, num: int) -> float:
    """The accuracy at each window if the mean of the clip's latest windows answered (live takes the latest alone).

    Args:
      labelled: the clips; windows in order.
      probabilities: of all windows, shape (N, C); NaN where not tested.
      num: how many windows, or as many as there have been.
    """
    tested = np.isfinite(probabilities[:, 0]) & (labelled.truth >= 0)
    total = np.cumsum(np.concatenate([np.zeros((1, probabilities.shape[1])), probabilities[tested]]), axis=0)
    clip = labelled.data.clip[tested]
    first = np.searchsorted(clip, clip)
    end = np.arange(len(clip)) + 1
    mean = total[end] - total[np.maximum(first, end - num)]
    return float((mean.argmax(axis=1) == labelled.truth[tested]).mean())


def clip_probabilities(labelled: LabelledWindows, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices of clips of known classes, and the mean probabilities of each one's tested windows (NaN: none)."""
    tested = np.isfinite(probabilities[:, 0]) & (labelled.truth >= 0)
    clips = np.flatnonzero(dataset.clip_labels(labelled.data.clips, labelled.labels) >= 0)
    means = metrics.clip_probabilities(probabilities[tested], labelled.data.clip[tested], len(labelled.data.clips))
    return clips, means[clips]


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer for a clip.

    Attributes:
      clip: the clip.
      answer: a label, or "" where the clip has no window.
      probability: of the answer, the mean over the clip's windows; NaN without a window.
      label_probability: of the clip's own label, likewise.
    """

    clip: dataset.Clip
    answer: str
    probability: float
    label_probability: float


def clip_answers(labelled: LabelledWindows, probabilities: np.ndarray) -> list[Answer]:
    """The answers for the clips of known classes.

    Args:
      labelled: the clips.
      probabilities: of all windows, shape (N, C), NaN where not tested; a class beyond `labelled.labels` is `none`.
    """
    clips, means = clip_probabilities(labelled, probabilities)
    names = ["", *[*labelled.labels, NO_EXERCISE][: probabilities.shape[1]]]
    return [
        Answer(clip, names[answer + 1], float(mean[answer]), float(mean[labelled.labels.index(str(clip.label))]))
        for clip, mean, answer in zip(
            (labelled.data.clips[index] for index in clips), means, metrics.clip_answers(means), strict=True
        )
    ]


def confusion_counts(answers: Sequence[Answer]) -> dict[str, dict[str, int]]:
    """For each label, how many of its clips got which answer; "" stands for no answer."""
    counts: dict[str, dict[str, int]] = {}
    for one in sorted(answers, key=lambda one: (str(one.clip.label), one.answer)):
        of_label = counts.setdefault(str(one.clip.label), {})
        of_label[one.answer] = of_label.get(one.answer, 0) + 1
    return counts


def clip_metrics(labelled: LabelledWindows, probabilities: np.ndarray) -> dict[str, Any]:
    """Metrics of all windows and clips; `probabilities` of all windows, shape (N, C), NaN where not tested."""
    tested = np.isfinite(probabilities[:, 0]) & (labelled.truth >= 0)
    truth = dataset.clip_labels(labelled.data.clips, labelled.labels)
    clips, means = clip_probabilities(labelled, probabilities)
    return {
        "windows": metrics.window_metrics(probabilities[tested], labelled.truth[tested]),
        "clips": metrics.clip_metrics(means, truth[clips]),
        "smoothed_accuracy": {str(num): smoothed_accuracy(labelled, probabilities, num) for num in SMOOTHING_WINDOWS},
    }


def calibrated(logits: np.ndarray, fold: np.ndarray, labelled: LabelledWindows) -> tuple[np.ndarray, list[float]]:
    """Probabilities of windows, each fold's with the temperature that suits the other folds; and these temperatures.

    Every clip counts the same. The other folds' logits are of people whom their networks were not trained on, and a
    fold's own logits have no part in its temperature.
    """
    probabilities = np.full(logits.shape, np.nan)
    counts = np.bincount(labelled.data.clip[fold >= 0], minlength=len(labelled.data.clips))
    temperatures = []
    for number in np.unique(fold[fold >= 0]):
        own, rest = fold == number, (fold >= 0) & (fold != number)
        if not rest.any():
            # One fit tests all clips: there are no others to take a temperature from.
            probabilities[own] = cross_validation.softmax(logits[own])
            continue
        weights = 1 / counts[labelled.data.clip[rest]]
        value = metrics.temperature(logits[rest], labelled.truth[rest], weights)
        temperatures.append(value)
        probabilities[own] = cross_validation.softmax(logits[own] / value)
    return probabilities, temperatures
