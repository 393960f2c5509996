"""Windows in which a person stands still, whatever the exercise of the clip is."""

from collections.abc import Sequence

import numpy as np

from beam_jobs import landmarks as names
from beam_jobs.labels import NO_EXERCISE
from model import dataset

_LIMBS = np.array(
    [
        *(names.LEFT_SHOULDER, names.RIGHT_SHOULDER, names.LEFT_ELBOW, names.RIGHT_ELBOW),
        *(names.LEFT_WRIST, names.RIGHT_WRIST, names.LEFT_HIP, names.RIGHT_HIP),
        *(names.LEFT_KNEE, names.RIGHT_KNEE, names.LEFT_ANKLE, names.RIGHT_ANKLE),
    ]
)
# Their places in _LIMBS.
_SHOULDERS, _WRISTS, _HIPS, _KNEES, _ANKLES = (slice(first, first + 2) for first in (0, 4, 6, 8, 10))
# The range without a window's lowest and highest twentieth, in torso lengths. In 120 real clips, windows that move less
# show people who wait; the exercise with the smallest movement (a curl seen from the front) moves more.
_STILL_TORSO_LENGTHS = 0.2
# Of trunk, thighs and shanks from the vertical.
_UPRIGHT_DEGREES = 30.0
_WINDOWS_AT_ONCE = 4096


def standing_still(landmarks: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Finds the windows of a person who stands upright, arms down or at the shoulders, and hardly moves.

    A person who lies, kneels, hangs or holds a position may be exercising: a plank looks like that, too.

    Args:
      landmarks: of rows, float32, shape (R, 33, 3), y down; NaN where there is none.
      positions: the rows of each window, int32, shape (N, 34); dataset.MISSING where a row is.

    Returns:
      bool, shape (N,).
    """
    starts = range(0, len(positions), _WINDOWS_AT_ONCE)
    limbs = landmarks[:, _LIMBS]
    parts = [_still(limbs, positions[start : start + _WINDOWS_AT_ONCE]) for start in starts]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def relabel_standing_still(
    truth: np.ndarray, labels: Sequence[str], landmarks: np.ndarray, positions: np.ndarray
) -> np.ndarray:
    """The windows' classes, with `none` where a person stands still; unchanged without that class, or if unknown."""
    if NO_EXERCISE not in labels:
        return truth
    resting = (truth >= 0) & standing_still(landmarks, positions)
    return np.where(resting, labels.index(NO_EXERCISE), truth).astype(truth.dtype)


def _still(limbs: np.ndarray, positions: np.ndarray) -> np.ndarray:
    rows = dataset.gather(limbs, positions, np.nan).astype(np.float64)
    hips = rows[:, :, _HIPS].mean(axis=2)
    relative = rows - hips[:, :, None]
    low, middle, high = percentiles(relative, (0.05, 0.5, 0.95))
    shoulders, knees, ankles, wrists = (middle[:, part] for part in (_SHOULDERS, _KNEES, _ANKLES, _WRISTS))
    torso = np.linalg.norm(shoulders.mean(axis=1), axis=1)
    # Without the depth, which shakes in an estimate.
    still = (high - low)[..., :2].max(axis=(1, 2)) < _STILL_TORSO_LENGTHS * torso
    upright = _tilt_degrees(-shoulders.mean(axis=1)) < _UPRIGHT_DEGREES
    for side in (0, 1):
        upright &= _tilt_degrees(knees[:, side] - middle[:, _HIPS][:, side]) < _UPRIGHT_DEGREES
        upright &= _tilt_degrees(ankles[:, side] - knees[:, side]) < _UPRIGHT_DEGREES
    arms_down = (wrists[..., 1] > shoulders[..., 1]).all(axis=1)
    return still & upright & arms_down


def percentiles(values: np.ndarray, shares: Sequence[float]) -> list[np.ndarray]:
    """As np.nanpercentile over axis 1, in an eightieth of its time: shape (N, T, ...) to (N, ...) for each share.

    A window holds some rows that are there.
    """
    ordered = np.sort(values, axis=1)  # NaN last
    last = np.isfinite(values).sum(axis=1, keepdims=True) - 1
    percentiles = []
    for share in shares:
        below = np.floor(share * last).astype(int)
        low, high = (np.take_along_axis(ordered, np.minimum(place, last), axis=1) for place in (below, below + 1))
        percentiles.append((low + (share * last - below) * (high - low))[:, 0])
    return percentiles


def _tilt_degrees(down: np.ndarray) -> np.ndarray:
    """How far vectors point from straight down, shape (N, 3) to (N,)."""
    return np.degrees(np.arctan2(np.hypot(down[:, 0], down[:, 2]), down[:, 1]))
