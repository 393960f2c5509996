"""Progress of a local job: workers send counts to the launcher by datagram, the launcher draws a bar.

Beam's local runner returns its counters only at the end, and its workers are processes of their own. A lost datagram
only makes the bar wrong for a moment. On a distributed runner nothing listens; its own page shows the counters.
"""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator

from tqdm import tqdm

_LINE_EVERY_S = 15.0


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
def show_progress(total: int, unit: str, rate: str) -> Iterator[tuple[str, int]]:
    """Shows progress on standard error while the block runs; yields the address for `ProgressSender`.

    Args:
      total: how many `unit` there are to do.
      unit: what the bar counts, the key of a count that workers send ("videos").
      rate: another key, shown with its speed ("frames").
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0.5)
        stop = threading.Event()
        thread = threading.Thread(target=_show, args=(listener, stop, total, unit, rate), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            stop.set()
            thread.join()


def _show(listener: socket.socket, stop: threading.Event, total: int, unit: str, rate: str) -> None:
    on_terminal = sys.stderr.isatty()
    started = last_line = time.monotonic()
    done = counted = 0
    bar = tqdm(total=total, unit=f" {unit}", disable=not on_terminal, dynamic_ncols=True, smoothing=0.1)

    def line() -> str:
        elapsed = time.monotonic() - started
        left = f"{elapsed / done * (total - done):.0f} s left" if done else "time left unknown"
        return f"{done}/{total} {unit}, {counted} {rate}, {counted / elapsed:.0f} {rate}/s, {left}"

    with bar:
        while True:
            try:
                counts = json.loads(listener.recv(4096))
            except TimeoutError:
                if stop.is_set():
                    break
                counts = {}
            done += counts.get(unit, 0)
            counted += counts.get(rate, 0)
            bar.update(counts.get(unit, 0))
            bar.set_postfix_str(f"{counted} {rate}, {counted / (time.monotonic() - started):.0f} {rate}/s")
            if not on_terminal and time.monotonic() - last_line >= _LINE_EVERY_S:
                last_line = time.monotonic()
                print(line(), file=sys.stderr, flush=True)
    if not on_terminal:
        print(line(), file=sys.stderr, flush=True)
