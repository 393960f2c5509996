"""How a clip is filmed: from where, how near, and whether all of the body is in the picture."""

import dataclasses
import math

import numpy as np

from beam_jobs.athletes.exercise import Exercise
from beam_jobs.athletes.rendering import rasterizer

_SIZES = ((480, 360), (480, 360), (480, 360), (512, 384), (640, 360), (640, 480), (360, 480), (384, 512))
_PHONE_SIZES = ((288, 512), (360, 640))
# Shares of the varied views.
_FROM_ELSEWHERE = 0.45
_PARTIAL = 0.25


@dataclasses.dataclass(frozen=True)
class View:
    """Where the camera is and what it frames.

    Attributes:
      size: of the picture in pixels, width and height.
      azimuth, elevation: of the camera round the athlete, radians; 0, 0 is in front at eye level.
      focal_px: the focal length.
      fill: the share of the picture that the athlete fills, across or upwards; above 1 not all of it is seen.
      roll_degrees: how much the camera tilts.
      place: where the athlete is in the free part of the picture, -0.5 to 0.5 to the right and down. Where nothing is
        free, it says which part of the body is cut off: -0.5 below and to the right. Beyond 0.5 more is cut off.
      highest_m: where the camera is at most, as under a ceiling.
    """

    size: tuple[int, int]
    azimuth: float
    elevation: float
    focal_px: float
    fill: float
    roll_degrees: float
    place: np.ndarray
    highest_m: float = math.inf

    @property
    def back(self) -> np.ndarray:
        """The direction from the athlete to the camera."""
        flat = math.cos(self.elevation)
        return np.array((math.sin(self.azimuth) * flat, math.cos(self.azimuth) * flat, math.sin(self.elevation)))

    def camera(self, points: np.ndarray, margin_px: int) -> rasterizer.Camera:
        """A camera that frames the points, world coordinates, shape (N, 3), with a margin round its picture."""
        camera = self._aim(points, margin_px)
        if not _shows_a_body(camera, points):
            # Very near a long body the steps overshoot: frame all of it, from farther away, in smaller ones.
            view = dataclasses.replace(self, fill=min(self.fill, 0.8), place=np.zeros(2))
            camera = view._aim(points, margin_px, rounds=40, damping=0.4)
        return camera

    def _aim(self, points: np.ndarray, margin_px: int, rounds: int = 12, damping: float = 1.0) -> rasterizer.Camera:
        size = np.array(self.size)
        width, height = self.size
        target, distance = (points.min(0) + points.max(0)) / 2, 4.0
        for _ in range(rounds):
            eye = target + distance * self.back
            eye[2] = min(max(eye[2], 0.12), self.highest_m)
            camera = rasterizer.look_at(
                eye, target, self.focal_px, width + 2 * margin_px, height + 2 * margin_px, self.roll_degrees
            )
            pixels = camera.project(points)
            extent = pixels.max(0) - pixels.min(0)
            slack = size - extent if self.fill > 1 else np.maximum(size - extent, 0)
            middle = (pixels.max(0) + pixels.min(0)) / 2 - (size / 2 + margin_px) - self.place * slack
            target = target + damping * (middle / self.focal_px * distance) @ camera.axes[:2]
            distance *= float(np.clip((extent / (size * self.fill)).max(), 0.5, 2)) ** damping
        return camera


def _shows_a_body(camera: rasterizer.Camera, points: np.ndarray) -> bool:
    """Whether a part of the points is in the picture, and not tiny."""
    size, pixels = (camera.width_px, camera.height_px), camera.project(points)
    inside = ((pixels > 0) & (pixels < size)).all(1) & (camera.view(points)[:, 2] > 0)
    return bool(inside.mean() > 0.15 and (np.ptp(pixels[inside], axis=0) / size).max() > 0.25)


def sample_view(rng: np.random.Generator, exercise: Exercise, upright: bool) -> View:
    """A view as an exercise is usually filmed: all of the body, at its best."""
    sizes = _SIZES if upright else [size for size in _SIZES if size[0] > size[1]]
    size = sizes[rng.integers(len(sizes))]
    azimuth = math.radians(rng.uniform(*exercise.yaw_degrees)) * (1 if rng.random() < 0.5 else -1)
    elevation = math.radians(rng.uniform(*exercise.elevation_degrees))
    focal = rng.uniform(0.95, 1.5) * max(size)
    fill = rng.uniform(0.66, 0.92)
    roll = rng.normal(0, 0.8)
    return View(size, azimuth, elevation, focal, fill, roll, rng.uniform(-0.5, 0.5, 2))


def sample_varied_view(rng: np.random.Generator, exercise: Exercise, upright: bool) -> View:
    """A view as people film: phones upright, from all sides, from the floor or from above, and at times too near."""
    sizes: tuple[tuple[int, int], ...] = (*_SIZES, *_PHONE_SIZES)
    if not upright and rng.random() < 0.6:
        sizes = tuple(size for size in sizes if size[0] > size[1])
    size = sizes[rng.integers(len(sizes))]
    yaw = exercise.varied_yaw_degrees if rng.random() < _FROM_ELSEWHERE else exercise.yaw_degrees
    azimuth = math.radians(rng.uniform(*yaw)) * (1 if rng.random() < 0.5 else -1)
    low, high = exercise.elevation_degrees
    elevation = math.radians(rng.uniform(low, high) if rng.random() < 0.6 else rng.uniform(low - 10, high + 20))
    focal = rng.uniform(0.75, 1.7) * max(size)
    fill, roll = rng.uniform(0.5, 0.95), rng.normal(0, 1.5)
    place = rng.uniform(-0.5, 0.5, 2)
    if rng.random() < _PARTIAL:
        fill = rng.uniform(1.04, 1.4)
        # Mostly the feet are out of the picture, seldom the head; sometimes an arm.
        place[1] = rng.uniform(-0.5, -0.1) if rng.random() < 0.8 else rng.uniform(0.0, 0.35)
        place[0] *= 1.0 if rng.random() < 0.7 else 1.15
        if not upright:
            # A lying person fills the width: a head or feet out of the picture, never all of the upper body.
            fill, place[0] = 1 + 0.45 * (fill - 1), 0.5 * place[0]
    return View(size, azimuth, elevation, focal, fill, roll, place, highest_m=2.4)
