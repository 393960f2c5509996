"""A user's mistakes and a machine's limits, as one line: what was wrong, what was expected, what to do."""

import contextlib
import errno
import functools
import logging
import os
import re
import select
import sys
import traceback
from collections.abc import Callable

INTERRUPTED = "interrupted; no half-written file was left."

# With this flag every command shows where an error came from.
VERBOSE = "--verbose"

# Errors of the machine, whatever file is at work.
NO_FAULT_OF_A_FILE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # full, read-only, no memory
)
# Errors of a path or of the network: their text says what and where by itself.
_OF_A_PATH = frozenset(
    (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY, errno.EXDEV)
    + (errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.EBUSY, errno.ETXTBSY, errno.EFBIG, errno.ENODEV, errno.ENXIO)
    + (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRINUSE, errno.EADDRNOTAVAIL)
)
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


class UserError(Exception):
    """Something that the user can mend. The message says what was wrong, what was expected and what to do."""

    exit_code = 1


class UsageError(UserError):
    """The command line itself is wrong: a flag, or a path that is not there."""

    exit_code = 2


def report_user_errors(main: Callable[..., int | None]) -> Callable[..., int]:
    """Turns `main` into one that returns exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    `main` takes a command line: a list of texts, or None for the process's own. `--verbose` in it shows where an error
    came from. A fault of the program is raised on, so that Python shows where it is.
    """

    @functools.wraps(main)
    def wrapped(*args, **kwargs) -> int:
        argv = next(iter(args), kwargs.get("argv"))
        verbose = VERBOSE in (sys.argv[1:] if argv is None else argv)
        for client in (
            "gcsfs",
            "fsspec",
        ):  # of stores: they log a traceback, too, when they have tried for the last time
            logging.getLogger(client).setLevel(logging.WARNING if verbose else logging.CRITICAL)
        try:
            return main(*args, **kwargs) or 0
        except UserError as error:
            return _report(str(error), error.exit_code, verbose)
        except KeyboardInterrupt:
            print(INTERRUPTED, file=sys.stderr)
            return 130
        except Exception as error:
            if isinstance(error, BrokenPipeError) and any(_reader_is_gone(out) for out in (sys.stdout, sys.stderr)):
                _drop_output()
                return 0
            message = of_a_store(error)
            if message is None and isinstance(error, OSError) and is_of_the_machine(error):
                message = describe(error)
            if message is None:
                raise
            return _report(message, UserError.exit_code, verbose)

    return wrapped


def _report(message: str, exit_code: int, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    print(f"error: {message}", file=sys.stderr)
    return exit_code


def _reader_is_gone(stream) -> bool:
    """Whether nobody reads an output any longer, as after `| head`."""
    try:
        stream.flush()
        poll = select.poll()
        poll.register(stream.fileno(), select.POLLERR)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except BrokenPipeError:
        return True
    except (OSError, ValueError, AttributeError):  # closed, no file of the system's, or a system without poll
        return False


def _drop_output() -> None:
    """Sends further output nowhere, so that Python does not fail over it at exit."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_of_the_machine(error: OSError) -> bool:
    """Whether an OSError is about a disk, a path, a permission or the network, and not a fault of the program."""
    if isinstance(error, ConnectionError | TimeoutError) or type(error).__module__ != "builtins":
        return True  # classes of their own have what looks up a host, or speaks with a store
    return error.errno in NO_FAULT_OF_A_FILE | _OF_A_PATH


def of_a_store(error: Exception) -> str | None:
    """What a store's client has raised, in a line with what to do; None for other errors."""
    text = " ".join(str(error).split())
    # Without a number, which the system's own errors have.
    if isinstance(error, OSError) and error.errno is None:
        if text.startswith("Forbidden"):
            return (
                f"the store refuses access ({text}); expected that your account may do so. Check the path, and the "
                "roles of your account in that bucket."
            )
        if isinstance(error, FileNotFoundError):
            return f"{text} is not there, or no longer: was it replaced meanwhile? Check it, and try again."
    module = type(error).__module__
    if f"{module}.{type(error).__name__}" == "gcsfs.retry.HttpError":
        return f"the store failed again and again, for half a minute ({text}). Run the same command again later."
    if module == "google.auth.exceptions":
        return f"the store needs an account ({text}). Log in by: gcloud auth application-default login"
    return None


def describe(error: OSError) -> str:
    """An OSError in a line, with what to do where that is known."""
    text = " ".join(str(error).split())
    if error.errno in _FULL:
        return f"the disk is full ({text}). Files that were whole are kept: make room, and run the same command again."
    return f"{text}. {VERBOSE} shows where it happened."


# As the last line of a traceback ends, with what Beam appends to it.
_OS_ERROR = re.compile(r"^(?:\w+\.)*\w*Error: (\[Errno (\d+)\] .*)$", re.MULTILINE)
_USER_ERROR = re.compile(r"^beam_jobs\.errors\.(?:UserError|UsageError): (.*)$", re.MULTILINE | re.DOTALL)
_WHILE_RUNNING = re.compile(r"\s*\[while running '[^']*'\].*", re.DOTALL)


def error_in_text(text: str) -> Exception | None:
    """The user's or the machine's error that another process has sent as the text of a traceback; None for others."""
    found = list(_USER_ERROR.finditer(text))
    if found:
        return UserError(_WHILE_RUNNING.sub("", found[-1][1]).strip())
    for match in reversed(list(_OS_ERROR.finditer(text))):
        error = OSError(int(match[2]), _WHILE_RUNNING.sub("", match[1]).partition("] ")[2])
        return error if is_of_the_machine(error) else None
    return None
