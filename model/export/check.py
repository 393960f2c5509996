"""How an exported file answers beside the bundle that it was made of: the same windows, one by one."""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from beam_jobs import landmarks, saved_model, storage, windows
from beam_jobs.errors import UserError
from beam_jobs.windows import WindowRule
from model import bundle, clip_rows, dataset, litert, rehearsal

# So far may probabilities of the file without rounded weights be from the bundle's.
MAX_DIFFERENCE = 1e-4
_MAX_WINDOWS = 4000
_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Sample:
    """Windows to compare on.

    Attributes:
      source: what they are, in words.
      landmarks: float32, shape (N, 41, 33, 3).
      timestamps_ms: int64, shape (N, 41).
      truth: the index of each one's label among the bundle's, int32, shape (N,); -1 where it has none.
    """

    source: str
    landmarks: np.ndarray
    timestamps_ms: np.ndarray
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.landmarks)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One file beside the bundle.

    Attributes:
      num_bytes: of the file.
      max_difference: the largest of any probability.
      num_other_answers: windows whose likeliest class is another one.
      accuracy: share of windows with a label that are answered rightly; None where there are none.
      bundle_accuracy: likewise, by the bundle.
      median_ms, p95_ms: a window on one thread of this machine.
    """

    num_bytes: int
    max_difference: float
    num_other_answers: int
    accuracy: float | None
    bundle_accuracy: float | None
    median_ms: float
    p95_ms: float


def sample_tables(tables_path: str, split: str, metadata: dict[str, Any]) -> Sample:
    """Windows of feature tables, with the landmarks that they were made of.

    Raises:
      UserError: if the split has no window.
    """
    rule = WindowRule(**metadata["window"])
    data = dataset.load(tables_path, None if split == "all" else [split], rule)
    if not len(data):
        raise UserError(f"{tables_path}: the split '{split}' has no window; expected some. Try --split all.")
    rows = clip_rows.load_landmarks(tables_path, data, metadata["fingerprint"].get("coordinates", "world"))
    return _sample(f"split {split} of the given tables", data, rows, metadata["labels"], rule)


def sample_bundle(bundle_path: str, metadata: dict[str, Any]) -> Sample:
    """Windows that need no tables: of the bundle's own synthetic athletes, or else of bodies that move at random."""
    rule = WindowRule(**metadata["window"])
    clips = [clip for clip in rehearsal.load(bundle_path) if clip.held_out]
    if not clips:
        return _random(rule)
    with storage.local_folder_copy(storage.join(bundle_path, bundle.TRANSFORM)) as folder:
        transform = saved_model.load(folder).transform_fn
        data, rows = rehearsal.to_windows(clips, transform, metadata["frame_rate_hz"], rule)
    return _sample("synthetic athletes of the bundle, not trained on", data, rows, metadata["labels"], rule)


def _sample(source: str, data: dataset.Windows, rows: np.ndarray, labels: Sequence[str], rule: WindowRule) -> Sample:
    chosen = np.arange(len(data))
    if len(data) > _MAX_WINDOWS:
        chosen = np.sort(np.random.default_rng(0).choice(len(data), _MAX_WINDOWS, replace=False))
    fed, times = zip(*_inputs(data, rows, chosen, rule), strict=True)
    return Sample(source, np.stack(fed), np.stack(times), data.labels(labels)[chosen])


def _inputs(
    data: dataset.Windows, rows: np.ndarray, chosen: np.ndarray, rule: WindowRule
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for index in chosen:
        clip = data.clips[data.clip[index]]
        last = int(data.positions[index, -1]) - clip.first_row
        times = data.timestamp_ms[clip.rows]
        yield windows.end_to_end_inputs(rows[clip.rows], times - times[0], last, rule)


def _random(rule: WindowRule, num: int = 300) -> Sample:
    """Bodies of no shape that move at random; a part of their rows is missing."""
    rng = np.random.default_rng(0)
    num_rows = windows.rows_fed(rule)
    body = rng.normal(0, 0.3, (num, 1, landmarks.NUM_LANDMARKS, 3))
    rows = body + rng.normal(0, 0.05, (num, num_rows, landmarks.NUM_LANDMARKS, 3)).cumsum(axis=1)
    times = np.cumsum(rng.integers(30, 200, (num, num_rows)), axis=1)
    missing = rng.random((num, num_rows)) < 0.1
    missing[:, -1] = False
    rows[missing] = np.nan
    started = rng.integers(0, num_rows // 2, num)
    before = np.arange(num_rows) < started[:, None]
    rows[before], times[before] = np.nan, -1
    return Sample("bodies that move at random", rows.astype(np.float32), times, np.full(num, -1, np.int32))


def bundle_probabilities(bundle_path: str, sample: Sample) -> np.ndarray:
    """What the bundle's end-to-end SavedModel answers, float32, shape (N, C)."""
    import tensorflow as tf

    with storage.local_folder_copy(storage.join(bundle_path, bundle.END_TO_END)) as folder:
        graph = saved_model.load(folder)
        parts = [
            graph.serve(
                tf.constant(sample.landmarks[start : start + _BATCH]),
                tf.constant(sample.timestamps_ms[start : start + _BATCH], tf.int64),
            ).numpy()
            for start in range(0, len(sample), _BATCH)
        ]
    return np.concatenate(parts)


def compare(path: str, sample: Sample, expected: np.ndarray) -> Comparison:
    """Runs a file over all windows, one by one.

    Args:
      path: the file.
      sample: the windows.
      expected: as `bundle_probabilities`.
    """
    model = litert.ExportedModel(path)
    answers = np.empty_like(expected)
    seconds = np.empty(len(sample))
    for index in range(len(sample)):
        started = time.perf_counter()
        answers[index], _ = model.run(sample.landmarks[index], sample.timestamps_ms[index])
        seconds[index] = time.perf_counter() - started
    known = sample.truth >= 0

    def accuracy(probabilities: np.ndarray) -> float | None:
        return float((probabilities[known].argmax(axis=1) == sample.truth[known]).mean()) if known.any() else None

    with open(path, "rb") as file:
        num_bytes = len(file.read())
    return Comparison(
        num_bytes=num_bytes,
        max_difference=float(np.abs(answers - expected).max()),
        num_other_answers=int((answers.argmax(axis=1) != expected.argmax(axis=1)).sum()),
        accuracy=accuracy(answers),
        bundle_accuracy=accuracy(expected),
        median_ms=float(np.median(seconds) * 1000),
        p95_ms=float(np.percentile(seconds, 95) * 1000),
    )
