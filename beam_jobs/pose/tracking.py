"""PeopleTracker: which pose of a frame belongs to which person, from landmarks alone.

Each person has a number that stays through crossings and through `MAX_LOST_MS` out of sight. A person who comes back
later is a new one. `extract` and `live` use the same code.

A person's torso is followed by a Kalman filter in metres: MediaPipe gives each pose in the picture and in metres, and
so tells how long a metre is at that person's distance. Poses and people are then assigned by
scipy.optimize.linear_sum_assignment. Trackers of boxes (trackers 2.6: SORT, ByteTrack, OC-SORT, C-BIoU) and norfair 2.3
were tried on the same poses: see results/live_people.md.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from beam_jobs import landmarks
from beam_jobs.pose.estimator import Pose, nobody
from beam_jobs.pose.smoothing import LandmarkSmoother

# A person who is not seen for longer is forgotten.
MAX_LOST_MS = 2000
# A new person counts from the third frame on: some poses are nobody's.
_NUM_FRAMES_TO_CONFIRM = 3
# Two poses are of one person where the landmarks of both are nearer than this, in sizes of the larger body.
_DUPLICATE_DISTANCE = 0.2
# They move less than limbs do.
_TORSO = [landmarks.LEFT_SHOULDER, landmarks.RIGHT_SHOULDER, landmarks.LEFT_HIP, landmarks.RIGHT_HIP]
# Metres; of a pose's torso, and metres squared a second cubed: how quickly people change their speed.
_POSITION_NOISE_M, _ACCELERATION_NOISE = 0.05, 1.0
# How certain the first speed is, metres a second.
_FIRST_SPEED_M_S = 1.0
# Of the logarithm of a metre's length in the picture: of one pose, and how it grows with the root of time.
_SCALE_NOISE, _SCALE_DRIFT = 0.08, 0.1
_SCALE_SHARE = 0.1  # of a new pose in what is known
# How far a pose may be from where its person is expected: standard deviations; and where poses and people are left
# over then: metres, and metres a second.
_GATE = 4.0
_LOOSE_GATE_M, _LOOSE_SPEED_M_S = 0.4, 2.0
_IMPOSSIBLE = 1e6


def is_duplicate(one: Pose, other: Pose) -> bool:
    """Whether two poses of a frame are of the same person."""
    size = max(np.ptp(pose.image[:, :2], axis=0).max() for pose in (one, other))
    apart = np.linalg.norm(one.image[:, :2] - other.image[:, :2], axis=1)
    return bool(np.median(apart) < _DUPLICATE_DISTANCE * size)


def without_duplicates(poses: Sequence[Pose]) -> list[Pose]:
    """The first pose of each person."""
    kept: list[Pose] = []
    for pose in poses:
        if not any(is_duplicate(pose, other) for other in kept):
            kept.append(pose)
    return kept


def axis_scales(pose: Pose) -> np.ndarray:
    """How long a metre is at the person's distance, as shares of the picture's width and height: float64, (2,)."""
    return np.maximum(pose.image[:, :2].std(axis=0), 1e-3) / np.maximum(pose.world[:, :2].std(axis=0), 1e-2)


class _Seen:
    """A pose with what the tracker looks at: the torso's place in the picture, and how long a metre is there."""

    def __init__(self, pose: Pose) -> None:
        self.pose = pose
        self.place = pose.image[_TORSO, :2].mean(axis=0).astype(np.float64)
        self.scales = axis_scales(pose)


class _Track:
    """A person: a Kalman filter of the torso's place and speed, in shares of the picture, uncertainties in metres."""

    def __init__(self, seen: _Seen, timestamp_ms: int) -> None:
        self.person_id: int | None = None
        self.num_frames = 1
        self.last_ms = timestamp_ms
        self.smoother = LandmarkSmoother()
        self.scales = seen.scales
        self._state = np.stack([seen.place, np.zeros(2)])
        self._covariance = np.diag([_POSITION_NOISE_M**2, _FIRST_SPEED_M_S**2])

    def _predicted(self, timestamp_ms: int) -> tuple[np.ndarray, np.ndarray]:
        """Place and speed, shape (2, 2), and their covariance, shape (2, 2)."""
        step_s = (timestamp_ms - self.last_ms) / 1000
        move = np.array([[1.0, step_s], [0.0, 1.0]])
        noise = _ACCELERATION_NOISE * np.array([[step_s**3 / 3, step_s**2 / 2], [step_s**2 / 2, step_s]])
        return move @ self._state, move @ self._covariance @ move.T + noise

    def cost(self, seen: _Seen, timestamp_ms: int, is_strict: bool) -> float:
        """How unlikely it is that a pose is this person's (minus twice the log likelihood); inf: it cannot be."""
        step_s = (timestamp_ms - self.last_ms) / 1000
        state, covariance = self._predicted(timestamp_ms)
        away_m = float(np.linalg.norm((seen.place - state[0]) / self.scales))
        variance = covariance[0, 0] + _POSITION_NOISE_M**2
        allowed_m = _GATE * math.sqrt(variance) if is_strict else _LOOSE_GATE_M + _LOOSE_SPEED_M_S * step_s
        if away_m > allowed_m:
            return math.inf
        nearer = float(np.log(seen.scales / self.scales).mean())
        scale_variance = _SCALE_NOISE**2 + _SCALE_DRIFT**2 * step_s
        return away_m**2 / variance + 2 * math.log(variance) + nearer**2 / scale_variance

    def update(self, seen: _Seen, timestamp_ms: int) -> Pose:
        """Takes the person's next pose; returns it smoothed."""
        if timestamp_ms > self.last_ms:
            state, covariance = self._predicted(timestamp_ms)
            gain = covariance[:, 0] / (covariance[0, 0] + _POSITION_NOISE_M**2)
            self._state = state + gain[:, None] * (seen.place - state[0])
            self._covariance = covariance - np.outer(gain, covariance[0])
            self.scales = self.scales ** (1 - _SCALE_SHARE) * seen.scales**_SCALE_SHARE
            self.last_ms = timestamp_ms
            self.num_frames += 1
        return self.smoother.update(seen.pose, timestamp_ms, self.scales)


class PeopleTracker:
    """Gives each pose of a frame the number of its person; use one tracker for each video.

    The numbers are 0, 1, … in the order in which people are confirmed.
    """

    def __init__(self) -> None:
        # Here and not above: scipy takes 0.4 s and 50 MB, and one person needs no tracker.
        from scipy.optimize import linear_sum_assignment

        self._assign: Callable = linear_sum_assignment
        self._tracks: list[_Track] = []
        self._num_people = 0
        self._last_ms: int | None = None

    def update(self, poses: Sequence[Pose], timestamp_ms: int) -> list[tuple[int, Pose]]:
        """Takes a frame's poses.

        Args:
          poses: of people in one frame, in any order; a person may be there twice.
          timestamp_ms: media time; later than the last frame's.

        Returns:
          (person_id, smoothed pose) of each confirmed person, by number. The pose is `nobody()` where the person is out
          of sight for a moment; a person who is missing has been forgotten.

        Raises:
          ValueError: if time does not move on.
        """
        if self._last_ms is not None and timestamp_ms <= self._last_ms:
            raise ValueError(f"timestamp_ms is {timestamp_ms}; expected more than the last one, {self._last_ms}.")
        is_first, self._last_ms = self._last_ms is None, timestamp_ms
        self._tracks = [track for track in self._tracks if timestamp_ms - track.last_ms <= MAX_LOST_MS]
        seen = [_Seen(pose) for pose in without_duplicates([pose for pose in poses if pose.detected])]
        pairs = self._pairs(seen, timestamp_ms)
        found = []
        for track, one in pairs:
            pose = track.update(one, timestamp_ms)
            if track.person_id is None and (is_first or track.num_frames >= _NUM_FRAMES_TO_CONFIRM):
                track.person_id = self._num_people
                self._num_people += 1
            if track.person_id is not None:
                found.append((track.person_id, pose))
        for track in self._tracks:
            if track.last_ms < timestamp_ms:
                track.smoother.reset()
                if track.person_id is None:
                    track.num_frames = 0
                else:
                    found.append((track.person_id, nobody()))
        return sorted(found, key=lambda person: person[0])

    def _pairs(self, seen: list[_Seen], timestamp_ms: int) -> list[tuple[_Track, _Seen]]:
        """Which pose is whose; people who were not there before are added."""
        tracks, pairs = list(self._tracks), []
        # Strictly first: a pose that jumps at a crossing is more likely the other person, who comes into sight again.
        for is_strict in (True, False):
            matched = self._assigned(tracks, seen, timestamp_ms, is_strict)
            pairs += matched
            # By identity: poses have no equality.
            tracks = [track for track in tracks if all(track is not other for other, _ in matched)]
            seen = [one for one in seen if all(one is not other for _, other in matched)]
        new = [(_Track(one, timestamp_ms), one) for one in seen]
        self._tracks += [track for track, _ in new]
        return pairs + new

    def _assigned(
        self, tracks: list[_Track], seen: list[_Seen], timestamp_ms: int, is_strict: bool
    ) -> list[tuple[_Track, _Seen]]:
        if not tracks or not seen:
            return []
        costs = np.array([[track.cost(one, timestamp_ms, is_strict) for one in seen] for track in tracks])
        # The assignment wants finite numbers, and as many pairs as there are.
        rows, columns = self._assign(np.where(np.isfinite(costs), costs, _IMPOSSIBLE))
        return [
            (tracks[row], seen[column])
            for row, column in zip(rows, columns, strict=True)
            if math.isfinite(costs[row, column])
        ]
