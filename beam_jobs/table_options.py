"""The flags of the commands that work on landmarks that are there: `compact` and `segments`."""

import argparse
import dataclasses
from typing import ClassVar

from beam_jobs.flags import add_shared_disk, positive_int, share
from beam_jobs.segments import MIN_PROBABILITY


@dataclasses.dataclass(frozen=True)
class CompactArgs:
    """The flags of `compact`; `remove` None: no video."""

    command: ClassVar = "compact"
    input: str
    rows_per_file: int = 100_000
    remove: str | None = None
    shared_disk: bool = False


@dataclasses.dataclass(frozen=True)
class SegmentsArgs:
    """The flags of `segments`."""

    command: ClassVar = "segments"
    input: str
    bundle: str
    output: str
    min_probability: float = MIN_PROBABILITY
    shared_disk: bool = False


def add_compact(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `compact`."""
    parser.add_argument(
        "--input", required=True, help="the output folder of extract or import, local or gs://; it is changed in place"
    )
    parser.add_argument(
        "--rows_per_file",
        type=positive_int,
        default=CompactArgs.rows_per_file,
        help="about so many rows in a file; the rows of a video stay together (default 100000)",
    )
    parser.add_argument(
        "--remove",
        metavar="VIDEO",
        help="also remove a video from the tables: its video_id, or a CSV file that lists some in its column `video`",
    )
    add_shared_disk(parser)


def add_segments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `segments`."""
    parser.add_argument("--input", required=True, help="the output folder of extract, local or gs://")
    parser.add_argument("--bundle", required=True, help="what recognises exercises: output of python -m model train")
    parser.add_argument("--output", required=True, help="folder for the tables, local or gs://")
    parser.add_argument(
        "--min_probability",
        type=share,
        default=SegmentsArgs.min_probability,
        metavar="P",
        help="an exercise counts where it becomes at least as probable as this, 0 to 1 (default 0.7)",
    )
    add_shared_disk(parser)
