"""PoseEstimator: one person's pose in each frame of a video, by MediaPipe's PoseLandmarker."""

import contextlib
import dataclasses
import importlib.metadata
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from beam_jobs import landmarks, windows
from beam_jobs.native_logs import IMPORT_LOCK
from beam_jobs.pose import model_file

RUNNING_MODE = "VIDEO"


@dataclasses.dataclass(frozen=True)
class Pose:
    """The 33 landmarks of one person in one frame; all NaN where nobody was detected.

    Attributes:
      world: metres, origin between the hips, camera's axes (x right, y down, z away); float32, shape (33, 3).
      image: x and y as shares of the image's width and height, z roughly on x's scale; float32, shape (33, 3).
      visibility: probability of being in the frame and not hidden; float32, shape (33,).
      presence: probability of being in the frame; float32, shape (33,).
    """

    world: np.ndarray
    image: np.ndarray
    visibility: np.ndarray
    presence: np.ndarray

    def __post_init__(self) -> None:
        num = landmarks.NUM_LANDMARKS
        for name, shape in (("world", (num, 3)), ("image", (num, 3)), ("visibility", (num,)), ("presence", (num,))):
            value = getattr(self, name)
            if value.shape != shape or value.dtype != np.float32:
                raise ValueError(f"Pose.{name} is {value.dtype} {value.shape}; expected float32 {shape}.")

    @property
    def detected(self) -> bool:
        """Whether somebody is in view."""
        return not np.isnan(self.image[0, 0])

    def coordinates(self, space: str) -> np.ndarray:
        """The landmarks in "world" or "image" coordinates, shape (33, 3)."""
        return {"world": self.world, "image": self.image}[space]


def nobody() -> Pose:
    """The pose of a frame without a person."""
    num = landmarks.NUM_LANDMARKS
    return Pose(*(np.full(shape, np.nan, np.float32) for shape in ((num, 3), (num, 3), (num,), (num,))))


def fingerprint(
    model_path: str, frame_rate_hz: float = windows.DEFAULT_FRAME_RATE_HZ, num_people: int = 1
) -> dict[str, Any]:
    """What the landmarks depend on beside the video: two runs with equal fingerprints give comparable tables."""
    several = {"num_people": num_people} if num_people > 1 else {}
    return several | {
        "coordinates": "world",
        "frame_rate_hz": float(frame_rate_hz),
        "mediapipe": importlib.metadata.version("mediapipe"),
        "pose_model_sha256": model_file.sha256(model_path),
        "running_mode": RUNNING_MODE,
    }


@contextlib.contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Imports mediapipe as on a machine without TensorFlow, which it uses only to open remote files.

    Measured: it saves 4 s and half of a worker's memory. TensorFlow can still be imported before or after.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


def import_mediapipe() -> tuple[Any, Any, Any]:
    """Imports mediapipe, which takes seconds the first time; (mediapipe, its BaseOptions, its vision tasks)."""
    with IMPORT_LOCK, _without_tensorflow():
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision
    return mediapipe, BaseOptions, vision


class PoseEstimator:
    """Estimates poses in one video's frames, in order; use one for each video, since its tracking has state.

    Use as a context manager, or call `close`.
    """

    def __init__(self, model_path: str, num_poses: int = 1) -> None:
        """Loads the model.

        Args:
          model_path: a local PoseLandmarker `.task`, from `model_file.locate`.
          num_poses: at most so many are found in a frame. Those of several people are not smoothed, and come in no
            order: see `people.PeopleEstimator`.
        """
        # Here and not above: mediapipe takes seconds to import, and the launcher of a job never estimates poses.
        import cv2

        mediapipe, BaseOptions, vision = import_mediapipe()  # noqa: N806
        self._to_rgb = lambda frame: cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        self._image = lambda rgb: mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
        self._landmarker = vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=model_path),
                running_mode=vision.RunningMode.VIDEO,
                num_poses=num_poses,
            )
        )

    def estimate(self, frame: np.ndarray, timestamp_ms: int) -> Pose:
        """The pose in a frame.

        Args:
          frame: BGR as OpenCV decodes it, uint8, shape (height, width, 3).
          timestamp_ms: media time; later than the last frame's.

        Raises:
          ValueError: if time does not move on.
        """
        poses = self.estimate_all(frame, timestamp_ms)
        return poses[0] if poses else nobody()

    def estimate_all(self, frame: np.ndarray, timestamp_ms: int) -> list[Pose]:
        """All poses found in a frame; arguments and errors as of `estimate`."""
        result = self._landmarker.detect_for_video(self._image(self._to_rgb(frame)), int(timestamp_ms))
        return [
            Pose(
                world=np.array([(p.x, p.y, p.z) for p in world], np.float32),
                image=np.array([(p.x, p.y, p.z) for p in image], np.float32),
                visibility=np.array([p.visibility for p in image], np.float32),
                presence=np.array([p.presence for p in image], np.float32),
            )
            for image, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True)
        ]

    def close(self) -> None:
        """Frees the model; the estimator cannot be used afterwards."""
        self._landmarker.close()

    def __enter__(self) -> "PoseEstimator":
        return self

    def __exit__(self, *_) -> None:
        self.close()
