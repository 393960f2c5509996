"""A classifier's predictions for every window of a split."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from model import dataset
from model.evaluation import metrics


def group_hash(group: str) -> str:
    """A hash of a group's name: a bundle keeps it, to recognise the groups that it was trained on."""
    return hashlib.sha256(group.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Answers beside the truth.

    Attributes:
      data: the windows, those without a known label too.
      labels: the classes.
      probabilities: of each window, float32, shape (N, C).
      truth: of each window, int32, shape (N,); -1 where its label is unknown or none of the classes.
      clips: indices in `data.clips` of the clips with a label that is a class, answered or not.
      clip_truth, clip_probabilities: of `clips`; shape (M,) and (M, C), NaN where a clip has no window.
    """

    data: dataset.Windows
    labels: tuple[str, ...]
    probabilities: np.ndarray
    truth: np.ndarray
    clips: np.ndarray
    clip_truth: np.ndarray
    clip_probabilities: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Which windows count: those whose label is one of the classes; bool, shape (N,)."""
        return self.truth >= 0

    def compute_metrics(self) -> dict[str, Any]:
        """Metrics of windows and of clips, with the number of groups of each."""
        known = self.known
        return {
            "windows": {
                **metrics.window_metrics(self.probabilities[known], self.truth[known]),
                "num_clips": len(np.unique(self.data.clip[known])),
                "num_groups": len(self.data.groups(known)),
            },
            "clips": {
                **metrics.clip_metrics(self.clip_probabilities, self.clip_truth),
                "num_groups": len({self.data.clips[index].group for index in self.clips}),
            },
        }

    def class_metrics(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Metrics of each class, of windows and of clips, with the number of groups of each."""
        known = self.known
        window_answers, clip_answers = self.probabilities.argmax(axis=1), metrics.clip_answers(self.clip_probabilities)
        classes = {
            "windows": metrics.class_table(window_answers[known], self.truth[known], self.labels),
            "clips": metrics.class_table(clip_answers, self.clip_truth, self.labels),
        }
        for index, label in enumerate(self.labels):
            classes["windows"][label]["num_groups"] = len(self.data.groups(self.truth == index))
            of_clips = {self.data.clips[clip].group for clip in self.clips[self.clip_truth == index]}
            classes["clips"][label]["num_groups"] = len(of_clips)
        return classes


def predictions_of(data: dataset.Windows, probabilities: np.ndarray, labels: Sequence[str]) -> Predictions:
    """Puts the probabilities of all windows beside the truth."""
    of_clips = dataset.clip_labels(data.clips, labels)
    clips = np.flatnonzero(of_clips >= 0)
    return Predictions(
        data=data,
        labels=tuple(labels),
        probabilities=probabilities,
        truth=of_clips[data.clip],
        clips=clips,
        clip_truth=of_clips[clips],
        clip_probabilities=metrics.clip_probabilities(probabilities, data.clip, len(data.clips))[clips],
    )


def to_table(predictions: Predictions) -> pa.Table:
    """One row a window, named by its last row: keys, label, split and the probability of each class."""
    data = predictions.data
    last = data.positions[:, -1]
    clips = [data.clips[index] for index in data.clip]
    columns = {
        "video_id": pa.array([clip.video_id for clip in clips], pa.string()),
        "person_id": pa.array([clip.person_id for clip in clips], pa.int32()),
        "frame_id": pa.array(data.frame_id[last], pa.int64()),
        "timestamp_ms": pa.array(data.timestamp_ms[last], pa.int64()),
        "label": pa.array([clip.label for clip in clips], pa.string()),
        "group": pa.array([clip.group for clip in clips], pa.string()),
        "split": pa.array([clip.split for clip in clips], pa.string()),
    }
    for index, label in enumerate(predictions.labels):
        columns[f"probability_{label}"] = pa.array(predictions.probabilities[:, index], pa.float32())
    return pa.table(columns)
