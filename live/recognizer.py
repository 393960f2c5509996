"""Recognizer: frames in, exercises out, by the same steps as the batch jobs."""

import dataclasses

import numpy as np

from beam_jobs import windows
from beam_jobs.labels import NO_EXERCISE
from beam_jobs.pose import estimator
from beam_jobs.pose.estimator import Pose
from beam_jobs.video.frames import mean_brightness
from live.advice import Advisor, is_too_dark
from model.bundle import check_fingerprint
from model.exported_bundle import ExportedBundle

# Below this an answer is often wrong: see results/unknown_exercises.md.
DEFAULT_MIN_PROBABILITY = 0.7


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What is known after a sampled frame.

    Attributes:
      timestamp_ms: of the frame, since the first one.
      person: 0-based.
      exercise: the last answer while a person is in view; None where there is none (`status` says why).
      probability: of that exercise; None where there is none.
      probabilities: of each of the bundle's labels, float32, shape (C,); None where there is no answer.
      due: a window may end on this row (every `stride` rows), so the answer is new.
      pose: the frame's landmarks.
      features: the standardised features of the window that ends on this row, float32, shape (34, 189), zeros without
        a person; None where it was not asked about.
      brightness: the picture's `mean_brightness`, 0 to 255; None where only its pose was given.
      hint: what the person in view should change, in words; None where all is well.
    """

    timestamp_ms: int
    person: int
    exercise: str | None
    probability: float | None
    probabilities: np.ndarray | None
    due: bool
    pose: Pose
    features: np.ndarray | None = dataclasses.field(default=None, repr=False)
    brightness: float | None = None
    hint: str | None = None

    @property
    def status(self) -> str:
        """Why there is an exercise or none.

        exercise; no_exercise (a person who does none of them); not_sure (no answer is probable enough); warming_up (a
        person, but not for long enough yet); no_person; too_dark.
        """
        if is_too_dark(self.brightness):
            return "too_dark"
        if not self.pose.detected:
            return "no_person"
        if self.probabilities is None:
            return "warming_up"
        if self.exercise is None:
            return "not_sure"
        return "no_exercise" if self.exercise == NO_EXERCISE else "exercise"


@dataclasses.dataclass(frozen=True)
class Summary:
    """The answer for all frames so far: the mean of the windows' probabilities, as `evaluate` answers for a clip.

    Windows that end in a picture which is too dark do not count.

    Attributes:
      exercise: None where no window had an answer, or the whole's is less probable than asked for.
      probability: likewise.
      num_predictions: windows with an answer.
    """

    person: int
    exercise: str | None
    probability: float | None
    num_predictions: int

    @property
    def status(self) -> str:
        """As `Recognition.status`: exercise, no_exercise, not_sure, or no_person where no window had an answer."""
        if not self.num_predictions:
            return "no_person"
        if self.exercise is None:
            return "not_sure"
        return "no_exercise" if self.exercise == NO_EXERCISE else "exercise"


class Recognizer:
    """Recognises the exercise in one video or stream, frame by frame; use one for each, since tracking has state.

    Features and probabilities come from the bundle's exported graph, fed with a window's landmarks and their history;
    windows follow the bundle's rule. So every number equals what the batch jobs compute for the same frames, up to the
    rounding of float32.

    Use as a context manager, or call `close`.
    """

    def __init__(
        self, bundle: ExportedBundle, pose_model_path: str, min_probability: float = DEFAULT_MIN_PROBABILITY
    ) -> None:
        """Checks that the pose model fits the bundle, and warms everything up.

        Args:
          bundle: labels, graph and rules.
          pose_model_path: a local `.task` file.
          min_probability: an answer that is less probable than this is none; 0 to 1.

        Raises:
          UserError: if the bundle was trained on landmarks that this pose model does not make; so also for one that
            was trained on imported landmarks, whose extractor nobody can run here.
        """
        check_fingerprint(bundle.fingerprint, estimator.fingerprint(pose_model_path, bundle.frame_rate_hz))
        self._bundle, self._min_probability = bundle, min_probability
        self._rows = windows.LandmarkBuffer(bundle.rule)
        self._num_predictions = 0
        self._sum = np.zeros(len(bundle.labels), np.float64)
        self._last: np.ndarray | None = None
        self._advisor = Advisor()
        self._estimator = estimator.PoseEstimator(pose_model_path)
        # Before time zero and with nobody in it: the landmarks that follow are bit for bit the same (measured).
        self._estimator.estimate(np.zeros((256, 256, 3), np.uint8), -1000)

    def update(self, image: np.ndarray, timestamp_ms: int) -> Recognition:
        """Takes the next sampled frame.

        Args:
          image: BGR, uint8, shape (height, width, 3).
          timestamp_ms: since the first frame; later than the last one's.
        """
        return self.update_pose(self._estimator.estimate(image, timestamp_ms), timestamp_ms, mean_brightness(image))

    def update_pose(self, found: Pose, timestamp_ms: int, brightness: float | None = None) -> Recognition:
        """Takes the next sampled frame's pose, where it was estimated already, and its `mean_brightness`."""
        coordinates = found.coordinates(self._bundle.fingerprint["coordinates"])
        window = self._rows.push(coordinates, timestamp_ms, found.detected)
        due, features = self._rows.is_due, None
        dark = is_too_dark(brightness)
        if window is not None and not dark:
            self._last, features = self._bundle.answer(*window)
            self._sum += self._last
            self._num_predictions += 1
        elif due or dark or not found.detected:
            # No person in view, or not long enough, or no light: an answer from before no longer holds.
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
            brightness=brightness,
            hint=self._advisor.update(found, brightness),
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
