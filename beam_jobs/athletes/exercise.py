"""What an exercise is: a function from a body, a style and a moment to a posed skeleton, and how it is filmed."""

import dataclasses
import math
import zlib
from collections.abc import Callable, Sequence

import numpy as np

from beam_jobs.athletes.skeleton import Body, Skeleton


class MovementStyle:
    """One clip's manner of doing an exercise: named choices. Each is drawn once, independent of the order of the calls.

    In a `wide` style the choices have the range that people in gyms and living rooms show.
    """

    def __init__(self, seed: Sequence[int], wide: bool = False) -> None:
        self.wide = wide
        self._seed = tuple(seed)
        self._drawn: dict[str, float] = {}

    def _uniform(self, name: str) -> float:
        if name not in self._drawn:
            self._drawn[name] = np.random.default_rng([*self._seed, zlib.crc32(name.encode())]).random()
        return self._drawn[name]

    def between(self, name: str, low: float, high: float, *, wide: tuple[float, float] | None = None) -> float:
        """A number in [low, high); in the `wide` range instead, where the style is wide."""
        if self.wide and wide is not None:
            low, high = wide
        return low + (high - low) * self._uniform(name)

    def choice(self, name: str, options: Sequence[str], *, wide: Sequence[str] = ()) -> str:
        """One of the options, all equally likely; of the `wide` ones as well, where the style is wide."""
        if self.wide:
            options = (*options, *wide)
        return options[int(self._uniform(name) * len(options))]

    def chance(self, name: str, share: float) -> bool:
        """True in `share` of the wide styles; always False in usual ones."""
        return self.wide and self._uniform(name) < share


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
      label: what it is called in labels.csv: its name, or none.
      pose: (body, style, moment) -> skeleton.
      seconds: shortest and longest repetition.
      yaw_degrees: where the camera stands round the athlete, least and most, on either side; 0 is in front.
      elevation_degrees: how far the camera looks down.
      wide_yaw_degrees: where cameras stand at times; for the wide variety.
    """

    name: str
    label: str
    pose: Pose
    seconds: tuple[float, float]
    yaw_degrees: tuple[float, float]
    elevation_degrees: tuple[float, float]
    wide_yaw_degrees: tuple[float, float]


def exercise(
    seconds: tuple[float, float],
    yaw_degrees: tuple[float, float] = (0, 100),
    elevation_degrees: tuple[float, float] = (-2, 16),
    wide_yaw_degrees: tuple[float, float] = (0, 180),
    label: str | None = None,
) -> Callable[[Pose], Exercise]:
    """Makes a pose function an exercise of its own name, with its name as label unless another one is given."""

    def made(pose: Pose) -> Exercise:
        name = pose.__name__
        return Exercise(name, label or name, pose, seconds, yaw_degrees, elevation_degrees, wide_yaw_degrees)

    return made


def smooth(value: float) -> float:
    """0 to 1 with a soft start and end, flat outside."""
    value = min(max(value, 0.0), 1.0)
    return value * value * (3 - 2 * value)


def sway(style: MovementStyle, moment: RepetitionPhase, name: str, amount: float) -> float:
    """A slow sway: nobody stands perfectly still."""
    rate, phase = style.between(f"{name}_rate", 0.25, 0.6), style.between(f"{name}_phase", 0, math.tau)
    return amount * math.sin(math.tau * rate * moment.time_s + phase)
