"""Flags that several commands of `python -m model` have."""

import argparse
from collections.abc import Callable


def pair(left: str, right: str, example: str) -> Callable[[str], tuple[str, str]]:
    """A type for argparse: LEFT=RIGHT.

    Args:
      left: what stands before the sign, for the message.
      right: what stands after it.
      example: a good one.
    """

    def parsed(text: str) -> tuple[str, str]:
        first, _, second = text.partition("=")
        if not first or not second:
            raise argparse.ArgumentTypeError(f"'{text}' is not {left}={right}; expected one like {example}")
        return first, second

    return parsed


def add_rename_labels(command: argparse.ArgumentParser) -> None:
    """Adds `--rename_labels`, pairs of a label and its new name."""
    command.add_argument(
        "--rename_labels",
        nargs="+",
        type=pair("OLD", "NEW", "front_raise=lateral_raise"),
        default=[],
        metavar="OLD=NEW",
        help="labels that one of the tables has under another name",
    )
