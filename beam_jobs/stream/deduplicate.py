"""Each version of each object once, and in time."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BooleanCoder, PickleCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

# How long a first element waits for the answer whether it comes too late.
DECIDE_AFTER_S = 1.0
LATE = "late"


class KeepFirstInTime(beam.DoFn):
    """(key, value) -> the value, once for a key; tagged LATE where its window was closed already.

    A window is closed when the watermark has passed its end by the allowed lateness. A DoFn cannot see the watermark,
    but a timer can: one is set at that time. It fires at once if the time is over. The value waits a second for that,
    then it is passed on. Without this step the runner would drop such a value at the next GroupByKey, and say nothing.

    The key is forgotten by a timer of event time. (One of processing time would hold the watermark back for as long
    as it is set: no window would close.)

    The input must be in the global window, so that keys are remembered over windows' ends.
    """

    SEEN = ReadModifyWriteStateSpec("seen", BooleanCoder())
    WAITING = BagStateSpec("waiting", PickleCoder())
    DECIDE = TimerSpec("decide", TimeDomain.REAL_TIME)
    CLOSED = TimerSpec("closed", TimeDomain.WATERMARK)
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)

    def __init__(
        self,
        window_s: int,
        allowed_lateness_s: int,
        remember_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Sets the times.

        Args:
          window_s: of the windows to come.
          allowed_lateness_s: after a window's end.
          remember_s: how long a key is known, in event time after its first value's; as long as allowed_lateness_s, or
            longer.
          clock: seconds since 1970; a test gives its own.
        """
        self._clock = clock
        self._window_s, self._allowed_lateness_s = window_s, allowed_lateness_s
        self._remember_s = max(remember_s, allowed_lateness_s + window_s)

    def closes_at(self, timestamp: Timestamp) -> Timestamp:
        """When the window of a time is closed."""
        start = timestamp.micros // (self._window_s * 1_000_000) * self._window_s
        return Timestamp.of(start + self._window_s + self._allowed_lateness_s)

    def process(
        self,
        element: tuple[str, Any],
        timestamp=beam.DoFn.TimestampParam,
        seen=beam.DoFn.StateParam(SEEN),
        waiting=beam.DoFn.StateParam(WAITING),
        decide=beam.DoFn.TimerParam(DECIDE),
        closed=beam.DoFn.TimerParam(CLOSED),
        forget=beam.DoFn.TimerParam(FORGET),
    ) -> None:
        """Notes a value; drops it where the key is known."""
        if seen.read():
            Metrics.counter("stream", "notifications_repeated").inc()
            return
        seen.write(True)
        waiting.add((element[1], timestamp.micros))
        closed.set(self.closes_at(timestamp))
        decide.set(Timestamp.of(self._clock() + DECIDE_AFTER_S))
        forget.set(timestamp + self._remember_s)

    @on_timer(DECIDE)
    def _pass_on(self, waiting=beam.DoFn.StateParam(WAITING), closed=beam.DoFn.TimerParam(CLOSED)) -> Iterator[Any]:
        for value, micros in list(waiting.read()):
            yield TimestampedValue(value, Timestamp(micros=micros))
        waiting.clear()
        closed.clear()

    @on_timer(CLOSED)
    def _close(self, waiting=beam.DoFn.StateParam(WAITING)) -> Iterator[Any]:
        for value, micros in list(waiting.read()):
            timestamp = Timestamp(micros=micros)
            # A job that is drained moves the watermark to the end of time: that makes nothing late.
            if self._clock() < float(self.closes_at(timestamp)):
                yield TimestampedValue(value, timestamp)
            else:
                Metrics.counter("stream", "videos_too_late").inc()
                yield beam.pvalue.TaggedOutput(LATE, TimestampedValue(value, timestamp))
        waiting.clear()

    @on_timer(FORGET)
    def _forget(self, seen=beam.DoFn.StateParam(SEEN)) -> None:
        seen.clear()
