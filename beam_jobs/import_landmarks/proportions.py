"""Bodies whose true proportions a table has lost: each axis of each frame was scaled to 0-1, and is scaled back.

Some published landmarks (PoseRAC's, say) are stretched so that every frame's body fills the unit cube: a person
in a squat is as tall as a standing one. Each frame lost three numbers, the scales of its axes. A body has more than
three limbs, and their lengths are nearly the same in all people: the scales are those that give these lengths.
"""

import numpy as np

from beam_jobs import body, landmarks

# The length of a limb in torso lengths, and between which landmarks it is: medians of MediaPipe's world landmarks
# in 120 clips of real people. The figures below are of the same clips: these few numbers can hardly overfit them.
_LIMBS: tuple[tuple[float, tuple[tuple[int, int], ...]], ...] = (
    (0.68, ((11, 12),)),
    (0.45, ((23, 24),)),
    (0.48, ((11, 13), (12, 14))),
    (0.465, ((13, 15), (14, 16))),
    (0.80, ((23, 25), (24, 26))),
    (0.77, ((25, 27), (26, 28))),
    (1.0, ((11, 23), (12, 24))),
    (1.145, ((11, 24), (12, 23))),
    (0.30, ((27, 31), (28, 32))),
    (0.095, ((27, 29), (28, 30))),
    (0.313, ((7, 8),)),
)
# And from between the shoulders to between the hips, and to between the ears.
_TORSO, _NECK = 1.0, 0.355
_TORSO_M = 0.5  # a grown-up's: restored bodies are in about metres
# Limbs differ by that much from person to person and estimate to estimate (standard deviation of the logarithm).
_LIMB_DEVIATION = 0.15
# A body's extent (x, y, z) in torso lengths where no limb tells, and how far it may be from that, likewise.
_EXTENT, _EXTENT_DEVIATION = (1.7, 2.2, 1.2), 0.5
# How much less the factors differ between neighbouring rows than limbs do between people.
_STEADINESS = 30.0
_STEPS = 20
# Residuals beyond so many deviations weigh less (Huber): an estimator gets a limb wrong at times.
_OUTLIER = 1.5


def is_scaled_per_axis(image: np.ndarray) -> np.ndarray:
    """Which rows' landmarks reach from exactly 0 to exactly 1 along each axis, bool, shape (T,).

    Args:
      image: landmarks, shape (T, 33, 3). Landmarks in a picture do not do so by chance.
    """
    return ((image.min(axis=1) == 0) & (image.max(axis=1) == 1)).all(axis=1)


def restore_proportions(image: np.ndarray) -> np.ndarray:
    """Bodies with limbs of human lengths from landmarks whose axes were scaled to 0-1 in each frame.

    Measured on 120 real clips whose landmarks were scaled so: a coordinate was off MediaPipe's world landmark by 0.07
    torso lengths (mean), an angle by 8.3 degrees; before, by 0.29 and by 22. Without the neighbouring rows: 0.07 and 9.

    Args:
      image: successive rows of one body, float, shape (T, 33, 3), NaN where nobody is.

    Returns:
      From between the hips, in about metres (a torso is half a metre), in the picture's axes: float32, shape
      (T, 33, 3); NaN likewise.

    Source: Gauss-Newton on the logarithms of the three factors of each row, with Huber's weights, held to the mean of
      the neighbouring rows'.
    """
    restored = np.full(image.shape, np.nan, np.float32)
    there = np.isfinite(image).all(axis=(1, 2))
    if not there.any():
        return restored
    wide = image[there].astype(np.float64)
    squares = _limbs(wide) ** 2
    factors = np.exp(_log_factors(squares))
    centred = wide - body.mid_hip(wide)[:, None]
    restored[there] = _TORSO_M * centred * factors[:, None]
    return restored


def _limbs(rows: np.ndarray) -> np.ndarray:
    """From one end to the other of each limb, shape (T, limbs, 3)."""
    first, second = np.array([pair for _, pairs in _LIMBS for pair in pairs]).T
    hips, shoulders = body.mid_hip(rows)[:, None], body.mid_shoulder(rows)[:, None]
    ears = body.middle(rows, landmarks.LEFT_EAR, landmarks.RIGHT_EAR)[:, None]
    return np.concatenate([rows[:, first] - rows[:, second], shoulders - hips, ears - shoulders], axis=1)


def _log_factors(squares: np.ndarray) -> np.ndarray:
    """The logarithms of each row's factors of x, y and z, shape (T, 3), from its limbs' squared components."""
    lengths = [length for length, pairs in _LIMBS for _ in pairs] + [_TORSO, _NECK]
    wanted, usual = np.log(lengths), np.log(_EXTENT)
    found = np.tile(usual, (len(squares), 1))
    for _ in range(_STEPS):
        parts = squares * np.exp(2 * found)[:, None]
        total = parts.sum(axis=2) + 1e-9
        off = (0.5 * np.log(total) - wanted) / _LIMB_DEVIATION
        weights = 1 / np.maximum(1, np.abs(off) / _OUTLIER)
        slopes = parts / total[..., None] / _LIMB_DEVIATION
        matrix = np.einsum("tl,tli,tlj->tij", weights, slopes, slopes)
        matrix += np.eye(3) * (1 / _EXTENT_DEVIATION**2 + _STEADINESS)
        downhill = -np.einsum("tl,tli,tl->ti", weights, slopes, off)
        downhill -= (found - usual) / _EXTENT_DEVIATION**2 + _STEADINESS * (found - _neighbours(found))
        step = np.linalg.solve(matrix, downhill[..., None])[..., 0]
        found = found + np.clip(step, -0.5, 0.5)
    return found


def _neighbours(values: np.ndarray) -> np.ndarray:
    """The mean of each row with the three before and the three after it."""
    padded = np.pad(values, ((3, 3), (0, 0)), mode="edge")
    return np.mean([padded[start : start + len(values)] for start in range(7)], axis=0)
