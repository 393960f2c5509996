"""Types of command-line flags, and checks of the folders that they name: shared by all command lines."""

import argparse
import contextlib
import os
from collections.abc import Callable

from beam_jobs import storage
from beam_jobs.errors import UsageError


def check_writable(flag: str, path: str, folder: str) -> None:
    """Refuses a path whose nearest folder that is there is none, or forbids writing."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise UsageError(f"{flag}: {path} cannot be made: {folder} is a file; expected a folder. Choose another path.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{flag}: {path} cannot be made: {folder} cannot be written to; expected a folder that can. Choose another "
            "path, or change its permissions."
        )


def number(kind: type, holds: Callable[[float], bool], expected: str) -> Callable[[str], float]:
    """An argparse type: a number of that kind for which `holds` is true; its error names what was expected."""

    def parse_number(text: str) -> float:
        with contextlib.suppress(ValueError):
            if holds(value := kind(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text} is not {expected}")

    return parse_number


positive_int = number(int, lambda value: value >= 1, "a whole number of 1 or more")


positive_float = number(float, lambda value: 0 < value < float("inf"), "a number above 0")


share = number(float, lambda value: 0 <= value <= 1, "a share between 0 and 1")


def check_output(path: str) -> None:
    """Refuses an --output that cannot become a folder.

    Raises:
      UsageError: if a part of a local path is a file, or the nearest folder that is there cannot be written to.
    """
    if storage.is_remote(path):
        return
    nearest = os.path.abspath(path.removeprefix("file://"))
    while not os.path.lexists(nearest):
        nearest = os.path.dirname(nearest)
    if not os.path.isdir(nearest):
        raise UsageError(f"--output {path}: {nearest} is a file; expected a folder. Choose another one.")
    if not os.access(nearest, os.W_OK):
        raise UsageError(
            f"--output {path}: {nearest} cannot be written to. Choose another folder, or change its rights."
        )
