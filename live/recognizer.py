"""Recognizer: frames in, exercises out, by the same steps as the batch jobs."""

import dataclasses

import numpy as np

from beam_jobs import windows
from beam_jobs.pose import estimator
from beam_jobs.pose.estimator import Pose
from model.bundle import Bundle


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What is known after a sampled frame.

    Attributes:
      timestamp_ms: of the frame, since the first one.
      person: 0-based.
      exercise: the last answer while somebody is in view; None where nobody is, there is no answer yet, or it is less
        probable than asked for.
      probability: of that exercise; None where there is none.
      probabilities: of each of the bundle's labels, float32, shape (C,); None where there is no answer.
      due: on this row a window may end (every `stride` rows): the answer, or its lack, is news.
      pose: the frame's landmarks.
      features: the row's standardised features, float32, shape (189,).
    """

    timestamp_ms: int
    person: int
    exercise: str | None
    probability: float | None
    probabilities: np.ndarray | None
    due: bool
    pose: Pose
    features: np.ndarray = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Summary:
    """The answer for all frames so far: the mean of the windows' probabilities, as `evaluate` answers for a clip.

    Attributes:
      exercise: None where no window had an answer, or the whole's is less probable than asked for.
      probability: likewise.
      num_predictions: windows with an answer.
    """

    person: int
    exercise: str | None
    probability: float | None
    num_predictions: int


class Recognizer:
    """Recognises the exercise in one video or stream, frame by frame; use one for each, since tracking has state.

    A row's features come from the bundle's own transform graph, fed with the row's history; windows follow the bundle's
    rule. So every number equals what the batch jobs compute for the same frames.

    Use as a context manager, or call `close`.
    """

    def __init__(self, bundle: Bundle, pose_model_path: str, min_probability: float = 0.0) -> None:
        """Checks that the pose model fits the bundle, and warms everything up.

        Args:
          bundle: labels, graphs and rules.
          pose_model_path: a local `.task` file.
          min_probability: an answer that is less probable than this is none; 0 to 1.

        Raises:
          UserError: if the bundle was trained on landmarks that this pose model does not make; so also for one that
            was trained on imported landmarks, whose extractor nobody can run here.
        """
        bundle.check_fingerprint(estimator.fingerprint(pose_model_path, bundle.frame_rate_hz))
        self._bundle, self._min_probability = bundle, min_probability
        self._history = windows.History(bundle.history_length)
        self._buffer = windows.WindowBuffer(bundle.rule)
        self._num_rows = 0
        self._num_predictions = 0
        self._sum = np.zeros(len(bundle.labels), np.float64)
        self._last: np.ndarray | None = None
        self._estimator = estimator.PoseEstimator(pose_model_path)
        # Before time zero and with nobody in it: the landmarks that follow are bit for bit the same (measured).
        self._estimator.estimate(np.zeros((256, 256, 3), np.uint8), -1000)

    def update(self, image: np.ndarray, timestamp_ms: int) -> Recognition:
        """Takes the next sampled frame.

        Args:
          image: BGR, uint8, shape (height, width, 3).
          timestamp_ms: since the first frame; later than the last one's.
        """
        return self.update_pose(self._estimator.estimate(image, timestamp_ms), timestamp_ms)

    def update_pose(self, found: Pose, timestamp_ms: int) -> Recognition:
        """Takes the next sampled frame's pose, where it was estimated already."""
        coordinates = found.coordinates(self._bundle.fingerprint["coordinates"])
        history, times = self._history.push(coordinates, timestamp_ms)
        features = self._bundle.features(history[None], times[None])[0]
        window = self._buffer.push(features, found.detected)
        due = self._num_rows % self._bundle.rule.stride == 0
        self._num_rows += 1
        if window is not None:
            self._last = self._bundle.probabilities(window[None])[0]
            self._sum += self._last
            self._num_predictions += 1
        elif due or not found.detected:
            # Nobody in view, or not long enough: an answer from before no longer holds.
            self._last = None
        exercise, probability = self._best(self._last)
        return Recognition(
            timestamp_ms=timestamp_ms,
            person=0,
            exercise=exercise,
            probability=probability,
            probabilities=self._last,
            due=due,
            pose=found,
            features=features,
        )

    def summary(self) -> Summary:
        """The answer for all frames so far."""
        mean = self._sum / self._num_predictions if self._num_predictions else None
        return Summary(0, *self._best(mean), self._num_predictions)

    def _best(self, probabilities: np.ndarray | None) -> tuple[str | None, float | None]:
        if probabilities is None:
            return None, None
        best = int(np.argmax(probabilities))
        if probabilities[best] < self._min_probability:
            return None, None
        return self._bundle.labels[best], float(probabilities[best])

    def close(self) -> None:
        """Frees the pose model."""
        self._estimator.close()

    def __enter__(self) -> "Recognizer":
        return self

    def __exit__(self, *_) -> None:
        self.close()
