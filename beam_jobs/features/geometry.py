"""Angles, distances, symmetry, speed and acceleration of a body: pure TensorFlow on (..., 33, 3).

Left and right are the person's. Nothing here knows whether landmarks are metres or shares of an image; lengths come
out in torso lengths. A missing landmark is NaN, and makes NaN of what needs it and of nothing else.
"""

import tensorflow as tf

from beam_jobs import landmarks as names

_DEGREES = 57.29577951308232
_JOINTS = tuple(indices for _, *indices in names.JOINTS)
_MIRRORED_PAIRS = (
    (names.LEFT_WRIST, names.RIGHT_WRIST),
    (names.LEFT_ELBOW, names.RIGHT_ELBOW),
    (names.LEFT_KNEE, names.RIGHT_KNEE),
    (names.LEFT_ANKLE, names.RIGHT_ANKLE),
)
_DISTANCES = (
    (names.LEFT_SHOULDER, names.RIGHT_SHOULDER),
    (names.LEFT_HIP, names.RIGHT_HIP),
    (names.LEFT_WRIST, names.RIGHT_WRIST),
    (names.LEFT_ANKLE, names.RIGHT_ANKLE),
    (names.LEFT_WRIST, names.LEFT_HIP),
    (names.RIGHT_WRIST, names.RIGHT_HIP),
    (names.LEFT_HIP, names.LEFT_ANKLE),
    (names.RIGHT_HIP, names.RIGHT_ANKLE),
)


def mid_hip(landmarks):
    """The point between the hips: (..., 33, 3) to (..., 3)."""
    return _middle(landmarks, names.LEFT_HIP, names.RIGHT_HIP)


def mid_shoulder(landmarks):
    """The point between the shoulders: (..., 33, 3) to (..., 3)."""
    return _middle(landmarks, names.LEFT_SHOULDER, names.RIGHT_SHOULDER)


def torso_length(history):
    """The torso's length, mid-hip to mid-shoulder: the median over a history's rows, so one bad row has no effect.

    Args:
      history: landmarks in any unit, float32, shape (..., H, 33, 3), oldest row first.

    Returns:
      The unit of the landmarks, float32, shape (...): the median over the rows that have a torso of some length (of
      two middle ones: their mean); NaN where no row has, or where the last row, which it is for, has no hips and
      shoulders.

    Raises:
      ValueError: if the last dimensions are not (33, 3), when the graph is built.
    """
    _check(history)
    return median_length(row_torso_lengths(history))


def row_torso_lengths(landmarks):
    """The torso's length in each row alone, mid-hip to mid-shoulder: (..., 33, 3) to (...)."""
    return _norm(mid_shoulder(landmarks) - mid_hip(landmarks))


def median_length(lengths):
    """The median of a length over a history's rows.

    Args:
      lengths: of each row, float32, shape (..., H), oldest row first; NaN where missing.

    Returns:
      float32, shape (...), as `torso_length`.
    """
    known = lengths > 0  # false for NaN, too
    infinity = tf.fill(tf.shape(lengths), tf.constant(float("inf"), lengths.dtype))
    ordered = tf.sort(tf.where(known, lengths, infinity), axis=-1)
    num_known = tf.reduce_sum(tf.cast(known, tf.int32), axis=-1)
    lower = _at(ordered, tf.maximum(num_known - 1, 0) // 2)
    upper = _at(ordered, num_known // 2)
    median = tf.where(num_known % 2 == 1, lower, (lower + upper) / 2)
    return _nan_unless((num_known > 0) & ~tf.math.is_nan(lengths[..., -1]), median)


def normalize(landmarks, scale):
    """Landmarks with their origin between the hips, in torso lengths; the axes stay the camera's.

    Args:
      landmarks: float32, shape (..., 33, 3).
      scale: the torso's length in the landmarks' unit, float32, shape (...), from `torso_length`.

    Returns:
      Torso lengths, float32, shape (..., 33, 3); NaN where a landmark, the hips or the scale is missing. Does not
      change when the body is moved or scaled (with its whole history).
    """
    _check(landmarks)
    return (landmarks - mid_hip(landmarks)[..., None, :]) / scale[..., None, None]


def joint_angle_degrees(proximal, joint, distal):
    """Angle at `joint` between the limbs towards `proximal` and `distal`.

    180 is a straight limb. Does not change when the body is moved, turned, scaled or mirrored.

    Args:
      proximal: where the one limb leads to, in any unit, float32, shape (..., 3).
      joint: the angle's vertex, likewise.
      distal: where the other limb leads to, likewise.

    Returns:
      Degrees in [0, 180], float32, shape (...); NaN where a limb has no length or a landmark is missing.

    Raises:
      ValueError: if a last dimension is not 3, when the graph is built.

    Source: atan2 of the cross and the dot product; near a straight limb in float32, arccos was measured
      500 times less precise.
    """
    for points in (proximal, joint, distal):
        if points.shape[-1] != 3:
            raise ValueError(f"points have shape {points.shape}; expected the last dimension to be 3 (x, y, z).")
    upper, lower = _direction(proximal - joint), _direction(distal - joint)
    angle = tf.atan2(_norm(_cross(upper, lower)), tf.reduce_sum(upper * lower, axis=-1))
    return angle * _DEGREES


def joint_angles_degrees(landmarks):
    """The eight angles of `landmarks.JOINTS`: elbow, shoulder, hip, knee, left then right.

    Args:
      landmarks: any unit, float32, shape (..., 33, 3).

    Returns:
      Degrees in [0, 180], float32, shape (..., 8); NaN as in `joint_angle_degrees`.
    """
    _check(landmarks)
    points = tf.gather(landmarks, _JOINTS, axis=-2)
    return joint_angle_degrees(points[..., 0, :], points[..., 1, :], points[..., 2, :])


def sagittal_normal(landmarks):
    """The direction from the body's right to its left, perpendicular to the torso.

    The plane through mid-hip across this direction halves the body into left and right: it holds the torso's axis,
    and is the same whichever side the body is seen from.

    Args:
      landmarks: any unit, float32, shape (..., 33, 3).

    Returns:
      A unit vector, float32, shape (..., 3): of the sum of the vectors from right to left hip and from right to left
      shoulder, what is perpendicular to the line from mid-hip to mid-shoulder. NaN where that is nothing, the torso
      has no length, or a landmark is missing.
    """
    _check(landmarks)
    across = _vector(landmarks, names.RIGHT_HIP, names.LEFT_HIP)
    across += _vector(landmarks, names.RIGHT_SHOULDER, names.LEFT_SHOULDER)
    torso = _direction(mid_shoulder(landmarks) - mid_hip(landmarks))
    along = tf.reduce_sum(across * torso, axis=-1, keepdims=True)
    return _direction(across - along * torso)


def symmetry(normalized, angles_degrees):
    """How far the body is from its mirror image; all zeros for a symmetric pose.

    Args:
      normalized: torso lengths, float32, shape (..., 33, 3), from `normalize`.
      angles_degrees: float32, shape (..., 8), from `joint_angles_degrees`.

    Returns:
      float32, shape (..., 8): left minus right angle of elbow, shoulder, hip and knee, in degrees (mirroring the body
      changes their sign); then for wrist, elbow, knee and ankle the distance of the left one, mirrored in the
      sagittal plane (`sagittal_normal`, through mid-hip), from the right one, in torso lengths. NaN where one of the
      two sides, or the plane, is missing.
    """
    _check(normalized)
    differences = angles_degrees[..., 0::2] - angles_degrees[..., 1::2]
    pairs = tf.gather(normalized, _MIRRORED_PAIRS, axis=-2)
    left, right = pairs[..., 0, :], pairs[..., 1, :]
    normal = sagittal_normal(normalized)[..., None, :]
    mirrored = left - 2 * tf.reduce_sum(left * normal, axis=-1, keepdims=True) * normal
    return tf.concat([differences, _norm(mirrored - right)], axis=-1)


def distances(normalized):
    """Shoulder and hip width, wrist to wrist, ankle to ankle, wrist to hip (left, right), hip to ankle (left, right).

    Args:
      normalized: torso lengths, float32, shape (..., 33, 3), from `normalize`.

    Returns:
      Torso lengths, float32, shape (..., 8); NaN where an end is missing.
    """
    _check(normalized)
    ends = tf.gather(normalized, _DISTANCES, axis=-2)
    return _norm(ends[..., 0, :] - ends[..., 1, :])


def speeds(normalized_history, timestamps_ms):
    """Speed of each normalised landmark between the last row of a history and the row before it.

    All rows must be in one scale (the last row's torso length), or a change of scale would look like movement.

    Args:
      normalized_history: torso lengths, float32, shape (..., H, 33, 3), oldest first, H at least 2.
      timestamps_ms: media time, int64, shape (..., H).

    Returns:
      Torso lengths a second, float32, shape (..., 33); NaN where one of the two rows lacks the landmark, or time did
      not move on.
    """
    _check(normalized_history)
    return _norm(_velocity(normalized_history, timestamps_ms, -1)[0])


def accelerations(normalized_history, timestamps_ms):
    """Magnitude of each normalised landmark's acceleration over the last three rows of a history.

    The change between the two last velocities, over the time between the middles of their two steps, which may be of
    different length.

    Args:
      normalized_history: torso lengths in one scale, float32, shape (..., H, 33, 3), oldest first, H at least 3.
      timestamps_ms: media time, int64, shape (..., H).

    Returns:
      Torso lengths a second squared, float32, shape (..., 33); NaN where one of the three rows lacks the landmark, or
      time did not move on.
    """
    _check(normalized_history)
    velocity, step_s = _velocity(normalized_history, timestamps_ms, -1)
    earlier_velocity, earlier_step_s = _velocity(normalized_history, timestamps_ms, -2)
    middles_apart_s = (step_s + earlier_step_s) / 2
    return _norm((velocity - earlier_velocity) / middles_apart_s)


def _velocity(history, timestamps_ms, row):
    """Velocity at a row, (..., 33, 3), and its step in seconds, (..., 1, 1); NaN where time did not move on."""
    step_s = tf.cast(timestamps_ms[..., row] - timestamps_ms[..., row - 1], tf.float32) / 1000
    step_s = _nan_unless(step_s > 0, step_s)[..., None, None]
    return (history[..., row, :, :] - history[..., row - 1, :, :]) / step_s, step_s


def _check(landmarks):
    if landmarks.shape[-2:] != (names.NUM_LANDMARKS, 3):
        raise ValueError(f"landmarks have shape {landmarks.shape}; expected (..., {names.NUM_LANDMARKS}, 3).")


def _middle(landmarks, left, right):
    return (landmarks[..., left, :] + landmarks[..., right, :]) / 2


def _vector(landmarks, start, end):
    return landmarks[..., end, :] - landmarks[..., start, :]


def _norm(vectors):
    return tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=-1))


def _cross(a, b):
    """The cross product, bit for bit as tf.linalg.cross; but LiteRT has no such operator."""
    ax, ay, az = tf.unstack(a, axis=-1)
    bx, by, bz = tf.unstack(b, axis=-1)
    return tf.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)


def _direction(vectors):
    """Unit vectors; NaN (0 / 0) where there is no length."""
    return vectors / _norm(vectors)[..., None]


def _nan_unless(condition, values):
    return tf.where(condition, values, tf.fill(tf.shape(values), tf.constant(float("nan"), values.dtype)))


def _at(values, index):
    """values[..., index] with an index for each leading position."""
    return tf.reduce_sum(
        tf.where(tf.one_hot(index, values.shape[-1], True, False), values, tf.zeros_like(values)), axis=-1
    )
