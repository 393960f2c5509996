"""What an exercise is: a function from a body, a style and a phase to a posed skeleton, and how it is filmed."""

import dataclasses
import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from beam_jobs.athletes.skeleton import Body, Skeleton
from beam_jobs.labels import NO_EXERCISE


class MovementStyle:
    """One clip's manner of doing an exercise: named choices. Each is drawn once, independent of the order of the calls.

    The random number of a choice follows from the clip's seed and the CRC-32 of the choice's name. So another name is
    another manner, and other pictures for the same seed: names stay as they are (test_variety.py holds them), or
    `clip_plan.DRAWING_VERSION` is raised.

    In a `varied` style the choices have the range that people in gyms and living rooms show.
    """

    def __init__(self, seed: Sequence[int], varied: bool = False) -> None:
        self.varied = varied
        self._seed = tuple(seed)
        self._drawn: dict[str, float] = {}

    def _uniform(self, name: str) -> float:
        if name not in self._drawn:
            self._drawn[name] = np.random.default_rng([*self._seed, zlib.crc32(name.encode())]).random()
        return self._drawn[name]

    def between(self, name: str, low: float, high: float, *, varied: tuple[float, float] | None = None) -> float:
        """A number in [low, high); in the `varied` range instead, where the style is varied."""
        if self.varied and varied is not None:
            low, high = varied
        return low + (high - low) * self._uniform(name)

    def choice(self, name: str, options: Sequence[str], *, varied: Sequence[str] = ()) -> str:
        """One of the options, all equally likely; of the `varied` ones as well, where the style is varied."""
        if self.varied:
            options = (*options, *varied)
        return options[int(self._uniform(name) * len(options))]

    def chance(self, name: str, share: float) -> bool:
        """True in `share` of the varied styles; always False in basic ones."""
        return self.varied and self._uniform(name) < share


@dataclasses.dataclass(frozen=True)
class RepetitionPhase:
    """Where in the set of repetitions a frame lies.

    Attributes:
      depth: 0 in the starting position, about 1 in the turning point.
      repetition: 0-based count.
      time_s: since the clip's start.
      returning: on the way back from the turning point.
    """

    depth: float
    repetition: int
    time_s: float
    returning: bool = False


Pose = Callable[[Body, MovementStyle, RepetitionPhase], Skeleton]


@dataclasses.dataclass(frozen=True)
class Exercise:
    """An exercise: how it moves, and how it is usually done and filmed.

    Attributes:
      name: the pose function's.
      pose: (body, style, phase) -> skeleton.
      seconds: shortest and longest repetition.
      yaw_degrees: where the camera stands round the athlete, least and most, on either side; 0 is in front.
      elevation_degrees: how far the camera looks down.
      varied_yaw_degrees: where cameras stand at times in the `varied` variety.
      is_exercise: False for a movement that is no exercise.
      framed_by_time: the camera must see all of the clip, as depths alone do not say where the body goes (a jump).
    """

    name: str
    pose: Pose
    seconds: tuple[float, float]
    yaw_degrees: tuple[float, float] = (0, 100)
    elevation_degrees: tuple[float, float] = (-2, 16)
    varied_yaw_degrees: tuple[float, float] = (0, 180)
    is_exercise: bool = True
    framed_by_time: bool = False

    @property
    def label(self) -> str:
        """What labels.csv calls it: its name, or none."""
        return self.name if self.is_exercise else NO_EXERCISE


def smooth(value: float) -> float:
    """0 to 1 with a soft start and end, flat outside."""
    value = min(max(value, 0.0), 1.0)
    return value * value * (3 - 2 * value)


def sway(style: MovementStyle, phase: RepetitionPhase, name: str, amount: float) -> float:
    """A slow sway: nobody stands perfectly still."""
    rate, offset = style.between(f"{name}_rate", 0.25, 0.6), style.between(f"{name}_phase", 0, math.tau)
    return amount * math.sin(math.tau * rate * phase.time_s + offset)
