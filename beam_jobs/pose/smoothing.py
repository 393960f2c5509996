"""LandmarkSmoother: one person's landmarks with less trembling, as PoseLandmarker smooths those of one person.

PoseLandmarker smooths only when it looks for one pose (num_poses=1); measured on eight real clips, with num_poses=2 the
same person's world landmarks tremble 1.3 to 3 times as much. Speeds and accelerations are features, so they would be
other features than a model was trained on.

Source of the method: Casiez, Roussel and Vogel, "1 € filter", CHI 2012. Its settings, and what it is applied to, are
those of MediaPipe's pose graph.
"""

import dataclasses
import math

import numpy as np

from beam_jobs.pose.estimator import Pose


@dataclasses.dataclass(frozen=True)
class OneEuroSettings:
    """Settings of a 1 € filter.

    Attributes:
      min_cutoff_hz: the cutoff frequency of what does not move; lower values smooth more.
      beta: how much the cutoff grows with speed, in body sizes a second.
      derivative_cutoff_hz: the cutoff frequency for the speed itself.
    """

    min_cutoff_hz: float
    beta: float
    derivative_cutoff_hz: float = 1.0


WORLD = OneEuroSettings(min_cutoff_hz=0.1, beta=40.0)
IMAGE = OneEuroSettings(min_cutoff_hz=0.05, beta=80.0)
# The new value's share in a smoothed visibility or presence.
_PROBABILITY_SHARE = 0.1
# MediaPipe measures speeds in the picture in sizes of the region that it looks at, which is about so many times the
# mean of the body's width and height.
_REGION_SIZES = 2.0


def _share(cutoff_hz: np.ndarray | float, step_s: float) -> np.ndarray | float:
    """The new value's share in a low-pass filter."""
    return 1 / (1 + 1 / (math.tau * cutoff_hz * step_s))


class OneEuroFilter:
    """Smooths an array of values that come one after the other; each value by itself."""

    def __init__(self, settings: OneEuroSettings) -> None:
        self._settings = settings
        self._raw = self._smooth = self._speed = np.empty(0)

    def update(self, values: np.ndarray, step_s: float, size: np.ndarray | float) -> np.ndarray:
        """The next values, smoothed; the first ones come back as they are.

        Args:
          values: float64, any shape, always the same one.
          step_s: since the values before.
          size: the unit in which speed is measured, broadcast to the values' shape.
        """
        if not self._raw.size:
            self._raw = self._smooth = values
            self._speed = np.zeros_like(values)
            return values
        speed = (values - self._raw) / size / step_s
        self._speed = self._speed + _share(self._settings.derivative_cutoff_hz, step_s) * (speed - self._speed)
        share = _share(self._settings.min_cutoff_hz + self._settings.beta * np.abs(self._speed), step_s)
        self._raw, self._smooth = values, self._smooth + share * (values - self._smooth)
        return self._smooth


class LandmarkSmoother:
    """Smooths one person's poses; begins anew after a frame without the person."""

    def __init__(self) -> None:
        self._last_ms: int | None = None
        self._begin()

    def _begin(self) -> None:
        self._world, self._image = OneEuroFilter(WORLD), OneEuroFilter(IMAGE)
        self._probabilities: np.ndarray | None = None

    def reset(self) -> None:
        """Forgets what was before."""
        self._last_ms = None
        self._begin()

    def update(self, pose: Pose, timestamp_ms: int, axis_scales: np.ndarray) -> Pose:
        """The next pose, smoothed.

        Args:
          pose: somebody's.
          timestamp_ms: later than the last one's.
          axis_scales: how long a metre is in the picture, as shares of its width and height, shape (2,).
        """
        step_s = 0.0 if self._last_ms is None else (timestamp_ms - self._last_ms) / 1000
        self._last_ms = timestamp_ms
        world, image = pose.world.astype(np.float64), pose.image.astype(np.float64)
        world_size = np.ptp(world[:, :2], axis=0).mean()
        # In the picture's x and in its y the same length is another share; z is on x's scale.
        metres = (np.ptp(image[:, :2], axis=0) / axis_scales).mean() * _REGION_SIZES
        probabilities = np.stack([pose.visibility, pose.presence])
        if self._probabilities is not None:
            probabilities = self._probabilities + _PROBABILITY_SHARE * (probabilities - self._probabilities)
        self._probabilities = probabilities.astype(np.float32)
        return Pose(
            world=self._world.update(world, step_s, max(world_size, 1e-6)).astype(np.float32),
            image=self._image.update(image, step_s, np.maximum(metres * axis_scales[[0, 1, 0]], 1e-6)).astype(
                np.float32
            ),
            visibility=self._probabilities[0],
            presence=self._probabilities[1],
        )
