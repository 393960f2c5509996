"""A window in which nothing moves can only show a hold (a plank, say): a photograph is not an exercise.

The rule stands behind the classifier, in `Bundle.probabilities` and in the end-to-end graph, so live, `evaluate` and
every export give the same answers.
"""

from collections.abc import Callable, Sequence

import numpy as np

from beam_jobs import landmarks, tables, taxonomy
from beam_jobs.labels import NO_EXERCISE

# Movement is the widest range of a limb's landmark, sideways or up and down, without the two outermost rows on either
# side. Measured on 292 real clips and 25 photographs shown for 5 s each (results/README.md).
STILL_TORSO_LENGTHS = 0.1
_OUTERMOST_ROWS = 2
# At fewer rows with a person a window says too little about movement.
_MIN_ROWS = 15
_LIMB_LANDMARKS = (
    *(landmarks.LEFT_SHOULDER, landmarks.RIGHT_SHOULDER, landmarks.LEFT_ELBOW, landmarks.RIGHT_ELBOW),
    *(landmarks.LEFT_WRIST, landmarks.RIGHT_WRIST, landmarks.LEFT_HIP, landmarks.RIGHT_HIP),
    *(landmarks.LEFT_KNEE, landmarks.RIGHT_KNEE, landmarks.LEFT_ANKLE, landmarks.RIGHT_ANKLE),
)
# Of the 189 features, x and y of those landmarks. Not z: an estimate's depth shakes.
_COLUMNS = [3 * index + axis for index in _LIMB_LANDMARKS for axis in (0, 1)]


def holds_of(labels: Sequence[str]) -> list[str]:
    """Which of the labels the table of exercises says are holds; a bundle.json may name others as "holds"."""
    known = taxonomy.known_exercises()
    return [label for label in labels if label in known and known[label].is_hold]


def feature_scale(transform: Callable, history_length: int) -> np.ndarray:
    """What one unit of a standardised coordinate is in torso lengths, read off a transform graph.

    Args:
      transform: a transform graph's `transform_fn`.
      history_length: H, rows in a history.

    Returns:
      float32, shape (24,): x and y of the twelve landmarks of arms, legs and trunk.
    """
    import tensorflow as tf

    rows = np.random.default_rng(0).normal(size=(2, 1, landmarks.NUM_LANDMARKS, 3)).astype(np.float32)
    outputs = transform(
        {
            "landmarks": tf.constant(np.repeat(rows, history_length, axis=1)),
            "timestamp_ms": tf.zeros((2, history_length), tf.int64),
        }
    )
    lengths = np.diff(outputs[tables.NORMALIZED.name].numpy()[:, _COLUMNS], axis=0)[0]
    units = np.diff(outputs[tables.FINAL_FEATURES.name].numpy()[:, _COLUMNS], axis=0)[0]
    # A column that never changed in training is not standardised to anything: it says nothing of movement.
    return np.divide(lengths, units, out=np.zeros_like(lengths), where=units != 0).astype(np.float32)


def movement_torso_lengths(feature_windows, scale):
    """How far the limb that moves most moves in each window.

    Args:
      feature_windows: standardised features, float32, shape (B, T, 189); a row of zeros where no person was detected.
      scale: as `feature_scale` returns it.

    Returns:
      float32, shape (B,); infinity where too few rows have a person.
    """
    import tensorflow as tf

    present = tf.reduce_any(tf.not_equal(feature_windows, 0), axis=2)
    # (B, 24, T): the largest values are found along the last axis.
    places = tf.transpose(tf.gather(feature_windows, _COLUMNS, axis=2) * scale, [0, 2, 1])
    lowest = tf.constant(-1e9, tf.float32)
    high, low = (
        tf.math.top_k(tf.where(present[:, None, :], sign * places, lowest), _OUTERMOST_ROWS + 1).values[..., -1]
        for sign in (1.0, -1.0)
    )
    movement = tf.reduce_max(high + low, axis=1)
    enough = tf.reduce_sum(tf.cast(present, tf.int32), axis=1) >= _MIN_ROWS
    return tf.where(enough, movement, tf.fill(tf.shape(movement), float("inf")))


def without_still_exercises(probabilities, movement, labels: Sequence[str], holds: Sequence[str]):
    """Probabilities in which a window without movement shows a hold or no exercise.

    What is taken from the other exercises goes to `none`; without that class it is spread evenly over all, which means
    "not sure".

    Args:
      probabilities: float32, shape (B, C).
      movement: as `movement_torso_lengths` returns it, shape (B,).
      labels: the classes.
      holds: which of them are held.

    Returns:
      float32, shape (B, C).
    """
    import tensorflow as tf

    moving = tf.constant([label != NO_EXERCISE and label not in holds for label in labels])
    taken = tf.where(moving, probabilities, tf.zeros_like(probabilities))
    rest = tf.reduce_sum(taken, axis=1, keepdims=True)
    if NO_EXERCISE in labels:
        share = tf.one_hot(labels.index(NO_EXERCISE), len(labels))
    else:
        share = tf.fill([len(labels)], 1 / len(labels))
    still = (movement < STILL_TORSO_LENGTHS)[:, None]
    return tf.where(still, probabilities - taken + rest * share, probabilities)
