"""What the person in front of the camera should change: come into view, make light."""

import collections
import itertools

import numpy as np

from beam_jobs import landmarks
from beam_jobs.pose.estimator import Pose
from beam_jobs.video.frames import TOO_DARK_BRIGHTNESS

# Parts of the body that an exercise is recognised by, each with its landmarks on both sides.
_PARTS = {
    "shoulders": (landmarks.LEFT_SHOULDER, landmarks.RIGHT_SHOULDER),
    "hips": (landmarks.LEFT_HIP, landmarks.RIGHT_HIP),
    "knees": (landmarks.LEFT_KNEE, landmarks.RIGHT_KNEE),
}
_INDICES = np.array(list(_PARTS.values()))
_MIN_PRESENCE = 0.5
# About a second on the usual grid: advice that comes and goes with single frames helps nobody.
_NUM_FRAMES = 15


def parts_out_of_view(pose: Pose) -> frozenset[str]:
    """Which of shoulders, hips and knees are not in the picture; none where nobody was detected.

    A part is out of view where that is true of its left and its right landmark: from the side, one hides the other.
    """
    if not pose.detected:
        return frozenset()
    image = pose.image[_INDICES, :2]
    missing = ((image < 0) | (image > 1)).any(axis=-1) | (pose.presence[_INDICES] < _MIN_PRESENCE)
    # Usually nothing is missing.
    return frozenset(itertools.compress(_PARTS, missing.all(axis=1))) if missing.any() else frozenset()


def is_too_dark(brightness: float | None) -> bool:
    """Whether a picture of this `mean_brightness` is too dark to estimate a pose in; not where it is unknown."""
    return brightness is not None and brightness < TOO_DARK_BRIGHTNESS


class Advisor:
    """Collects what was wrong with the last second's frames, and says what to do."""

    def __init__(self) -> None:
        self._missing: collections.deque[frozenset[str]] = collections.deque(maxlen=_NUM_FRAMES)

    def update(self, pose: Pose, brightness: float | None) -> str | None:
        """Takes the next frame's pose and `mean_brightness`; returns advice, None where all is well."""
        if is_too_dark(brightness):
            return "too dark: make more light"
        if not pose.detected:
            self._missing.clear()
            return None
        self._missing.append(parts_out_of_view(pose))
        if not any(self._missing):
            return None
        most = self._missing.maxlen or 0
        parts = [part for part in _PARTS if 2 * sum(part in missing for missing in self._missing) > most]
        if not parts:
            return None
        listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        return f"step back: {listed} are not in view"
