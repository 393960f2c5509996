"""Repetitions of an exercise, counted frame by frame from landmarks alone: no model, and nothing that it has to know.

A repetition bends a joint and stretches it again. The angles of elbows, shoulders, hips and knees (the mean of left and
right) are followed; of each the turning points are kept, and the joint that swings furthest is the one that is counted.
Needs NumPy alone.
"""

import collections
import itertools
import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from beam_jobs import landmarks as names

# Pairs of JOINTS, left and right.
JOINTS = ("elbow", "shoulder", "hip", "knee")
# An angle is smoothed over so long: landmarks shake.
_SMOOTHING_MS = 155.0
# How far back an angle's range is looked at, and how often.
_RANGE_MS, _RANGE_EVERY_MS = 10_000, 300
# A turn is one when the angle has gone back by this share of its range, and by this many degrees.
_TURN_SHARE, _TURN_DEGREES = 0.55, 20.0
# After so long without a person, or without a joint, a movement begins anew.
_BREAK_MS = 1_500
# An hour of quick repetitions.
_MAX_TURNS = 8_000


# Landmarks of the joints' limbs: proximal, joint, distal; left and right of each joint one after the other.
_LIMBS = np.array([indices for _, *indices in names.JOINTS]).T


class Turn(NamedTuple):
    """A turning point of an angle.

    Attributes:
      timestamp_ms: when the angle turned.
      degrees: what it was.
    """

    timestamp_ms: int
    degrees: float


def joint_angles_degrees(row: np.ndarray) -> np.ndarray:
    """The mean of left and right of each of `JOINTS`, 180 for a straight limb: (33, 3) to (4,); NaN where not seen.

    In TensorFlow, for features: features/geometry.py.
    """
    proximal, joint, distal = row[_LIMBS]
    upper, lower = proximal - joint, distal - joint
    # By components: np.cross takes five times as long for so few, and live asks for every frame.
    (ux, uy, uz), (lx, ly, lz) = upper.T, lower.T
    cross_x, cross_y, cross_z = uy * lz - uz * ly, uz * lx - ux * lz, ux * ly - uy * lx
    sine = np.sqrt(cross_x * cross_x + cross_y * cross_y + cross_z * cross_z)
    angles = np.degrees(np.arctan2(sine, ux * lx + uy * ly + uz * lz)).reshape(-1, 2)
    left, right = angles[:, 0], angles[:, 1]
    mean = (left + right) / np.float64(2)
    if not np.isnan(mean).any():
        return mean
    # One side alone where the other is not seen.
    return np.where(np.isnan(left), right, np.where(np.isnan(right), left, mean)).astype(np.float64)


def _percentiles_5_95(values: Iterable[float]) -> tuple[float, float]:
    """As np.percentile, to the last bit; that takes longer than all else here."""
    ordered = sorted(values)
    found = []
    for share in (0.05, 0.95):
        position = share * (len(ordered) - 1)
        before = int(position)
        low, high, weight = ordered[before], ordered[min(before + 1, len(ordered) - 1)], position - before
        found.append(low + (high - low) * weight if weight < 0.5 else high - (high - low) * (1 - weight))
    return found[0], found[1]


class AngleTurns:
    """The turning points of one angle, as they come.

    Attributes:
      turns: oldest first; the last of them, where there are very many.
      num_turns: how many there have been.
    """

    def __init__(self) -> None:
        self.turns: collections.deque[Turn] = collections.deque(maxlen=_MAX_TURNS)
        self.num_turns = 0
        self._recent: collections.deque[tuple[int, float]] = collections.deque()
        self._smooth: float | None = None
        self._last_ms = 0
        self._begin()

    def _begin(self) -> None:
        self._direction = 0
        self._needed, self._needed_until_ms = _TURN_DEGREES, 0
        self._high = self._low = Turn(0, float("nan"))

    def push(self, timestamp_ms: int, degrees: float) -> None:
        """Takes the next angle; NaN where it is not seen."""
        if not math.isfinite(degrees):
            return
        if self._smooth is None or timestamp_ms - self._last_ms > _BREAK_MS:
            self._smooth = degrees
            self._begin()
            self._high = self._low = Turn(timestamp_ms, degrees)
        else:
            weight = 1 - math.exp(-(timestamp_ms - self._last_ms) / _SMOOTHING_MS)
            self._smooth += weight * (degrees - self._smooth)
        self._last_ms = timestamp_ms
        self._recent.append((timestamp_ms, self._smooth))
        while self._recent[0][0] < timestamp_ms - _RANGE_MS:
            self._recent.popleft()
        self._turn(Turn(timestamp_ms, self._smooth))

    def _turn(self, now: Turn) -> None:
        """Notes a turn when the angle has gone back far enough from its last extreme."""
        if now.timestamp_ms >= self._needed_until_ms:
            low, high = _percentiles_5_95([value for _, value in self._recent])
            self._needed = max(_TURN_DEGREES, _TURN_SHARE * (high - low))
            self._needed_until_ms = now.timestamp_ms + _RANGE_EVERY_MS
        if self._direction >= 0:
            if now.degrees > self._high.degrees:
                self._high = now
            if self._high.degrees - now.degrees > self._needed:
                self._note(self._high)
                self._direction, self._low = -1, now
                return
        if self._direction <= 0:
            if now.degrees < self._low.degrees:
                self._low = now
            if now.degrees - self._low.degrees > self._needed:
                self._note(self._low)
                self._direction, self._high = 1, now

    def _note(self, turn: Turn) -> None:
        self.turns.append(turn)
        self.num_turns += 1

    def between(self, start_ms: int, end_ms: int | None) -> list[Turn]:
        """The turns between two times, both included; without an end, all since the first."""
        since = list(itertools.takewhile(lambda turn: turn.timestamp_ms >= start_ms, reversed(self.turns)))[::-1]
        return since if end_ms is None else [turn for turn in since if turn.timestamp_ms <= end_ms]


class RepetitionCounter:
    """Counts one person's repetitions."""

    def __init__(self) -> None:
        self._angles = {joint: AngleTurns() for joint in JOINTS}
        self._counted: tuple[tuple[int, int | None, int], int] | None = None

    def push(self, row: np.ndarray, timestamp_ms: int) -> None:
        """Takes the next row of landmarks.

        Args:
          row: world landmarks, or others in true proportions, shape (33, 3); NaN where no person was detected.
          timestamp_ms: later than the last one's.
        """
        self.push_angles(joint_angles_degrees(row), timestamp_ms)

    def push_angles(self, angles: np.ndarray, timestamp_ms: int) -> None:
        """Takes the angles of the next row, as `joint_angles_degrees` returns them."""
        for turns, degrees in zip(self._angles.values(), angles, strict=True):
            turns.push(timestamp_ms, float(degrees))

    def count(self, start_ms: int = 0, end_ms: int | None = None) -> int:
        """Repetitions between two times, so far: there and back again of the joint that swings furthest.

        A repetition counts when the person has come more than half of the way back.

        Args:
          start_ms: turns before it do not count.
          end_ms: turns after it do not count; by default all do.
        """
        num_turns = sum(angle.num_turns for angle in self._angles.values())
        newest_ms = max((angle.turns[-1].timestamp_ms for angle in self._angles.values() if angle.turns), default=0)
        # Asked for after every window, and seldom with another answer.
        asked = (start_ms, None if end_ms is None or end_ms >= newest_ms else end_ms, num_turns)
        if self._counted is None or self._counted[0] != asked:
            found = [angle.between(start_ms, end_ms) for angle in self._angles.values()]
            self._counted = asked, len(max(found, key=_swing_degrees)) // 2
        return self._counted[1]


def _swing_degrees(turns: list[Turn]) -> float:
    """How far an angle usually swings between its turns; less where swings differ: repetitions are like each other."""
    if len(turns) < 3:
        return 0.0 if len(turns) < 2 else 0.5 * abs(turns[1].degrees - turns[0].degrees)
    swings = np.abs(np.diff([turn.degrees for turn in turns]))
    return float(np.median(swings) / (1 + swings.std() / swings.mean()))
