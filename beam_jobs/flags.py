"""Types of command-line flags, and checks of the paths that they name: shared by all command lines."""

import argparse
import contextlib
import difflib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from beam_jobs import storage, windows
from beam_jobs.errors import VERBOSE, UsageError

DEFAULT_DECODE_TIMEOUT_S = 60.0


def number(kind: type, holds: Callable[[float], bool], expected: str) -> Callable[[str], float]:
    """An argparse type: a number of that kind for which `holds` is true; its error names what was expected."""

    def parse_number(text: str) -> float:
        with contextlib.suppress(ValueError):
            if holds(value := kind(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text} is not {expected}")

    return parse_number


positive_int = number(int, lambda value: value >= 1, "a whole number of 1 or more")


whole_number = number(int, lambda value: value >= 0, "a whole number of 0 or more")


positive_float = number(float, lambda value: 0 < value < float("inf"), "a number above 0")


not_negative_float = number(float, lambda value: 0 <= value < float("inf"), "a number of 0 or more")


share = number(float, lambda value: 0 <= value <= 1, "a share between 0 and 1")


def add_verbose(parser: argparse.ArgumentParser) -> None:
    """Adds `--verbose`, see `errors.report_user_errors`."""
    parser.add_argument(VERBOSE, action="store_true", help="show where an error happened (a traceback)")


def add_reading(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Adds the flags that say how videos become landmarks."""
    parser.add_argument(
        "--frame_rate_hz",
        type=positive_float,
        default=windows.DEFAULT_FRAME_RATE_HZ,
        help="how many frames of a second are looked at (default 15)",
    )
    parser.add_argument(
        "--pose_model",
        help="a PoseLandmarker .task file, local or gs:// (default: full, made once from a wheel of the package index)",
    )
    parser.add_argument(
        "--decode_timeout_s",
        type=positive_float,
        default=DEFAULT_DECODE_TIMEOUT_S,
        help="give up a video when its decoder gives no frame for this many seconds (default 60)",
    )


def add_shared_disk(parser: argparse.ArgumentParser) -> None:
    """Adds `--shared_disk`, see `beam_options.check_shared`."""
    parser.add_argument(
        "--shared_disk",
        action="store_true",
        help="with --runner: all workers see this machine's paths, because they run on it or have its folders mounted",
    )


def check_exists(flag: str, path: str) -> None:
    """Refuses a path where nothing is.

    Raises:
      UsageError: if there is neither a file nor a folder.
    """
    if not storage.exists(path):
        raise UsageError(f"{flag} {path} does not exist. Check the path.")


def check_folder(flag: str, path: str, expected: str) -> None:
    """Refuses a path that is no folder; `expected` says which folder it should be.

    Raises:
      UsageError: if there is nothing, or a file.
    """
    check_exists(flag, path)
    if not storage.is_folder(path):
        raise UsageError(f"{flag} {path} is a file; expected {expected}.")


def check_writable(flag: str, path: str, folder: str | None = None) -> None:
    """Refuses a path that cannot be made: the nearest folder that is there is a file, or forbids writing.

    Args:
      flag: names the path.
      path: what is to be written; one in a store is not checked.
      folder: where it begins to be written, local; by default at the path itself.

    Raises:
      UsageError: with what is in the way.
    """
    if storage.is_remote(path):
        return
    nearest = folder or os.path.abspath(path.removeprefix("file://"))
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        raise UsageError(f"{flag} {path} cannot be made: {nearest} is a file; expected a folder. Choose another path.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(
            f"{flag} {path} cannot be made: {nearest} cannot be written to. Choose another path, or change its "
            "permissions."
        )


def refuse_former_flags(argv: Sequence[str], renamed: Mapping[str, Mapping[str, str]], program: str) -> None:
    """Refuses the flags of earlier versions, before argparse misses the flags that have their place.

    Args:
      argv: a command line; its first word is the command.
      renamed: for each command its former flags, each with what to use in its place.
      program: what stands before the command, like `python -m model`.

    Raises:
      UsageError: with the present name.
    """
    command = argv[0] if argv else ""
    for flag in (argument.partition("=")[0] for argument in argv):
        if flag in renamed.get(command, {}):
            raise UsageError(
                f"unknown flag {flag}. It is {renamed[command][flag]} now; see {program} {command} --help."
            )


def unknown_flag(given: str, known: Iterable[str], help_command: str) -> UsageError:
    """The error about a flag that a command does not know, with the most similar one.

    Args:
      given: as it was given, perhaps with "=value".
      known: the command's flags.
      help_command: shows the flags.
    """
    close = difflib.get_close_matches(given.partition("=")[0], list(known), n=1, cutoff=0.7)
    hint = f"Did you mean {close[0]}?" if close else f"See {help_command}."
    return UsageError(f"unknown {'flag' if given.startswith('-') else 'argument'} {given}. {hint}")


def flags_of(parser: argparse.ArgumentParser) -> list[str]:
    """Every flag that a parser knows."""
    return [name for action in parser._actions for name in action.option_strings]
