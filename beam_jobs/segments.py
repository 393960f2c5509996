"""Which exercise one person does, from when to when and how often: windows' answers put together, as they come.

Live, the stream job and the batch job `segments` all use this code. Needs NumPy alone.
"""

import dataclasses
import math
from collections.abc import Collection, Sequence

import numpy as np

from beam_jobs.labels import NO_EXERCISE
from beam_jobs.repetitions import RepetitionCounter

# As live asks for by default: below this an answer is often wrong.
MIN_PROBABILITY = 0.7
# Probabilities are averaged over about so long. Chosen by measurement, as all that follows: results/live.md.
SMOOTHING_MS = 350.0
# An exercise that is known is kept down to this share of the probability that it took to be known (hysteresis).
KEEP_SHARE = 0.4
# From this probability on, a window counts as it is.
SURE_PROBABILITY = 0.9
# The average of an answer that nobody gives any more falls: below this sum over all labels there is none.
_MIN_SUM = 0.3
# Windows end so long after each other where 15 frames a second are used.
STEP_MS = 200
# No window counts for longer: at a few frames a second, too, one odd window changes nothing.
_MAX_WEIGHED_MS = SMOOTHING_MS
# The same exercise after a pause of at most so long, and nothing else in between, is one segment: one set.
MAX_PAUSE_MS = 5_000
# Shorter ones are no exercise, but a movement that looks like one.
MIN_LENGTH_MS = 1_000
# An exercise is known when most of a window's last second shows it: it began so long before (the median, measured).
LEAD_MS = 700


def is_sure(whole: np.ndarray) -> bool:
    """Whether a window's probabilities, shape (C,), are so clear that its last second need not be asked about.

    So it is with more than half of the windows, and the answers stay as good (measured: results/live.md).
    """
    # As a float64, as JavaScript compares: NumPy would round 0.9 to float32 first.
    return float(whole.max()) >= SURE_PROBABILITY


def surer(whole: np.ndarray, recent: np.ndarray | None) -> np.ndarray:
    """What counts of a window's probabilities and those of its last second: whichever are surer.

    A window spans 2.3 s, and shows a change when most of it shows the new exercise; its last second shows it sooner.

    Args:
      whole: shape (C,).
      recent: of the same window without all but its last rows (see `windows.recent_inputs`), shape (C,); None where
        too few of them have a person, or where the whole window `is_sure`.
    """
    return whole if recent is None or whole.max() >= recent.max() else recent


@dataclasses.dataclass
class Segment:
    """A stretch of one exercise.

    Attributes:
      exercise: what is done.
      start_ms, end_ms: the ends of its first and of its last window.
      probability: the mean of its windows.
      num_windows: that say so.
      repetitions: how often; None for a hold, such as a plank.
      held_s: for how long, in seconds; None for an exercise with movement.
    """

    exercise: str
    start_ms: int
    end_ms: int
    probability: float
    num_windows: int
    repetitions: int | None = None
    held_s: float | None = None

    def add(self, timestamp_ms: int, probability: float) -> None:
        """Makes a window part of it."""
        self.end_ms = timestamp_ms
        self.probability += (probability - self.probability) / (self.num_windows + 1)
        self.num_windows += 1


class SteadyAnswer:
    """One person's answer, smoothed over time: a single odd window changes nothing, and nothing flickers.

    Attributes:
      exercise: the answer now; None where none is probable enough.
      probability: its average; None likewise.
      start_ms: the end of the first window of the run that made it the answer.
    """

    def __init__(self, labels: Sequence[str], min_probability: float = MIN_PROBABILITY) -> None:
        """Takes the labels, in the order of the probabilities, and how probable an answer must become, 0 to 1."""
        self._labels, self._min_probability = labels, min_probability
        self._last_ms: int | None = None
        self._elapsed_ms = STEP_MS
        self._average = np.zeros(len(labels))
        # Of each label, since when it is among the answers.
        self._run_ms: list[int | None] = [None] * len(labels)
        self._shown: int | None = None
        self.start_ms: int | None = None

    @property
    def exercise(self) -> str | None:  # noqa: D102
        return None if self._shown is None else self._labels[self._shown]

    @property
    def probability(self) -> float | None:  # noqa: D102
        return None if self._shown is None else float(self._average[self._shown])

    def push(self, timestamp_ms: int, probabilities: np.ndarray | None) -> None:
        """Takes what the next window says.

        Args:
          timestamp_ms: of its last row; later than the last one's.
          probabilities: of each label, shape (C,); None where it says nothing: nobody is in view, or it is too dark.
        """
        elapsed_ms = STEP_MS if self._last_ms is None else timestamp_ms - self._last_ms
        # Slow cameras, and bundles of fewer frames a second, have longer steps: those are no pauses.
        usual_ms = max(STEP_MS, self._elapsed_ms)
        self._last_ms, self._elapsed_ms = timestamp_ms, elapsed_ms
        if elapsed_ms >= 1.5 * usual_ms:
            # Rows without a person are not always told.
            self._step(timestamp_ms - usual_ms, elapsed_ms - usual_ms, None)
            elapsed_ms = usual_ms
        self._step(timestamp_ms, min(elapsed_ms, _MAX_WEIGHED_MS), probabilities)

    def _step(self, timestamp_ms: int, elapsed_ms: float, probabilities: np.ndarray | None) -> None:
        weight = 1 - math.exp(-elapsed_ms / SMOOTHING_MS)
        now = np.zeros(len(self._labels)) if probabilities is None else probabilities
        self._average += weight * (now - self._average)
        self._note_runs(timestamp_ms)
        self._choose(timestamp_ms)

    def _note_runs(self, timestamp_ms: int) -> None:
        best = int(self._average.argmax())
        for index, average in enumerate(self._average):
            if average < 0.1:
                self._run_ms[index] = None
            elif self._run_ms[index] is None and index == best:
                self._run_ms[index] = timestamp_ms

    def _choose(self, timestamp_ms: int) -> None:
        best, shown = int(self._average.argmax()), self._shown
        if self._average.sum() < _MIN_SUM:
            self._shown = self.start_ms = None
        elif best != shown and self._average[best] >= self._min_probability:
            self._shown, start_ms = best, self._run_ms[best]
            self.start_ms = timestamp_ms if start_ms is None else start_ms
        elif shown is not None and self._average[shown] < KEEP_SHARE * self._min_probability:
            self._shown = self.start_ms = None


class ExerciseLog:
    """What one person does, from when to when, how often: put together row by row and window by window."""

    def __init__(self, labels: Sequence[str], holds: Collection[str], min_probability: float = MIN_PROBABILITY) -> None:
        """Begins.

        Args:
          labels: in the order of the probabilities.
          holds: the labels without movement: their seconds are counted, not repetitions.
          min_probability: how probable an answer must become.
        """
        self.steady = SteadyAnswer(labels, min_probability)
        self._labels, self._holds = labels, frozenset(holds)
        self._counter = RepetitionCounter()
        self._segments: list[Segment] = []
        self._current: Segment | None = None

    def push_row(self, row: np.ndarray, timestamp_ms: int) -> None:
        """Takes every row of landmarks, as `RepetitionCounter.push` does; before the window that ends in it."""
        self._counter.push(row, timestamp_ms)

    def push_angles(self, degrees: np.ndarray, timestamp_ms: int) -> None:
        """In place of `push_row`, where the angles of the row are known."""
        self._counter.push_angles(degrees, timestamp_ms)

    def push_answer(self, timestamp_ms: int, probabilities: np.ndarray | None) -> None:
        """Takes what a window says, as `SteadyAnswer.push` does."""
        self.steady.push(timestamp_ms, probabilities)
        exercise = self.steady.exercise
        if exercise is None or exercise == NO_EXERCISE:
            self._current = None
            return
        if self._current is None or self._current.exercise != exercise:
            self._current = self._resumed(exercise) or self._begun(exercise)
        if probabilities is not None and self._labels[int(probabilities.argmax())] == exercise:
            self._current.add(timestamp_ms, float(probabilities.max()))
        self._count(self._current)

    def _resumed(self, exercise: str) -> Segment | None:
        """The last segment, where it is of the same exercise and ended a moment ago; short ones may follow it."""
        start_ms = self.steady.start_ms or 0
        for position in reversed(range(len(self._segments))):
            segment = self._segments[position]
            if segment.exercise == exercise and start_ms - segment.end_ms <= MAX_PAUSE_MS:
                del self._segments[position + 1 :]
                return segment
            if _is_long(segment):
                break
        return None

    def _begun(self, exercise: str) -> Segment:
        start_ms = self.steady.start_ms or 0
        self._segments = [segment for segment in self._segments if _is_long(segment)]
        self._segments.append(Segment(exercise, start_ms, start_ms, 0.0, 0))
        return self._segments[-1]

    def _count(self, segment: Segment) -> None:
        if segment.exercise in self._holds:
            segment.held_s = round((segment.end_ms - max(0, segment.start_ms - LEAD_MS)) / 1000, 1)
        else:
            segment.repetitions = self._counter.count(segment.start_ms - LEAD_MS, segment.end_ms)

    @property
    def current(self) -> Segment | None:
        """The exercise that is done now; None where there is none."""
        return self._current

    def segments(self) -> list[Segment]:
        """All so far, in order of time; the last one may go on."""
        return [segment for segment in self._segments if _is_long(segment)]


def _is_long(segment: Segment) -> bool:
    return segment.end_ms - segment.start_ms >= MIN_LENGTH_MS
