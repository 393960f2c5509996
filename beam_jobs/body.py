"""Where the middle of a body is, and how long its torso: NumPy, on (..., 33, 3). In TensorFlow: features/geometry.py.

Landmarks in any unit; a missing one is NaN, and makes NaN of what needs it.
"""

import numpy as np

from beam_jobs import landmarks as names


def middle(landmarks: np.ndarray, first: int, second: int) -> np.ndarray:
    """The point between two landmarks: (..., 33, 3) to (..., 3)."""
    return (landmarks[..., first, :] + landmarks[..., second, :]) / 2


def mid_hip(landmarks: np.ndarray) -> np.ndarray:
    """The point between the hips: (..., 33, 3) to (..., 3)."""
    return middle(landmarks, names.LEFT_HIP, names.RIGHT_HIP)


def mid_shoulder(landmarks: np.ndarray) -> np.ndarray:
    """The point between the shoulders: (..., 33, 3) to (..., 3)."""
    return middle(landmarks, names.LEFT_SHOULDER, names.RIGHT_SHOULDER)


def torso_lengths(landmarks: np.ndarray) -> np.ndarray:
    """From mid-hip to mid-shoulder: (..., 33, 3) to (...)."""
    return np.linalg.norm(mid_shoulder(landmarks) - mid_hip(landmarks), axis=-1)


def mirror(landmarks: np.ndarray) -> np.ndarray:
    """The mirror image: x negated, and left and right landmarks exchanged; (..., 33, 3) likewise.

    For world landmarks, whose x is 0 between the hips; image landmarks would need 1 - x.
    """
    mirrored = np.array(landmarks[..., list(names.MIRROR_INDICES), :])
    mirrored[..., 0] *= -1
    return mirrored
