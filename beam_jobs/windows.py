"""The sampling grid, a row's history, and windows: the rules that batch and live share.

Everything here looks back only, so that a camera can follow the same rules as a file.
"""

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from beam_jobs import landmarks

DEFAULT_FRAME_RATE_HZ = 15.0
# Rows that a row carries into the transform graph, itself the last: enough for speed (2), acceleration (3) and a
# torso length that one bad frame cannot move (the median over half a second).
HISTORY_LENGTH = 8
# A second on the usual grid: see `recent_inputs`.
RECENT_ROWS = 15


class SamplingGrid:
    """Chooses which frames are used: the first one in each cell of a fixed time grid.

    A frame up to 22 % of a cell early still counts as on time: media timestamps are rounded to milliseconds and jitter,
    and without the tolerance the steps of a 30 Hz video sampled at 15 Hz would be uneven. (No usual rate, 10 to 60 fps,
    puts its frames at just 78 % of a 15 Hz cell, where rounding would decide; with 25 %, 60 fps would.) A source slower
    than the grid leaves cells empty: no frame is used twice. The time of the first frame is the origin.
    """

    TOLERANCE_CELLS = 0.22

    def __init__(self, frame_rate_hz: float = DEFAULT_FRAME_RATE_HZ) -> None:
        if not frame_rate_hz > 0:
            raise ValueError(f"frame_rate_hz is {frame_rate_hz}; expected a number above 0.")
        self.frame_rate_hz = frame_rate_hz
        self._last_frame_id = -1

    def frame_id(self, timestamp_ms: float) -> int | None:
        """The grid position of a frame at `timestamp_ms` since the first frame; None where it is not to be used."""
        frame_id = self.cell(timestamp_ms)
        if frame_id <= self._last_frame_id:
            return None
        self._last_frame_id = frame_id
        return frame_id

    def cell(self, timestamp_ms: float) -> int:
        """The grid position of a frame at `timestamp_ms`, used or not."""
        return int(timestamp_ms * self.frame_rate_hz / 1000 + self.TOLERANCE_CELLS)


class History:
    """The last rows' landmarks and times, oldest first, the newest row last.

    What lies before the first row is NaN (landmarks) and the newest row's own time (timestamps).
    """

    def __init__(self, length: int = HISTORY_LENGTH) -> None:
        self._rows: collections.deque[tuple[np.ndarray, int]] = collections.deque(maxlen=length)
        self.length = length

    def push(self, row: np.ndarray, timestamp_ms: int) -> tuple[np.ndarray, np.ndarray]:
        """Adds a row of landmarks, shape (33, 3); returns float32 (H, 33, 3) and int64 (H,) of the history."""
        self._rows.append((np.asarray(row, np.float32), timestamp_ms))
        stacked = np.full((self.length, landmarks.NUM_LANDMARKS, 3), np.nan, np.float32)
        times = np.full(self.length, timestamp_ms, np.int64)
        start = self.length - len(self._rows)
        for position, (past, past_ms) in enumerate(self._rows, start):
            stacked[position], times[position] = past, past_ms
        return stacked, times


def histories(
    rows: np.ndarray, timestamps_ms: np.ndarray, length: int = HISTORY_LENGTH
) -> tuple[np.ndarray, np.ndarray]:
    """What `History` returns for every row of one person in one clip, at once.

    Args:
      rows: landmarks, float32, shape (T, 33, 3); NaN where nobody was detected.
      timestamps_ms: int64, shape (T,).
      length: H, rows in a history.

    Returns:
      float32 (T, H, 33, 3) and int64 (T, H), oldest first.
    """
    rows = np.asarray(rows, np.float32)
    padded = np.concatenate([np.full((length - 1, *rows.shape[1:]), np.nan, np.float32), rows])
    positions = np.arange(len(rows))[:, None] + np.arange(length)
    return padded[positions], history_times(timestamps_ms, length)


def history_times(timestamps_ms: np.ndarray, length: int = HISTORY_LENGTH) -> np.ndarray:
    """The times of `histories` alone: int64, shape (T,) to (T, H)."""
    times = np.asarray(timestamps_ms, np.int64)
    past = np.arange(len(times))[:, None] + np.arange(1 - length, 1)
    return np.where(past >= 0, times[np.maximum(past, 0)], times[:, None])


@dataclasses.dataclass(frozen=True)
class WindowRule:
    """When rows make a window: 34 rows that end in a row with a person, at least 10 of them (0.7 s) with a person.

    Rows before a clip's start and rows without a person are zeros, which is each standardised feature's mean; so a
    clip shorter than a window, or one that has just begun, is answered by the same rule as any other.

    Attributes:
      length: rows in a window.
      stride: rows between the ends of two windows, counted from the clip's first row.
      min_detected: rows with a person that a window needs.
    """

    length: int = 34
    stride: int = 3
    min_detected: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.min_detected <= self.length:
            raise ValueError(f"min_detected is {self.min_detected}; expected 1 to the window's length, {self.length}.")
        if self.stride < 1:
            raise ValueError(f"stride is {self.stride}; expected 1 or more.")


class WindowBuffer:
    """A ring buffer of feature rows of one person, which says when they make a window."""

    def __init__(self, rule: WindowRule) -> None:
        self.rule = rule
        self._rows: collections.deque[tuple[np.ndarray, bool]] = collections.deque(maxlen=rule.length)
        self._num_rows = 0

    @property
    def is_due(self) -> bool:
        """Whether a window may end in the row that was added last: every `stride` rows, from the first one on."""
        return self._num_rows > 0 and (self._num_rows - 1) % self.rule.stride == 0

    def push(self, row: np.ndarray, detected: bool) -> np.ndarray | None:
        """Adds a row of features, shape (F,); returns a float32 window (length, F), or None where there is none."""
        self._rows.append((row, detected))
        self._num_rows += 1
        if not detected or not self.is_due:
            return None
        if sum(seen for _, seen in self._rows) < self.rule.min_detected:
            return None
        window = np.zeros((self.rule.length, len(row)), np.float32)
        for position, (past, seen) in enumerate(self._rows, self.rule.length - len(self._rows)):
            if seen:
                window[position] = past
        return window


def windows(rows: Iterable[tuple[np.ndarray, bool]], rule: WindowRule) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (index of the window's last row, window of shape (length, F)) over one person's rows in one clip."""
    buffer = WindowBuffer(rule)
    for index, (row, detected) in enumerate(rows):
        window = buffer.push(row, detected)
        if window is not None:
            yield index, window


def rows_fed(rule: WindowRule) -> int:
    """Rows that a bundle's end-to-end graph is fed: a window's, and the history of its first one."""
    return rule.length + HISTORY_LENGTH - 1


def end_to_end_inputs(
    rows: np.ndarray, timestamps_ms: np.ndarray, last: int, rule: WindowRule
) -> tuple[np.ndarray, np.ndarray]:
    """What a bundle's end-to-end graph is fed for the window that ends in row `last` of a clip.

    Args:
      rows: the clip's landmarks, float32, shape (T, 33, 3); NaN where no person was detected.
      timestamps_ms: since the clip's first frame, int64, shape (T,).
      last: a row's index.
      rule: which rows make a window.

    Returns:
      float32 (41, 33, 3) and int64 (41,); NaN and -1 before the clip's start.
    """
    num_rows = rows_fed(rule)
    start = max(0, last + 1 - num_rows)
    padding = num_rows - (last + 1 - start)
    taken = np.pad(rows[start : last + 1].astype(np.float32), ((padding, 0), (0, 0), (0, 0)), constant_values=np.nan)
    times = np.pad(timestamps_ms[start : last + 1].astype(np.int64), (padding, 0), constant_values=-1)
    return taken, times


def recent_inputs(
    rows: np.ndarray, timestamps_ms: np.ndarray, rule: WindowRule
) -> tuple[np.ndarray, np.ndarray] | None:
    """The same window as if the person had come into view a second ago: earlier rows count as before the start.

    Args:
      rows: as `end_to_end_inputs` returns them.
      timestamps_ms: likewise.
      rule: which rows make a window.

    Returns:
      Likewise; None where fewer of the rows than a window needs have a person.
    """
    taken, times = np.full_like(rows, np.nan), np.full_like(timestamps_ms, -1)
    taken[-RECENT_ROWS:], times[-RECENT_ROWS:] = rows[-RECENT_ROWS:], timestamps_ms[-RECENT_ROWS:]
    num_detected = int(np.isfinite(taken).any(axis=(1, 2)).sum())
    return None if num_detected < rule.min_detected else (taken, times)


class LandmarkBuffer:
    """A ring buffer of one person's landmarks: gives what the end-to-end graph is fed, by the rule for windows."""

    def __init__(self, rule: WindowRule) -> None:
        self.rule = rule
        self._rows = np.full((rows_fed(rule), landmarks.NUM_LANDMARKS, 3), np.nan, np.float32)
        self._times = np.full(rows_fed(rule), -1, np.int64)
        self._seen: collections.deque[bool] = collections.deque(maxlen=rule.length)
        self._num_rows = 0

    @property
    def is_due(self) -> bool:
        """As `WindowBuffer.is_due`."""
        return self._num_rows > 0 and (self._num_rows - 1) % self.rule.stride == 0

    def push(self, row: np.ndarray, timestamp_ms: int, detected: bool) -> tuple[np.ndarray, np.ndarray] | None:
        """Adds a row of landmarks, shape (33, 3), NaN where no person was detected.

        Returns:
          As `end_to_end_inputs`, where a window ends in this row; else None.
        """
        # Moved on by one: live asks for every frame, and this is quicker than to gather them when a window ends.
        self._rows[:-1], self._times[:-1] = self._rows[1:], self._times[1:]
        self._rows[-1], self._times[-1] = row, timestamp_ms
        self._seen.append(detected)
        self._num_rows += 1
        if not detected or not self.is_due or sum(self._seen) < self.rule.min_detected:
            return None
        return self._rows.copy(), self._times.copy()
