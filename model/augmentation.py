"""Windows cut from landmarks inside the graph, augmented before the features, so that angles and speeds stay correct.

Bodies are mirrored, turned, tilted, scaled, shaken and played at another tempo; rows are dropped. Pure TensorFlow.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from beam_jobs import landmarks as names
from beam_jobs import windows
from beam_jobs.features import geometry
from model import dataset
from model.config import WINDOW_LENGTH, AugmentationConfig

_ROWS_FED = WINDOW_LENGTH + windows.HISTORY_LENGTH - 1

# What a camera may not see. The order decides which part a random number stands for.
_PARTS = tuple(names.BODY_PARTS[part] for part in ("left_arm", "right_arm", "arms", "lower_legs", "legs", "head"))


@dataclasses.dataclass(frozen=True)
class Sequences:
    """Landmarks of many clips, one row after another.

    Attributes:
      landmarks: float32, shape (1 + R, 33, 3); NaN where no person is, as in row 0, which stands for missing rows.
      timestamps_ms: float32, shape (1 + R,).
      first_row: of the clip that each row belongs to, int32, shape (1 + R,).
    """

    landmarks: tf.Tensor
    timestamps_ms: tf.Tensor
    first_row: tf.Tensor

    @classmethod
    def of(cls, data: dataset.Windows, landmarks: np.ndarray) -> "Sequences":
        """The clips of `data`, with the landmarks of its rows, float32, shape (R, 33, 3)."""
        first_row = np.zeros(1 + len(landmarks), np.int32)
        for clip in data.clips:
            first_row[1:][clip.rows] = 1 + clip.first_row
        missing = np.full((1, *landmarks.shape[1:]), np.nan, np.float32)
        timestamps_ms = np.concatenate([[-1], data.timestamp_ms])
        return cls(
            tf.constant(np.concatenate([missing, landmarks])),
            tf.constant(timestamps_ms, tf.float32),
            tf.constant(first_row),
        )


class Augmenter:
    """Windows of features from clips' landmarks, each time with another body, camera and tempo."""

    def __init__(
        self, data: dataset.Windows, landmarks: np.ndarray, featurize: Callable, config: AugmentationConfig
    ) -> None:
        """Stores the landmarks for the graph.

        Args:
          data: windows of clips.
          landmarks: of each of its rows, float32, shape (R, 33, 3), from `clip_rows.load_landmarks`.
          featurize: from (rows, timestamps) as `end_to_end.window_features` takes them to what it returns; called while
            this class's graph is built.
          config: how much of what.
        """
        sequences = Sequences.of(data, landmarks)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32)])
        def windows_of(last, seed):
            rows, times = resample_windows(sequences, last, _ROWS_FED, stretch(tf.shape(last)[0], seed, config))
            features = featurize(augment(rows, seed, config), times)
            if not config.noise:
                return features
            there = tf.reduce_any(features != 0, axis=-1, keepdims=True)
            noise = config.noise * tf.random.stateless_normal(tf.shape(features), seed + 13)
            return tf.where(there, features + noise, 0.0)

        self._windows_of = windows_of

    def __call__(self, last: np.ndarray, seed: tuple[int, int]) -> np.ndarray:
        """The windows that end in given rows, shape (B,): float32, shape (B, 34, 189)."""
        return self._windows_of(tf.constant(last, tf.int32), tf.constant(seed, tf.int32)).numpy()


def resample_windows(
    sequences: Sequences, last: tf.Tensor, num_rows: int, stretch: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows that end in given ones, at another tempo.

    Args:
      sequences: all clips.
      last: the rows to end in, int32, shape (B,).
      num_rows: how many to take, N.
      stretch: how much faster the movement shall be than it was, float32, shape (B,); 1 takes rows as they are.

    Returns:
      Landmarks, float32, shape (B, N, 33, 3), interpolated between two rows where need be: NaN where one of them has
      no person, and before the clip's start; and timestamps in ms, int64, shape (B, N), -1 before the clip's start.
    """
    last = last + 1  # behind the row for what is missing
    back = tf.range(num_rows - 1, -1, -1, dtype=tf.float32) * stretch[:, None]
    position = tf.cast(last, tf.float32)[:, None] - back
    # A whole number of rows comes out a little off after the product.
    position = tf.where(tf.abs(position - tf.round(position)) < 1e-3, tf.round(position), position)
    lower = tf.floor(position)
    share = position - lower
    there = lower >= tf.cast(tf.gather(sequences.first_row, last), tf.float32)[:, None]
    before = tf.where(there, tf.cast(lower, tf.int32), 0)
    after = tf.where(there, tf.cast(tf.math.ceil(position), tf.int32), 0)
    rows = tf.gather(sequences.landmarks, before)
    rows += share[..., None, None] * (tf.gather(sequences.landmarks, after) - rows)
    time = tf.gather(sequences.timestamps_ms, before)
    time += share * (tf.gather(sequences.timestamps_ms, after) - time)
    # Played quicker, the same rows lie closer together.
    end = time[:, -1:]
    time = end - (end - time) / stretch[:, None]
    start = tf.reduce_min(tf.where(there, time, time[:, -1:]), axis=1, keepdims=True)
    return rows, tf.where(there, tf.cast(tf.round(time - start), tf.int64), -1)


def augment(rows: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    """Another body, camera and estimator for each window; bodies stay where their hips are.

    Args:
      rows: landmarks in any unit, float32, shape (B, N, 33, 3): x to the right, y down, z away; NaN where missing.
      seed: int32, shape (2,); the same gives the same.
      config: how much of what.

    Returns:
      Likewise; rows that are dropped are NaN. The last row never is: a window ends in a row with a person.
    """
    num, length = tf.shape(rows)[0], rows.shape[1]
    seeds = tf.unstack(tf.random.split(seed, 18))

    def uniform(index: int, low: float, high: float, *shape: int):
        return tf.random.stateless_uniform((num, *shape), seeds[index], low, high)

    def normal(index: int, deviation: float, *shape: int):
        return tf.random.stateless_normal((num, *shape), seeds[index], 0.0, deviation)

    middle = geometry.mid_hip(rows)
    rows = rows - middle[:, :, None]
    torso = _mean_torso(geometry.mid_shoulder(rows))[:, None, None, None]
    if config.mirror_probability:
        mirrored = tf.gather(rows, names.MIRROR_INDICES, axis=2) * tf.constant([-1.0, 1.0, 1.0])
        rows = tf.where(uniform(0, 0, 1, 1, 1, 1) < config.mirror_probability, mirrored, rows)
    if config.max_yaw_degrees or config.tilt_degrees:
        yaw = uniform(1, -1, 1) * math.radians(config.max_yaw_degrees)
        tilt = normal(2, math.radians(config.tilt_degrees), 2)
        rows = tf.einsum("bij,bnlj->bnli", _rotation(yaw, tilt[:, 0], tilt[:, 1]), rows)
    if config.scale:
        rows = rows * tf.exp(normal(3, config.scale, 1, 1, 3))
    if config.occlusion_probability:
        rows = _hide(rows, torso, uniform, normal, config.occlusion_probability)
    if config.offset:
        # The errors of an estimator that stay as long as the body looks the same.
        rows = rows + torso * normal(4, config.offset, 1, names.NUM_LANDMARKS, 3)
    if config.jitter:
        amount = uniform(5, 0, config.jitter, 1, 1, 1)
        rows = rows + torso * amount * normal(6, 1.0, length, names.NUM_LANDMARKS, 3)
    rows = rows + middle[:, :, None]
    return tf.where(_kept(uniform, length, config)[:, :, None, None], rows, float("nan"))


def _hide(rows: tf.Tensor, torso: tf.Tensor, uniform, normal, probability: float) -> tf.Tensor:
    """Moves a part of some bodies to where an estimator may guess it that does not see it.

    In a third of them it stays at its mean place, in a third it hangs from where it begins, in a third it moves as it
    did; then the part is shifted as a whole and each of its landmarks for itself, by the same in all rows.

    Args:
      rows: from the middle of the hips, float32, shape (B, N, 33, 3).
      torso: its length, shape (B, 1, 1, 1).
      uniform: draws, as in `augment`.
      normal: likewise.
      probability: that a body has such a part.
    """
    roots = np.tile(np.arange(names.NUM_LANDMARKS), (len(_PARTS) + 1, 1))
    for part, limbs in enumerate(_PARTS):
        for root, hidden in limbs.items():
            roots[part, list(hidden)] = root
    # No part is the last one.
    drawn = uniform(12, 0, 1)
    part = tf.where(drawn < probability, tf.cast(drawn / probability * len(_PARTS), tf.int32), len(_PARTS))
    root = tf.gather(tf.constant(roots, tf.int32), part)
    hidden = (root != tf.range(names.NUM_LANDMARKS))[:, None, :, None]
    anchors = tf.gather(rows, root, axis=2, batch_dims=1)
    down = -geometry.mid_shoulder(rows)
    down = (down / tf.norm(down, axis=-1, keepdims=True))[:, :, None]
    far = tf.norm(rows - anchors, axis=-1, keepdims=True)
    guess = tf.where(uniform(13, 0, 1, 1, 1, 1) < 0.5, _mean_of_rows(rows), anchors + _mean_of_rows(far) * down)
    guess = tf.where(uniform(14, 0, 1, 1, 1, 1) < 1 / 3, rows, guess)
    guess += torso * (normal(15, 0.25, 1, 1, 3) + normal(16, 0.1, 1, names.NUM_LANDMARKS, 3))
    return tf.where(hidden & tf.math.is_finite(rows), guess, rows)


def _mean_of_rows(values: tf.Tensor) -> tf.Tensor:
    """The mean over the rows that are there, shape (B, 1, ...)."""
    known = tf.math.is_finite(values)
    total = tf.reduce_sum(tf.where(known, values, 0.0), axis=1, keepdims=True)
    return total / tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32), axis=1, keepdims=True), 1.0)


def stretch(num: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    """How much quicker each window's movement is played, float32, shape (num,)."""
    return tf.exp(tf.random.stateless_uniform((num,), seed + 7, -config.max_tempo_change, config.max_tempo_change))


def _kept(uniform, length: int, config: AugmentationConfig) -> tf.Tensor:
    """Which rows stay, bool, shape (B, N)."""
    row = tf.range(length)[None]
    share = uniform(8, 0, config.max_drop_share or 1e-9, 1)
    kept = uniform(9, 0, 1, length) >= share
    history = windows.HISTORY_LENGTH - 1
    lead = tf.floor(uniform(10, 0, config.max_lead_rows + 1, 1)) + history
    leads = uniform(11, 0, 1, 1) < config.late_start_probability
    kept &= tf.cast(row, tf.float32) >= tf.where(leads, lead, 0.0)
    return kept | (row == length - 1)


def _mean_torso(shoulders: tf.Tensor) -> tf.Tensor:
    """About how long each window's torso is, shape (B,): the mean over the rows with a person."""
    lengths = tf.norm(shoulders, axis=-1)
    known = tf.math.is_finite(lengths)
    total = tf.reduce_sum(tf.where(known, lengths, 0.0), axis=1)
    return total / tf.maximum(tf.reduce_sum(tf.cast(known, tf.float32), axis=1), 1.0)


def _rotation(yaw: tf.Tensor, pitch: tf.Tensor, roll: tf.Tensor) -> tf.Tensor:
    """Rotations about the vertical axis (y), then x, then z, by radians of shape (B,): shape (B, 3, 3)."""
    zero, one = tf.zeros_like(yaw), tf.ones_like(yaw)

    def matrix(*entries):
        return tf.reshape(tf.stack(entries, axis=-1), (-1, 3, 3))

    cos, sin = tf.cos(yaw), tf.sin(yaw)
    about_y = matrix(cos, zero, sin, zero, one, zero, -sin, zero, cos)
    cos, sin = tf.cos(pitch), tf.sin(pitch)
    about_x = matrix(one, zero, zero, zero, cos, -sin, zero, sin, cos)
    cos, sin = tf.cos(roll), tf.sin(roll)
    about_z = matrix(cos, -sin, zero, sin, cos, zero, zero, zero, one)
    return about_z @ about_x @ about_y
