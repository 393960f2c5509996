"""Other coordinates of the same bodies: the benchmark compares them with world landmarks."""

import dataclasses
from collections.abc import Callable

import numpy as np

from beam_jobs import landmarks, storage, tables, windows
from model import clip_rows, config
from model.benchmark import cross_validation, robustness

# How much of the direction in which a body faces is the newest row's.
_NEWEST_SHARE = 0.2


def convert_coordinates(
    labelled: cross_validation.LabelledWindows, kind: str, tables_path: str
) -> cross_validation.LabelledWindows:
    """The same clips and windows in other coordinates, with their features.

    Args:
      labelled: clips in world landmarks.
      kind: "image": image landmarks in pixels (depth in the unit of the width); "flat": without depth; "facing":
        each row turned about the vertical axis so that the body faces the camera; "metres": the same landmarks, with
        features that are not divided by the torso's length.
      tables_path: where `labelled` is from.
    """
    if kind == "metres":
        return in_metres(labelled)
    changes: dict[str, Callable[[np.ndarray], np.ndarray]] = {"flat": flat, "facing": facing}
    if kind == "image":
        pixels = clip_rows.load_landmarks(tables_path, labelled.data, "image") * _sizes(tables_path, labelled)[:, None]
        labelled = dataclasses.replace(labelled, landmarks=pixels)
    change = changes.get(kind, lambda rows: rows)
    other = robustness.with_corruption(labelled, lambda rows, times, _: (change(rows), times), config.Config().window)
    return dataclasses.replace(other, coordinates=kind)


def _sizes(tables_path: str, labelled: cross_validation.LabelledWindows) -> np.ndarray:
    """Each row's picture (width, height, width) in pixels, float32, shape (R, 3); ones where it is not known."""
    read = storage.read_table(tables_path, tables.QUALITY, ["video_id", "width_px", "height_px"]).to_pylist()
    known = {row["video_id"]: (row["width_px"] or 1, row["height_px"] or 1) for row in read}
    sizes = np.ones((len(labelled.landmarks), 3), np.float32)
    for clip in labelled.data.clips:
        width, height = known[clip.video_id]
        sizes[clip.rows] = width, height, width
    return sizes


def in_metres(labelled: cross_validation.LabelledWindows) -> cross_validation.LabelledWindows:
    """The same clips, with lengths, speeds and accelerations in metres, not in torso lengths."""
    import tensorflow as tf

    from beam_jobs.features import geometry

    torso = np.full((len(labelled.landmarks), 1), np.nan, np.float32)
    for clip in labelled.data.clips:
        history, _ = windows.histories(labelled.landmarks[clip.rows], labelled.data.timestamp_ms[clip.rows])
        torso[clip.rows, 0] = geometry.torso_length(tf.constant(history)).numpy()
    scale = np.where(cross_validation.IN_TORSO_LENGTHS, torso, np.float32(1))
    return dataclasses.replace(labelled, physical=labelled.physical * scale, coordinates="metres")


def flat(rows: np.ndarray) -> np.ndarray:
    """Without depth: float32, shape (T, 33, 3), z 0 where a person is."""
    return rows * np.array([1, 1, 0], np.float32)


def facing(rows: np.ndarray) -> np.ndarray:
    """Bodies turned about the vertical axis until they face the camera: left is at the right of the picture.

    The direction is an average over a row's past: a single estimate of a person who lies or stands sideways may jump.

    Args:
      rows: world landmarks of one clip, float32, shape (T, 33, 3); NaN where no person is.
    """
    across = rows[:, landmarks.LEFT_HIP] - rows[:, landmarks.RIGHT_HIP]
    across = across + rows[:, landmarks.LEFT_SHOULDER] - rows[:, landmarks.RIGHT_SHOULDER]
    mean = np.zeros(3)
    turned = np.full_like(rows, np.nan)
    for index, newest in enumerate(across):
        if not np.isfinite(newest).all():
            continue
        mean = newest if not mean.any() else (1 - _NEWEST_SHARE) * mean + _NEWEST_SHARE * newest
        angle = np.arctan2(mean[2], mean[0])
        cos, sin = np.cos(angle), np.sin(angle)
        turned[index] = rows[index] @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]], np.float32)
    return turned
