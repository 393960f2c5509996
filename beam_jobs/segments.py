"""Which exercise was done from when to when: windows' answers put together."""

import dataclasses
from collections.abc import Iterable

# Windows end every 0.2 s; one or some that say something else, or are not sure, do not end an exercise.
MAX_GAP_MS = 1500
# Shorter ones are no exercise, but a movement that looks like one.
MIN_LENGTH_MS = 1000
# As live asks for by default: below this an answer is often wrong.
MIN_PROBABILITY = 0.7
# An exercise is known when most of a window shows it: repetitions count from before the end of the first such window.
LEAD_MS = 1500


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a window says.

    Attributes:
      timestamp_ms: of the window's last row.
      exercise: the most probable one.
      probability: of it.
    """

    timestamp_ms: int
    exercise: str
    probability: float


@dataclasses.dataclass(frozen=True)
class Segment:
    """A stretch of one exercise.

    Attributes:
      exercise: what is done.
      start_ms, end_ms: the ends of its first and of its last window.
      probability: the mean of its windows.
      num_windows: that say so.
    """

    exercise: str
    start_ms: int
    end_ms: int
    probability: float
    num_windows: int


def find_segments(answers: Iterable[Answer], min_probability: float = MIN_PROBABILITY) -> list[Segment]:
    """The stretches in which one exercise is done, in order.

    Args:
      answers: of one person, in the order of time.
      min_probability: less probable answers do not count.
    """
    runs: list[list[Answer]] = []
    for answer in answers:
        if answer.probability < min_probability:
            continue
        last = runs[-1][-1] if runs else None
        # A single other answer in between does not end a run: the one before it is looked at, too.
        before = next((run for run in reversed(runs[-2:]) if run[-1].exercise == answer.exercise), None)
        if last is not None and before is not None and answer.timestamp_ms - before[-1].timestamp_ms <= MAX_GAP_MS:
            before.append(answer)
        else:
            runs.append([answer])
    return [_segment(run) for run in runs if run[-1].timestamp_ms - run[0].timestamp_ms >= MIN_LENGTH_MS]


def _segment(run: list[Answer]) -> Segment:
    mean = sum(answer.probability for answer in run) / len(run)
    return Segment(run[0].exercise, run[0].timestamp_ms, run[-1].timestamp_ms, mean, len(run))
