"""Recognizer: frames in, exercises out, by the same steps as the batch jobs."""

import dataclasses

import numpy as np

from beam_jobs import windows
from beam_jobs.labels import NO_EXERCISE
from beam_jobs.pose import estimator
from beam_jobs.pose.estimator import Pose
from beam_jobs.segments import MIN_PROBABILITY, ExerciseLog, Segment, is_sure, surer
from beam_jobs.video.frames import mean_brightness
from live.advice import Advisor, is_too_dark
from model.bundle import check_fingerprint
from model.exported_bundle import ExportedBundle

# Below this an answer is often wrong: see results/unknown_exercises.md.
DEFAULT_MIN_PROBABILITY = MIN_PROBABILITY


@dataclasses.dataclass(frozen=True)
class Recognition:
    """What is known about a person after a sampled frame.

    Attributes:
      timestamp_ms: of the frame, since the first one.
      person: 0-based; None where several are looked for and nobody is there.
      exercise: the steady answer, smoothed over time (see `beam_jobs.segments.SteadyAnswer`); None where there is
        none (`status` says why).
      probability: of that exercise, averaged; None where there is none.
      probabilities: what the last window says of each of the bundle's labels, float32, shape (C,); None where it says
        nothing.
      due: a window may end on this row (every `stride` rows), so the answer is new.
      pose: the frame's landmarks.
      features: the standardised features of the window that ends on this row, float32, shape (34, 189), zeros without
        a person; None where it was not asked about.
      brightness: the picture's `mean_brightness`, 0 to 255; None where only its pose was given.
      hint: what the person in view should change, in words; None where all is well.
      repetitions: of the exercise, since it began; None where there is none, and for a hold.
      held_s: for how many seconds a hold has been held; None where there is none.
    """

    timestamp_ms: int
    person: int | None
    exercise: str | None
    probability: float | None
    probabilities: np.ndarray | None
    due: bool
    pose: Pose
    features: np.ndarray | None = dataclasses.field(default=None, repr=False)
    brightness: float | None = None
    hint: str | None = None
    repetitions: int | None = None
    held_s: float | None = None

    @property
    def status(self) -> str:
        """Why there is an exercise or none.

        exercise; no_exercise (a person who does none of them); partly_in_view (no answer, and parts of the person are
        out of the picture); not_sure (no answer is probable enough); warming_up (a person, but not for long enough
        yet); no_person; too_dark.
        """
        if is_too_dark(self.brightness):
            return "too_dark"
        if self.exercise is not None:
            # Also while the person is not found for a moment.
            return "no_exercise" if self.exercise == NO_EXERCISE else "exercise"
        if not self.pose.detected:
            return "no_person"
        if self.hint is not None:
            return "partly_in_view"
        return "warming_up" if self.probabilities is None else "not_sure"


@dataclasses.dataclass(frozen=True)
class Summary:
    """The answer for all frames so far: the mean of the windows' probabilities, as `evaluate` answers for a clip.

    Windows that end in a picture which is too dark do not count.

    Attributes:
      exercise: None where no window had an answer, or the whole's is less probable than asked for.
      probability: likewise.
      num_predictions: windows with an answer.
      segments: what was done from when to when and how often, in order.
    """

    person: int
    exercise: str | None
    probability: float | None
    num_predictions: int
    segments: list[Segment] = dataclasses.field(default_factory=list)

    @property
    def status(self) -> str:
        """As `Recognition.status`: exercise, no_exercise, not_sure, or no_person where no window had an answer."""
        if not self.num_predictions:
            return "no_person"
        if self.exercise is None:
            return "not_sure"
        return "no_exercise" if self.exercise == NO_EXERCISE else "exercise"


class PersonRecognizer:
    """Recognises what one person does, from poses; needs no pose model, and no MediaPipe.

    Features and probabilities come from the bundle's exported graph, fed with a window's landmarks and their history;
    windows follow the bundle's rule. So every number equals what the batch jobs compute for the same frames, up to the
    rounding of float32.
    """

    def __init__(
        self, bundle: ExportedBundle, min_probability: float = DEFAULT_MIN_PROBABILITY, person: int = 0
    ) -> None:
        """Begins.

        Args:
          bundle: labels, graph and rules.
          min_probability: an answer that is less probable than this is none; 0 to 1.
          person: the number that answers carry.
        """
        self._bundle, self._min_probability, self._person = bundle, min_probability, person
        self._rows = windows.LandmarkBuffer(bundle.rule)
        self._log = ExerciseLog(bundle.labels, bundle.holds, min_probability)
        self._num_predictions = 0
        self._sum = np.zeros(len(bundle.labels), np.float64)
        self._last: np.ndarray | None = None
        self._advisor = Advisor()

    def update(self, found: Pose, timestamp_ms: int, brightness: float | None = None) -> Recognition:
        """Takes the next sampled frame's pose.

        Args:
          found: the pose; of nobody where the person is not in view.
          timestamp_ms: since the first frame; later than the last one's.
          brightness: the picture's `mean_brightness`, where it is known.
        """
        coordinates = found.coordinates(self._bundle.fingerprint["coordinates"])
        window = self._rows.push(coordinates, timestamp_ms, found.detected)
        self._log.push_row(coordinates, timestamp_ms)
        due, features, counts = self._rows.is_due, None, None
        dark = is_too_dark(brightness)
        if window is not None and not dark:
            self._last, features = self._bundle.answer(*window)
            recent = None if is_sure(self._last) else windows.recent_inputs(*window, self._bundle.rule)
            counts = surer(self._last, None if recent is None else self._bundle.answer(*recent)[0])
            self._sum += self._last
            self._num_predictions += 1
        elif due or dark or not found.detected:
            # No person in view, or not long enough, or no light: an answer from before no longer holds.
            self._last = None
        if due:
            self._log.push_answer(timestamp_ms, counts)
        steady, current = self._log.steady, self._log.current
        return Recognition(
            timestamp_ms=timestamp_ms,
            person=self._person,
            exercise=None if dark else steady.exercise,
            probability=None if dark else steady.probability,
            probabilities=self._last,
            due=due,
            pose=found,
            repetitions=current.repetitions if current and not dark else None,
            held_s=current.held_s if current and not dark else None,
            features=features,
            brightness=brightness,
            hint=self._advisor.update(found, brightness),
        )

    def segments(self) -> list[Segment]:
        """What the person did, from when to when and how often, so far."""
        return self._log.segments()

    def summary(self) -> Summary:
        """The answer for all frames so far."""
        exercise = probability = None
        if self._num_predictions:
            mean = self._sum / self._num_predictions
            best = int(np.argmax(mean))
            if mean[best] >= self._min_probability:
                exercise, probability = self._bundle.labels[best], float(mean[best])
        return Summary(self._person, exercise, probability, self._num_predictions, self.segments())


class Recognizer:
    """Recognises the exercise in one video or stream, frame by frame; use one for each, since tracking has state.

    MediaPipe finds the pose, `PersonRecognizer` does the rest. Use as a context manager, or call `close`.
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
        self._person = PersonRecognizer(bundle, min_probability)
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

    def update_all(self, image: np.ndarray, timestamp_ms: int) -> list[Recognition]:
        """As `update`, in the form of `people.PeopleRecognizer`."""
        return [self.update(image, timestamp_ms)]

    def summaries(self) -> list[Summary]:
        """As `summary`, likewise."""
        return [self.summary()]

    def update_pose(self, found: Pose, timestamp_ms: int, brightness: float | None = None) -> Recognition:
        """Takes the next sampled frame's pose, where it was estimated already, and its `mean_brightness`."""
        return self._person.update(found, timestamp_ms, brightness)

    def summary(self) -> Summary:
        """The answer for all frames so far."""
        return self._person.summary()

    def close(self) -> None:
        """Frees the pose model."""
        self._estimator.close()

    def __enter__(self) -> "Recognizer":
        return self

    def __exit__(self, *_) -> None:
        self.close()
