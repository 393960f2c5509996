"""The window on the screen in which live shows its pictures."""

import os
import subprocess
import sys
import time

import numpy as np

from beam_jobs.errors import UserError

# A file whose times jump, as joined recordings do, shows its next picture after so long.
_MAX_WAIT_MS = 2000


class Window:
    """A window on the screen; q, Esc or its close button end the run."""

    TITLE = "exercise recognition"

    def __init__(self, paced: bool) -> None:
        """Opens the window.

        Args:
          paced: show frames at their media time, not as fast as they come: for files.

        Raises:
          UserError: where there is no display.
        """
        check_display()
        import cv2

        self._paced = paced
        self._first_s: float | None = None
        cv2.namedWindow(self.TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def show(self, picture: np.ndarray, timestamp_ms: int) -> bool:
        """Shows a BGR picture; False when the user wants to stop."""
        import cv2

        if self._first_s is None:
            cv2.resizeWindow(self.TITLE, picture.shape[1], picture.shape[0])
            self._first_s = time.monotonic()
        wait_ms = 1
        if self._paced:
            wait_ms = max(1, round(timestamp_ms - (time.monotonic() - self._first_s) * 1000))
            if wait_ms > _MAX_WAIT_MS:
                # As if the file had begun so much earlier.
                self._first_s -= (wait_ms - _MAX_WAIT_MS) / 1000
                wait_ms = _MAX_WAIT_MS
        cv2.imshow(self.TITLE, picture)
        return not self.asks_to_end(wait_ms)

    def asks_to_end(self, wait_ms: int = 1) -> bool:
        """Waits for a key; whether the user wants to stop. Ask also while no picture comes: else the window hangs."""
        import cv2

        key = cv2.waitKey(wait_ms)
        if key >= 0 and key & 0xFF in (ord("q"), 27):
            return True
        # Some systems show it with its first picture.
        return self._first_s is not None and cv2.getWindowProperty(self.TITLE, cv2.WND_PROP_VISIBLE) < 1

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *_) -> None:
        import cv2

        cv2.destroyAllWindows()


def check_display() -> None:
    """Raises UserError where no window can be shown.

    Tried in a process of its own, because the window library ends the process that finds no display.
    """
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        try_window = [sys.executable, "-c", "import cv2; cv2.namedWindow('test'); cv2.waitKey(1)"]
        try:
            if subprocess.run(try_window, capture_output=True, timeout=30, check=False).returncode == 0:
                return
        except subprocess.TimeoutExpired:
            pass
    raise UserError(
        "no window can be shown: there is no display here, or OpenCV was built without windows. Pass --no_window (with "
        "--json or --record FILE.mp4), or run on a machine with a screen."
    )
