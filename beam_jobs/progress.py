"""Progress of long work on standard error: a bar on a terminal, elsewhere a line now and then.

Workers of a local Beam job tell the launcher by datagram, and the launcher shows it: Beam's local runner returns its
counters only at the end, and its workers are processes of their own. A lost datagram only makes the bar wrong
for a moment. On a distributed runner nothing listens; its own page shows the counters.
"""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator

from tqdm import tqdm

LINE_EVERY_S = 15.0


class Bar:
    """How much is done of something. Use it as a context manager, or call `close`."""

    def __init__(self, total: int, unit: str, done: int = 0) -> None:
        """Starts.

        Args:
          total: how many `unit` there are to do.
          unit: what is counted, in the plural ("videos").
          done: how many were done before.
        """
        self.total, self.unit, self.done = total, unit, done
        self.note = ""
        self._done_before = done
        self._on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._started = self._last_line = time.monotonic()
        self._tqdm = tqdm(
            total=total, initial=done, unit=f" {unit}", disable=not self._on_terminal, dynamic_ncols=True, smoothing=0.1
        )

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def update(self, num: int = 1, note: str | None = None) -> None:
        """Counts `num` more as done, 0 too; `note` is shown beside from now on."""
        self.done += num
        if note is not None and note != self.note:
            self.note = note
            self._tqdm.set_postfix_str(note, refresh=False)
        self._tqdm.update(num)
        if not self._on_terminal and time.monotonic() - self._last_line >= LINE_EVERY_S:
            self._print_line()

    def close(self) -> None:
        """Shows where it has come to, for good."""
        self._tqdm.close()
        if not self._on_terminal:
            self._print_line()

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        done_now = self.done - self._done_before
        left = f"{self.elapsed_s / done_now * (self.total - self.done):.0f} s left" if done_now else "time left unknown"
        parts = [f"{self.done}/{self.total} {self.unit}", *([self.note] if self.note else []), left]
        print(", ".join(parts), file=sys.stderr, flush=True)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def bar(total: int, unit: str, done: int = 0) -> Bar:
    """Shows progress from now on, see `Bar`."""
    return Bar(total, unit, done)


class ProgressSender:
    """Sends counts to the launcher's `show_progress`; does nothing where there is no address."""

    def __init__(self, address: tuple[str, int] | None) -> None:
        self._address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if address else None

    def send(self, **counts: int) -> None:
        """Adds to the launcher's counts, for example `send(videos=1, frames=24)`."""
        if self._socket is not None and self._address is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(json.dumps(counts).encode(), self._address)

    def close(self) -> None:
        """Closes the socket."""
        if self._socket is not None:
            self._socket.close()


@contextlib.contextmanager
def show_progress(total: int, unit: str, beside: str | None = None) -> Iterator[tuple[str, int]]:
    """Shows what workers send while the block runs; yields the address for `ProgressSender`.

    Args:
      total: how many `unit` there are to do.
      unit: what the bar counts, the key of a count that workers send ("videos").
      beside: another key, shown beside with its speed ("frames").
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.5)
        stop = threading.Event()
        thread = threading.Thread(target=_show, args=(listener, stop, total, unit, beside), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            stop.set()
            thread.join()


def _show(listener: socket.socket, stop: threading.Event, total: int, unit: str, beside: str | None) -> None:
    num_beside = 0
    with bar(total, unit) as shown:
        while True:
            try:
                counts = json.loads(listener.recv(4096))
            except TimeoutError:
                if stop.is_set():
                    break
                counts = {}
            note = None
            if beside:
                num_beside += counts.get(beside, 0)
                note = f"{num_beside} {beside}, {num_beside / max(shown.elapsed_s, 1e-3):.0f} {beside}/s"
            shown.update(counts.get(unit, 0), note)
