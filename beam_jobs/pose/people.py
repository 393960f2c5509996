"""PeopleEstimator: the poses of several people in each frame of a video, each with the person's number."""

import numpy as np

from beam_jobs.pose.estimator import Pose, PoseEstimator
from beam_jobs.pose.tracking import PeopleTracker


class PeopleEstimator:
    """Estimates people's poses in one video's frames, in order; use one for each video, since it has state.

    Use as a context manager, or call `close`.
    """

    def __init__(self, model_path: str, num_people: int) -> None:
        """Loads the model.

        Args:
          model_path: a local PoseLandmarker `.task`, from `model_file.locate`.
          num_people: at most so many are looked for in a frame.
        """
        self._tracker = PeopleTracker()
        self._estimator = PoseEstimator(model_path, num_people)

    def warm_up(self) -> None:
        """Makes the first frame as quick as the later ones; before time zero, and with nobody in it."""
        self._estimator.estimate_all(np.zeros((256, 256, 3), np.uint8), -1000)

    def estimate(self, frame: np.ndarray, timestamp_ms: int) -> list[tuple[int, Pose]]:
        """The people in a frame, as `PeopleTracker.update` returns them.

        Args:
          frame: BGR as OpenCV decodes it, uint8, shape (height, width, 3).
          timestamp_ms: media time; later than the last frame's.

        Raises:
          ValueError: if time does not move on.
        """
        return self._tracker.update(self._estimator.estimate_all(frame, timestamp_ms), timestamp_ms)

    def close(self) -> None:
        """Frees the model; the estimator cannot be used afterwards."""
        self._estimator.close()

    def __enter__(self) -> "PeopleEstimator":
        return self

    def __exit__(self, *_) -> None:
        self.close()
