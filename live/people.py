"""PeopleRecognizer: frames in, each person's exercise out."""

import numpy as np

from beam_jobs.pose import estimator
from beam_jobs.pose.estimator import Pose, nobody
from beam_jobs.pose.people import PeopleEstimator
from beam_jobs.video.frames import mean_brightness
from live.advice import Advisor
from live.recognizer import DEFAULT_MIN_PROBABILITY, PersonRecognizer, Recognition, Summary
from model.bundle import check_fingerprint
from model.exported_bundle import ExportedBundle


class TrackedPeople:
    """Recognises what each of several people does, from their poses; needs no pose model, and no MediaPipe.

    A person has a number, a window and a count, also through crossings and for `tracking.MAX_LOST_MS` out of sight. A
    person who comes back later begins anew under another number.
    """

    def __init__(self, bundle: ExportedBundle, min_probability: float = DEFAULT_MIN_PROBABILITY) -> None:
        """Begins.

        Args:
          bundle: labels, graph and rules.
          min_probability: an answer that is less probable than this is none; 0 to 1.
        """
        self._bundle, self._min_probability = bundle, min_probability
        self._people: dict[int, PersonRecognizer] = {}
        self._left: list[Summary] = []
        self._advisor = Advisor()
        self._num_empty_frames = 0

    def update(
        self, found: list[tuple[int, Pose]], timestamp_ms: int, brightness: float | None = None
    ) -> list[Recognition]:
        """Takes the next sampled frame's people.

        Args:
          found: as `PeopleTracker.update` returns them.
          timestamp_ms: since the first frame; later than the last one's.
          brightness: the picture's `mean_brightness`, where it is known.

        Returns:
          What is known of each person in view, or out of sight for a moment, by number; without anybody, one
          that says so, whose `person` is None.
        """
        for number in self._people.keys() - {number for number, _ in found}:
            self._keep(self._people.pop(number).summary())
        if not found:
            return [self._nobody(timestamp_ms, brightness)]
        self._num_empty_frames = 0
        recognitions = []
        for number, pose in found:
            if number not in self._people:
                self._people[number] = PersonRecognizer(self._bundle, self._min_probability, number)
            recognitions.append(self._people[number].update(pose, timestamp_ms, brightness))
        return recognitions

    def _nobody(self, timestamp_ms: int, brightness: float | None) -> Recognition:
        is_due = self._num_empty_frames % self._bundle.rule.stride == 0
        self._num_empty_frames += 1
        return Recognition(
            timestamp_ms=timestamp_ms,
            person=None,
            exercise=None,
            probability=None,
            probabilities=None,
            due=is_due,
            pose=nobody(),
            brightness=brightness,
            hint=self._advisor.update(nobody(), brightness),
        )

    def _keep(self, summary: Summary) -> None:
        # Nothing is to be said of somebody who only passed by.
        if summary.num_predictions:
            self._left.append(summary)

    def summaries(self) -> list[Summary]:
        """What each person did so far, by number; of those who were in view for long enough."""
        here = [person.summary() for person in self._people.values()]
        found = [*self._left, *(summary for summary in here if summary.num_predictions)]
        return sorted(found, key=lambda summary: summary.person) or [Summary(0, None, None, 0)]


class PeopleRecognizer:
    """Recognises what each of several people does in one video or stream; use one for each, since tracking has state.

    MediaPipe finds the poses, `PeopleTracker` follows them, `TrackedPeople` does the rest. Use as a context manager, or
    call `close`.
    """

    def __init__(
        self,
        bundle: ExportedBundle,
        pose_model_path: str,
        num_people: int,
        min_probability: float = DEFAULT_MIN_PROBABILITY,
    ) -> None:
        """Checks that the pose model fits the bundle, and warms everything up.

        Args:
          bundle: labels, graph and rules.
          pose_model_path: a local `.task` file.
          num_people: at most so many are followed at a time.
          min_probability: an answer that is less probable than this is none; 0 to 1.

        Raises:
          UserError: as of `Recognizer`.
        """
        fingerprint = estimator.fingerprint(pose_model_path, bundle.frame_rate_hz, num_people)
        check_fingerprint(bundle.fingerprint, fingerprint)
        self._people = TrackedPeople(bundle, min_probability)
        self._estimator = PeopleEstimator(pose_model_path, num_people)
        self._estimator.warm_up()

    def update_all(self, image: np.ndarray, timestamp_ms: int) -> list[Recognition]:
        """Takes the next sampled frame.

        Args:
          image: BGR, uint8, shape (height, width, 3).
          timestamp_ms: since the first frame; later than the last one's.

        Returns:
          What is known of each person in view, or out of sight for a moment, by number; without anybody, one
          that says so, whose `person` is None.
        """
        return self._people.update(self._estimator.estimate(image, timestamp_ms), timestamp_ms, mean_brightness(image))

    def summaries(self) -> list[Summary]:
        """As `TrackedPeople.summaries`."""
        return self._people.summaries()

    def close(self) -> None:
        """Frees the pose model."""
        self._estimator.close()

    def __enter__(self) -> "PeopleRecognizer":
        return self

    def __exit__(self, *_) -> None:
        self.close()
