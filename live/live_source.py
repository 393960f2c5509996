"""The newest frame of a camera or stream, read by a thread; one that went away is opened again for a while."""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from beam_jobs import windows
from beam_jobs.errors import UserError
from beam_jobs.video.frames import Frame

# A stream that has not answered, or a source that has given no frame, for so long is reported as gone.
TIMEOUT_S = 10.0
# For so long a source that went away is tried again: time to plug a cable in, or for a camera to start anew.
REOPEN_S = 60.0
_TRY_EVERY_S = 1.0
# While no frame comes, the caller may end the wait so often.
_ASK_EVERY_S = 0.1
# One damaged packet makes one read fail, as a stream's end does: only going on tells the two apart.
_MAX_FAILING_S = 1.0
# A sender's clock that is further than this from the frames' arrival was set anew, or frames were lost.
_MAX_APART_S = 1.0
# A used frame is at least so many cells of the sampling grid after the one before: frames may arrive in bursts, and
# two of them a millisecond apart, on both sides of a cell's border, would make any movement a leap.
_MIN_STEP_CELLS = 0.5


class LiveSource:
    """A camera or stream read by a thread of its own, which keeps its newest frame alone.

    So that nothing queues up: however long the caller works on a frame, the next one is the newest then. Time is when
    a frame arrived, on a monotonic clock, or what its sender says; since the first frame that was taken. A frame less
    than half a cell of the grid after the last used one is passed over. A source that went away after it gave frames
    is opened again where `reopen` is given, and time goes on: both are said on standard error.

    Attributes:
      is_live: True: it goes on until somebody stops it.
      stop_asked: asked while no frame comes; where it says True, the frames end.
    """

    is_live = True

    def __init__(
        self,
        capture: Any,
        name: str,
        grid: windows.SamplingGrid,
        timeout_s: float = TIMEOUT_S,
        has_times: bool = False,
        reopen: Callable[[], Any] | None = None,
        reopen_s: float = REOPEN_S,
    ) -> None:
        """Begins to read.

        Args:
          capture: an opened cv2.VideoCapture; closed by `close`.
          name: what to call it in messages.
          grid: chooses frames.
          timeout_s: a source that gives no frame for so long is gone.
          has_times: frames carry their sender's times, which count where they keep in step with the arrival.
          reopen: makes another cv2.VideoCapture of the same source, which may not be open.
          reopen_s: for how long that is tried; one try may take longer.
        """
        self._capture, self._name, self._grid, self._timeout_s = capture, name, grid, timeout_s
        self._reopen, self._reopen_s, self._has_times = reopen, reopen_s, has_times
        self.stop_asked: Callable[[], bool] = lambda: False
        self._changed = threading.Condition()
        self._newest: tuple[float, np.ndarray] | None = None
        self._ended = self._stopping = self._away = False
        self._num_read = 0
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()

    def wait_until_open(self) -> None:
        """Returns at once: it is open."""

    def _read(self) -> None:
        try:
            self._read_until_it_fails()
            while self._num_read and self._is_back():
                self._read_until_it_fails()
        finally:
            # Here and not in `close`: a capture must not be released while it reads.
            self._capture.release()
            with self._changed:
                self._ended = True
                self._changed.notify()

    def _read_until_it_fails(self) -> None:
        clock = _SendersClock(self._capture) if self._has_times else None
        failing_s: float | None = None
        while not self._stopping:
            ok, image = self._capture.read()
            if not ok:
                if failing_s is None:
                    failing_s = time.monotonic()
                elif time.monotonic() - failing_s > _MAX_FAILING_S:
                    return
                time.sleep(0.01)
                continue
            failing_s = None
            self._keep(image, clock)

    def _keep(self, image: np.ndarray, clock: "_SendersClock | None") -> None:
        """Makes a frame that was just read the newest one."""
        arrived_s = time.monotonic()
        with self._changed:
            self._newest = clock.time_s(arrived_s) if clock else arrived_s, image
            self._num_read += 1
            self._away = False
            self._changed.notify()

    def _is_back(self) -> bool:
        """Opens the source again and again until it gives a frame; False where it does not in time."""
        if self._reopen is None or self._stopping:
            return False
        self._away = True
        gone_s = time.monotonic()
        self._say(f"{self._name} went away; it is opened again when it is back, within {self._reopen_s:g} s")
        while not self._stopping and time.monotonic() - gone_s < self._reopen_s:
            # Before the next one is opened: most devices can be open once only.
            self._capture.release()
            self._capture = self._reopen()
            if self._capture.isOpened() and self._capture.read()[0]:
                self._say(f"{self._name} is back after {time.monotonic() - gone_s:.0f} s")
                return True
            time.sleep(_TRY_EVERY_S)
        return False

    def _say(self, what: str) -> None:
        print(f"warning: {what}", file=sys.stderr, flush=True)

    def _wait(self, timeout_s: float) -> bool:
        """Whether a frame, or the end, came in time."""
        end_s = time.monotonic() + timeout_s
        while not self._changed.wait_for(self._has_news, max(0.0, min(_ASK_EVERY_S, end_s - time.monotonic()))):
            if self.stop_asked():
                self._stopping = True
            elif time.monotonic() >= end_s:
                return False
        return True

    def _has_news(self) -> bool:
        return self._newest is not None or self._ended or self._stopping

    def _take(self) -> tuple[float, np.ndarray] | None:
        """The newest frame, when there is one; None where `stop_asked` ended the wait."""
        with self._changed:
            came, waited_s = self._wait(self._timeout_s), self._timeout_s
            if not came and not self._away and self._reopen and self._num_read:
                # A dead connection shows only after a time-out of its own: then the thread opens it again.
                self._say(f"{self._name} has given no frame for {waited_s:g} s")
                came, waited_s = self._wait(self._reopen_s), waited_s + self._reopen_s
            while self._away and not came:
                # The thread knows when to give up.
                came = self._wait(self._timeout_s)
            newest, self._newest = self._newest, None
            if newest:
                return newest
            if self._stopping:
                return None
            if came and self._num_read:
                raise UserError(
                    f"{self._name} went away after {self._num_read} frames; expected it to go on. Check that it is "
                    "plugged in or still sending, and start again."
                )
            if came:
                raise UserError(
                    f"{self._name} opens but gives no picture; expected frames. Another program may be using it: close "
                    "that one, or try another --source."
                )
            raise UserError(
                f"{self._name} has given no frame for {waited_s:g} s; expected some every second. Check that "
                "it is plugged in or still sending, and start again."
            )

    def __iter__(self) -> Iterator[Frame]:
        """Yields the newest frames that the grid chooses, beginning with the first one from now on.

        Raises:
          UserError: when the camera gives no picture, or goes away and does not come back.
        """
        with self._changed:
            # What arrived while models were loaded is old.
            self._newest = None
        min_step_ms = _MIN_STEP_CELLS * 1000 / self._grid.frame_rate_hz
        first_s, last_ms = None, -min_step_ms
        while (taken := self._take()) is not None:
            time_s, image = taken
            first_s = time_s if first_s is None else first_s
            timestamp_ms = (time_s - first_s) * 1000
            if timestamp_ms - last_ms < min_step_ms:
                continue
            frame_id = self._grid.frame_id(timestamp_ms)
            if frame_id is not None:
                last_ms = timestamp_ms
                yield Frame(frame_id, round(timestamp_ms), image)

    def close(self) -> None:
        """Stops reading; waits for the frame that is being read, but not for long."""
        self._stopping = True
        self._thread.join(timeout=2)


class _SendersClock:
    """The times that a stream's sender gave its frames, on this machine's clock."""

    def __init__(self, capture) -> None:
        self._capture = capture
        self._offset_s: float | None = None
        self._last_s: float | None = None

    def time_s(self, arrived_s: float) -> float:
        """When the frame that was just read was taken; when it arrived, where its sender's time does not move on."""
        import cv2

        sent_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        last_s, self._last_s = self._last_s, sent_s
        if sent_s == last_s or not math.isfinite(sent_s):
            # When it moves on, it may be by what it stood still, or by anything else.
            self._offset_s = None
            return arrived_s
        backwards = last_s is not None and sent_s < last_s
        if self._offset_s is None or backwards or abs(sent_s + self._offset_s - arrived_s) > _MAX_APART_S:
            self._offset_s = arrived_s - sent_s
        return sent_s + self._offset_s
