"""A watermark for sources that do not know one: from what has arrived of late."""

import collections
import time
from collections.abc import Callable, Iterable


class ArrivalWatermark:
    """The time before which no message is expected any more, in seconds since 1970.

    A queue does not say how old the messages are that it still holds. So: none is expected to be older than the oldest
    that arrived in the last `settle_s` seconds, nor than `settle_s` ago. While a backlog is read, that follows the
    messages; when nothing is left, it follows the clock, so that windows close. It never goes back. A message that is
    older all the same (its notification came late, or it is delivered again) is late data, and holds nothing up.
    """

    def __init__(self, settle_s: float, clock: Callable[[], float] = time.time) -> None:
        self._settle_s, self._clock = settle_s, clock
        self._arrived: collections.deque[tuple[float, float]] = collections.deque()
        self._watermark_s = float("-inf")

    def add(self, event_time_s: float) -> None:
        """Notes that a message has arrived."""
        if event_time_s >= self._watermark_s:
            self._arrived.append((self._clock(), event_time_s))

    def advance(self, caught_up: bool, held_s: Iterable[float] = ()) -> float:
        """The watermark now.

        Args:
          caught_up: whether the queue had nothing more when it was last asked.
          held_s: the event times of messages that have arrived and were not handed on.
        """
        now_s = self._clock()
        # While there is more, the latest message stands for what comes.
        keep = 0 if caught_up else 1
        while len(self._arrived) > keep and self._arrived[0][0] < now_s - self._settle_s:
            self._arrived.popleft()
        expected_s = [event_time_s for _, event_time_s in self._arrived]
        expected_s += [event_time_s for event_time_s in held_s if event_time_s >= self._watermark_s]
        if expected_s or caught_up:
            self._watermark_s = max(self._watermark_s, min([*expected_s, now_s - self._settle_s]))
        return self._watermark_s
