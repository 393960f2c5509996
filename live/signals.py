"""What a process does about signals and its standard streams while native code runs."""

import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from typing import TextIO

from beam_jobs.errors import INTERRUPTED

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def open_closed_streams() -> bool:
    """Opens standard streams that the caller closed (`>&-`), so that no other file takes their numbers.

    Returns:
      Whether standard output was open.
    """
    was_open = sys.stdout is not None
    for number, mode in enumerate("rww"):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, and the lower ones are open by now.
            os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
    return was_open


@contextlib.contextmanager
def separate_output(verbose: bool) -> Iterator[TextIO]:
    """Yields the real standard output; all else that is written there, also by native code, goes to standard error.

    What native code writes to standard error is dropped unless `verbose`; Python's own messages are not.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    real_out, real_err = os.dup(1), os.dup(2)
    python_err = sys.stderr
    guards_crashes = not verbose and not faulthandler.is_enabled()
    out = os.fdopen(real_out, "w", encoding="utf-8")
    try:
        os.dup2(2, 1)
        if not verbose:
            sys.stderr = os.fdopen(os.dup(real_err), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
            # A crash in native code still says where.
            if guards_crashes:
                faulthandler.enable(sys.stderr)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        yield out
    finally:
        sys.stdout.flush()
        os.dup2(real_out, 1)
        os.dup2(real_err, 2)
        os.close(real_err)
        if guards_crashes:
            faulthandler.disable()
        if not verbose:
            sys.stderr.close()
            sys.stderr = python_err
        # The reader may be gone (`| head`): that is its affair.
        with contextlib.suppress(BrokenPipeError):
            out.close()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or SIGTERM.

    A class of its own: Python notes a plain KeyboardInterrupt that passes through an `exec` (as where a dataclass is
    made while modules are imported), and later ends by the signal, however well the exception was handled.
    """


def interrupt(*_) -> None:
    """A signal handler that raises `Interrupted`."""
    raise Interrupted


@contextlib.contextmanager
def signals_exit_immediately(exit_code: int) -> Iterator[None]:
    """Lets a signal end the process right where it is.

    For while native modules are imported: nothing is open yet that must be completed, and an exception that reaches
    such a module's own start comes out as another one, or not at all.
    """

    def end(*_) -> None:
        if exit_code:
            print(INTERRUPTED, file=sys.stderr, flush=True)
        os._exit(exit_code)

    former = {number: signal.signal(number, end) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deferred_signals() -> Iterator[None]:
    """Lets a signal wait for the end of what is being done: native code that is broken off may crash later."""
    pending: list[int] = []
    former = {number: signal.signal(number, lambda number, _: pending.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    if pending:
        raise Interrupted
