"""preprocessing_fn: from a row's history of landmarks to its features. The one graph that batch and live run."""

import tensorflow as tf
import tensorflow_transform as tft

from beam_jobs import geometry, tables

# A column whose standard deviation is below this, or below this share of its mean, is rounding noise round a constant:
# its unit is a torso's length or a degree (a second, a second squared).
_CONSTANT_BELOW = 1e-5
# Rows that speed and acceleration look at; the rest of a history is for the torso's length.
_NUM_MOTION_ROWS = 3


def preprocessing_fn(inputs):
    """The features of rows, each from its own history alone.

    Args:
      inputs: "landmarks", float32, shape (B, H, 33, 3), and "timestamp_ms", int64, shape (B, H), as
        `physical_features` takes them.

    Returns:
      What `physical_features` returns, and "final_features", float32, shape (B, 189): its tables side by side in the
      order of `tables.PHYSICAL`, `standardized`.
    """
    physical = physical_features(inputs["landmarks"], inputs["timestamp_ms"])
    columns = tf.concat([physical[table.name] for table in tables.PHYSICAL], axis=1)
    return {**physical, tables.FINAL_FEATURES.name: standardized(columns)}


def physical_features(landmarks, timestamps_ms):
    """Features of rows in their own units: pure TensorFlow.

    Args:
      landmarks: each row's history, world or image, float32, shape (B, H, 33, 3), H at least 3: oldest row first, the
        row itself last, NaN where missing.
      timestamps_ms: media time of the same rows, int64, shape (B, H).

    Returns:
      float32 tensors by table name: "normalized" (B, 99), "joint_angles" (B, 8), "symmetry" (B, 8), "distances"
      (B, 8), "velocity" (B, 33) and "acceleration" (B, 33), with units as in `tables`; NaN where something that they
      need is missing.
    """
    scale = geometry.torso_length(landmarks)
    # All in the row's own scale: a torso that seems to grow from one row to the next is not movement.
    normalized_history = geometry.normalize(landmarks[:, -_NUM_MOTION_ROWS:], scale[:, None])
    normalized = normalized_history[:, -1]
    angles = geometry.joint_angles_degrees(landmarks[:, -1])
    return {
        tables.NORMALIZED.name: tf.reshape(normalized, [-1, len(tables.NORMALIZED.columns)]),
        tables.JOINT_ANGLES.name: angles,
        tables.SYMMETRY.name: geometry.symmetry(normalized, angles),
        tables.DISTANCES.name: geometry.distances(normalized),
        tables.VELOCITY.name: geometry.speeds(normalized_history, timestamps_ms),
        tables.ACCELERATION.name: geometry.accelerations(normalized_history, timestamps_ms),
    }


def standardized(columns):
    """z-scores of columns, by the mean and deviation that TFT's analyzers find in the analysed rows.

    As tft.scale_to_z_score(elementwise=True), but finite: 0, which is the mean, where there is no value, and in a
    column that has no two different values in the analysed rows. The analyzers skip NaN, column by column. In float64:
    in float32 the variance of many rows far from 0 is noise.

    Args:
      columns: float32, shape (B, F); NaN where missing.

    Returns:
      Standard deviations (with 0 delta degrees of freedom), float32, shape (B, F); no NaN.
    """
    wide = tf.cast(columns, tf.float64)
    mean = tft.mean(wide, reduce_instance_dims=False)
    deviation = tf.sqrt(tft.var(wide, reduce_instance_dims=False))
    scores = tf.cast((wide - mean) / deviation, tf.float32)
    # A comparison with NaN is false: a column without any value is no more usable than a constant.
    usable = tf.math.is_finite(scores) & (deviation > _CONSTANT_BELOW * tf.maximum(tf.abs(mean), 1))
    return tf.where(usable, scores, tf.zeros_like(scores))
