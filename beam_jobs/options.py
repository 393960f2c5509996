"""Every flag of `python -m beam_jobs`, and their checks. Nothing is built before they have passed."""

import argparse
import dataclasses
import sys
from typing import ClassVar

from beam_jobs import storage, stream_options, table_options, windows
from beam_jobs.beam_options import check_beam_options
from beam_jobs.errors import UsageError
from beam_jobs.flags import (
    DEFAULT_DECODE_TIMEOUT_S,
    add_reading,
    add_shared_disk,
    add_verbose,
    check_exists,
    check_folder,
    check_writable,
    flags_of,
    not_negative_float,
    positive_float,
    positive_int,
    refuse_former_flags,
    share,
    unknown_flag,
    whole_number,
)
from beam_jobs.stream_options import StreamArgs
from beam_jobs.table_options import CompactArgs, SegmentsArgs


@dataclasses.dataclass(frozen=True)
class AthletesArgs:
    """The flags of `athletes`; `exercises` None: eight of them, or "all"; `num_workers` None: one for each core."""

    command: ClassVar = "athletes"
    output: str
    num_clips: int = 96
    seed: int = 0
    exercises: str | None = None
    variety: str = "basic"
    num_workers: int | None = None


@dataclasses.dataclass(frozen=True)
class ExtractArgs:
    """The flags of `extract`; `pose_model` None: the default model; `cut_above_s` None: 600 for one person."""

    command: ClassVar = "extract"
    videos: str
    output: str
    labels: str | None = None
    frame_rate_hz: float = windows.DEFAULT_FRAME_RATE_HZ
    pose_model: str | None = None
    max_failed_share: float = 0.05
    decode_timeout_s: float = DEFAULT_DECODE_TIMEOUT_S
    cut_above_s: float | None = None
    num_people: int = 1
    dry_run: bool = False
    shared_disk: bool = False
    keep_labels: bool = False


@dataclasses.dataclass(frozen=True)
class ImportArgs:
    """The flags of `import`."""

    command: ClassVar = "import"
    landmarks: str
    labels: str
    output: str
    source_rate_hz: float = 30.0
    sample_rate_hz: float = windows.DEFAULT_FRAME_RATE_HZ
    keep_proportions: bool = False
    keep_labels: bool = False


@dataclasses.dataclass(frozen=True)
class FeaturesArgs:
    """The flags of `features`; `transform_fn` None: a new transform graph is fitted."""

    command: ClassVar = "features"
    input: str
    output: str
    transform_fn: str | None = None
    allow_other_pose_model: bool = False
    shared_disk: bool = False


Args = AthletesArgs | ExtractArgs | ImportArgs | CompactArgs | FeaturesArgs | SegmentsArgs | StreamArgs
_ARGS: dict[str, type[Args]] = {
    one.command: one
    for one in (AthletesArgs, ExtractArgs, ImportArgs, CompactArgs, FeaturesArgs, SegmentsArgs, StreamArgs)
}

# Flags of earlier versions, and what to use in their place.
_RENAMED = {
    "import": {
        "--frame_rate_hz": "--source_rate_hz",
        "--proportions": "--keep_proportions (in place of --proportions as_they_are)",
    },
    "features": {"--other_landmarks": "--allow_other_pose_model"},
    "segments": {},
    "stream": {},
}


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs",
        description="Makes tables of body landmarks and features from videos of people who exercise.",
        epilog="All but athletes and import take Beam's own options, too (--runner, --project, ...).",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    add = {
        "athletes": _add_athletes,
        "extract": _add_extract,
        "import": _add_import,
        "compact": table_options.add_compact,
        "features": _add_features,
        "segments": table_options.add_segments,
        "stream": stream_options.add_flags,
    }
    what = {
        "athletes": ("draws people who exercise: videos with labels.csv", "--output videos --seed 1"),
        "extract": (
            "finds the body landmarks in videos",
            "--videos videos --labels videos/labels.csv --output tables",
        ),
        "import": (
            "takes landmarks that other software found, into the same tables",
            "--landmarks landmarks.parquet --labels labels.csv --output tables",
        ),
        "compact": (
            "puts the landmarks of many videos into few files",
            "--input tables",
        ),
        "features": (
            "computes features from landmarks, and the transform graph that does so",
            "--input tables --output tables",
        ),
        "segments": (
            "finds what was done in each video, from when to when and how often",
            "--input tables --bundle bundle --output tables",
        ),
        "stream": (
            "does all of this with each new video of a bucket, and predicts what it shows",
            "--videos gs://BUCKET/videos --subscription projects/PROJECT/subscriptions/NAME --bundle bundle "
            "--output tables",
        ),
    }
    by_name = {}
    for name, (text, example) in what.items():
        by_name[name] = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"Example: python -m beam_jobs {name} {example}",
            allow_abbrev=False,
        )
        add[name](by_name[name])
        add_verbose(by_name[name])
    return parser, by_name


def command_parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command's own flags."""
    return _parser()[1]


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", required=True, help="the folder to write to, local or gs://")


def _add_athletes(parser: argparse.ArgumentParser) -> None:
    _add_output(parser)
    parser.add_argument("--num_clips", type=positive_int, default=96, help="how many clips (default 96)")
    parser.add_argument("--seed", type=whole_number, default=0, help="another number draws other people (default 0)")
    parser.add_argument(
        "--exercises", help="labels with commas between, none among them, or all (default: eight exercises)"
    )
    parser.add_argument(
        "--variety",
        choices=("basic", "varied"),
        default="basic",
        help="varied: more ways to do an exercise, more tempos and views, some of part of the body (default basic)",
    )
    parser.add_argument("--num_workers", type=positive_int, help="processes (default: one for each core)")


def _add_extract(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--videos",
        required=True,
        help="a folder (with the folders in it), a pattern in quotes such as 'videos/*.mp4', one video, or a CSV file "
        "with a `video` column; local or gs://",
    )
    _add_output(parser)
    parser.add_argument("--labels", help="a CSV file with the columns video,label and, if you like, group,split")
    _add_keep_labels(parser)
    add_reading(parser)
    parser.add_argument(
        "--max_failed_share",
        type=share,
        default=0.05,
        help="the exit code is 1, after everything was written, if more than this share of the videos failed "
        "(default 0.05)",
    )
    parser.add_argument(
        "--cut_above_s",
        type=not_negative_float,
        help="a video longer than this many seconds is cut into pieces, so that several workers share it (default 600; "
        "0, and with --num_people: no video is cut)",
    )
    parser.add_argument(
        "--num_people",
        type=positive_int,
        default=1,
        metavar="N",
        help="follow up to N people in a video, each with a person_id; takes about twice the time of one (default 1)",
    )
    parser.add_argument(
        "--dry_run",
        action="store_true",
        help="only say which videos would be read, and what is wrong with the labels; write nothing",
    )
    add_shared_disk(parser)


def _add_keep_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep_labels",
        action="store_true",
        help="keep labels as they are written; by default other names of a known exercise become its usual name "
        "(pullup and Pull-Ups: pull_up)",
    )


def _add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--landmarks",
        required=True,
        help="a Parquet file with the columns video_id, frame_id, x_0, y_0, z_0 ... z_32; local or gs://",
    )
    parser.add_argument(
        "--labels", required=True, help="a CSV file with the columns video_id,label and, if you like, group,split"
    )
    _add_keep_labels(parser)
    _add_output(parser)
    parser.add_argument(
        "--source_rate_hz",
        type=positive_float,
        default=30.0,
        help="rows in a second of the file, where it has no column timestamp_ms (default 30)",
    )
    parser.add_argument(
        "--sample_rate_hz",
        type=positive_float,
        default=windows.DEFAULT_FRAME_RATE_HZ,
        help="rows in a second of the tables to write (default 15)",
    )
    parser.add_argument(
        "--keep_proportions",
        action="store_true",
        help="leave landmarks as they are where each axis of each frame was scaled to 0-1 (default: restore the body's "
        "proportions from the lengths of its limbs)",
    )


def _add_features(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", required=True, help="the output folder of extract or import, local or gs://")
    _add_output(parser)
    parser.add_argument(
        "--transform_fn",
        help="use this transform graph and fit no new one: a folder of feature tables, its transform_fn, or a bundle",
    )
    parser.add_argument(
        "--allow_other_pose_model",
        action="store_true",
        help="use --transform_fn also for landmarks of another pose model than those it was fitted to, such as "
        "imported ones; of the same kind and rate",
    )
    add_shared_disk(parser)


def parse(argv: list[str] | None = None) -> tuple[Args, list[str]]:
    """Parses a command line.

    Returns:
      Our own flags, and Beam's, checked against the options that Beam knows.

    Raises:
      SystemExit: 2, after argparse's own message, for a flag of ours that is wrong.
      UsageError: for a flag that neither we nor Beam know, or an input that is not there.
    """
    refuse_former_flags(sys.argv[1:] if argv is None else argv, _RENAMED, "python -m beam_jobs")
    parser, by_name = _parser()
    found, beam_args = parser.parse_known_args(argv)
    kind = _ARGS[found.command]
    args = kind(**{field.name: getattr(found, field.name) for field in dataclasses.fields(kind)})
    if beam_args:
        _check_beam_args(beam_args, args, by_name[args.command])
    _check_paths(args)
    return args, beam_args


def _check_beam_args(beam_args: list[str], args: Args, parser: argparse.ArgumentParser) -> None:
    if not beam_args[0].startswith("-"):
        raise UsageError(
            f"unknown argument {beam_args[0]}. Put a pattern in quotes, or the shell replaces it by names."
        )
    ours, shown_by = flags_of(parser), f"python -m beam_jobs {args.command} --help"
    if isinstance(args, AthletesArgs):  # athletes is no Beam pipeline
        raise unknown_flag(beam_args[0], ours, shown_by)
    unknown = check_beam_options(beam_args)
    if unknown is not None:
        raise unknown_flag(unknown, ours, f"{shown_by}; Beam's own options can be given, too")


def _check_paths(args: Args) -> None:
    for name in ("videos", "labels", "landmarks", "input", "transform_fn", "bundle", "pose_model", "kafka_config"):
        path = getattr(args, name, None)
        # A bucket's folder is not there before its first object.
        awaited = isinstance(args, StreamArgs) and args.is_unbounded
        if path is not None and not (name == "videos" and (awaited or any(sign in path for sign in "*?["))):
            check_exists(f"--{name}", path)
    if isinstance(args, CompactArgs):
        check_folder("--input", args.input, "the output folder of extract or import")
        check_writable("--input", args.input)
        return
    if isinstance(args, FeaturesArgs | SegmentsArgs):
        check_folder("--input", args.input, "the output folder of extract or import")
    labels = getattr(args, "labels", None)
    if labels and storage.is_folder(labels):
        raise UsageError(f"--labels {labels} is a folder; expected a CSV file.")
    if isinstance(args, StreamArgs):
        stream_options.check(args)
    check_writable("--output", args.output)
