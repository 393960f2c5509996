"""From a row's history of landmarks to its features in their own units: what `preprocessing_fn` standardises.

Apart from it, because this needs TensorFlow alone, and no TFT.
"""

import tensorflow as tf

from beam_jobs import geometry, tables

# Rows that speed and acceleration look at; the rest of a history is for the torso's length.
_NUM_MOTION_ROWS = 3


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
