"""Every flag of `python -m beam_jobs`, and their checks. Nothing is built before they have passed."""

import argparse
import contextlib
import io
import logging
import os
from collections.abc import Callable

from beam_jobs import storage, windows
from beam_jobs.errors import UsageError

_LOCAL_RUNNER = "FnApiRunner"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m beam_jobs",
        description="Videos of people exercising -> tables of landmarks and features, with the transform graph.",
        epilog="Beam's own options (--runner, --project, --region, --temp_location, ...) pass through.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, what: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=what,
            description=what[0].upper() + what[1:] + ".",
            epilog=f"Example: python -m beam_jobs {example}",
            allow_abbrev=False,
        )

    athletes = add("athletes", "drawn people exercising, as .mp4, with labels.csv", "athletes --output videos --seed 1")
    _add_output(athletes)
    athletes.add_argument("--num_clips", type=_positive_int, default=96, help="how many clips (default 96)")
    athletes.add_argument("--seed", type=int, default=0, help="another seed draws other people (default 0)")
    athletes.add_argument("--exercises", help="comma-separated exercises, and none (default: the eight standard ones)")
    athletes.add_argument(
        "--variety",
        choices=("usual", "wide"),
        default="usual",
        help="wide: more manners, tempos and views, some of them partial, as people film (default usual)",
    )
    athletes.add_argument("--num_workers", type=_positive_int, help="processes (default: all cores)")

    extract = add(
        "extract",
        "videos -> landmarks, quality, dead_letters",
        "extract --videos videos --labels videos/labels.csv --output tables",
    )
    extract.add_argument(
        "--videos",
        required=True,
        help="a folder (searched through), a glob, one video, or a CSV with a `video` column; local or gs://",
    )
    _add_output(extract)
    extract.add_argument("--labels", help="a CSV with video,label and optionally group,split")
    extract.add_argument(
        "--frame_rate_hz",
        type=_positive_float,
        default=windows.DEFAULT_FRAME_RATE_HZ,
        help="rate of the sampling grid (default 15)",
    )
    extract.add_argument(
        "--pose_model", help="a PoseLandmarker .task, local or gs:// (default: full, made from the package index once)"
    )
    extract.add_argument(
        "--max_failed_share",
        type=_share,
        default=0.05,
        help="the job fails, after writing everything, when more than this share of the videos did (default 0.05)",
    )
    extract.add_argument(
        "--decode_timeout_s",
        type=_positive_float,
        default=60.0,
        help="give a video up when its decoder yields nothing for so long (default 60)",
    )

    landmarks_import = add(
        "import",
        "landmarks made elsewhere -> the same tables",
        "import --landmarks landmarks.parquet --labels labels.csv --output tables",
    )
    landmarks_import.add_argument(
        "--landmarks", required=True, help="Parquet with video_id, frame_id, x_0, y_0, z_0 ... z_32; local or gs://"
    )
    landmarks_import.add_argument(
        "--labels", required=True, help="a CSV with video_id,label and optionally group,split"
    )
    _add_output(landmarks_import)
    landmarks_import.add_argument(
        "--frame_rate_hz",
        type=_positive_float,
        default=30.0,
        help="rate of the rows, where the table has no timestamp_ms (default 30)",
    )
    landmarks_import.add_argument(
        "--sample_rate_hz",
        type=_positive_float,
        default=windows.DEFAULT_FRAME_RATE_HZ,
        help="rate of the sampling grid (default 15)",
    )

    landmarks_import.add_argument(
        "--proportions",
        choices=("auto", "as_they_are"),
        default="auto",
        help="auto (default): where each axis of each frame is scaled to 0-1, restore the body's proportions from the "
        "lengths of its limbs, as world landmarks",
    )

    features = add(
        "features",
        "landmarks -> feature tables + transform_fn",
        "features --input tables --output tables",
    )
    features.add_argument("--input", required=True, help="the output folder of extract or import; local or gs://")
    _add_output(features)
    features.add_argument(
        "--transform_fn", help="apply this transform graph, fit nothing (a transform_fn or a bundle's)"
    )
    features.add_argument(
        "--other_landmarks",
        action="store_true",
        help="apply --transform_fn also to landmarks of another estimator than those that it was fitted to (imported "
        "ones, say), of the same kind and rate",
    )
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", required=True, help="a folder, local or gs://")


def _number(kind: type, holds: Callable[[float], bool], expected: str) -> Callable[[str], float]:
    def parse_number(text: str) -> float:
        with contextlib.suppress(ValueError):
            if holds(value := kind(text)):
                return value
        raise argparse.ArgumentTypeError(f"{text} is not {expected}")

    return parse_number


_positive_int = _number(int, lambda value: value >= 1, "a whole number of 1 or more")
_positive_float = _number(float, lambda value: 0 < value < float("inf"), "a number above 0")
_share = _number(float, lambda value: 0 <= value <= 1, "a share between 0 and 1")


def parse(argv: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Parses a command line.

    Returns:
      Our own flags, and Beam's, checked against the options that Beam knows.

    Raises:
      SystemExit: 2, after argparse's own message, for a flag of ours that is wrong.
      UsageError: for a flag that neither we nor Beam know, or an input that is not there.
    """
    args, beam_args = _parser().parse_known_args(argv)
    if beam_args:
        if not beam_args[0].startswith("-"):
            raise UsageError(
                f"unknown argument {beam_args[0]}. A pattern needs quotes, or the shell replaces it by names."
            )
        if args.command == "athletes":
            raise UsageError(f"unknown flag {beam_args[0]}. See python -m beam_jobs athletes --help.")
        check_beam_options(beam_args, args.command)
    for name in ("videos", "labels", "landmarks", "input", "transform_fn", "pose_model"):
        path = getattr(args, name, None)
        if (
            path is not None
            and not storage.exists(path)
            and not (name == "videos" and any(sign in path for sign in "*?["))
        ):
            raise UsageError(f"--{name} {path} does not exist. Check the path.")
    if args.command == "features" and not storage.is_folder(args.input):
        raise UsageError(f"--input {args.input} is a file; expected the output folder of extract or import.")
    if getattr(args, "labels", None) and storage.is_folder(args.labels):
        raise UsageError(f"--labels {args.labels} is a folder; expected a CSV file.")
    check_output(args.output)
    return args, beam_args


def check_beam_options(beam_args: list[str], command: str) -> None:
    """Refuses what Beam does not know: PipelineOptions itself drops a misspelt flag with a warning.

    Raises:
      UsageError: naming the first unknown flag, or what Beam's own parser objected to.
    """
    # Beam is imported only when one of its flags was given, so that --help and our own errors are quick.
    from apache_beam.options.pipeline_options import PipelineOptions

    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False, usage=argparse.SUPPRESS)
    for options in sorted(PipelineOptions.__subclasses__(), key=lambda options: options.__name__):
        with contextlib.suppress(argparse.ArgumentError):  # two of Beam's own classes may share a flag
            options._add_argparse_args(parser)  # type: ignore[arg-type]
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            _, unknown = parser.parse_known_args(beam_args)
    except SystemExit:
        raise UsageError(complaint.getvalue().strip().removeprefix("error: ")) from None
    if unknown:
        raise UsageError(
            f"unknown flag {unknown[0]}. See python -m beam_jobs {command} --help; Beam's own options pass through."
        )


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


def check_shared(beam_args: list[str], paths: dict[str, str | None]) -> None:
    """Refuses local paths for Dataflow, whose workers do not see this disk.

    Args:
      beam_args: Beam's options.
      paths: by the flag's name; None where it was not given.

    Raises:
      UsageError: naming the first local path.
    """
    if _runner(beam_args) == "DataflowRunner":
        for name, path in paths.items():
            if path is not None and not storage.is_remote(path):
                raise UsageError(
                    f"--{name} {path} is on this machine; Dataflow's workers need a gs:// path. Copy it there."
                )


def _runner(beam_args: list[str]) -> str:
    parser = argparse.ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--runner", default=_LOCAL_RUNNER)
    return str(parser.parse_known_args(beam_args)[0].runner).rpartition(".")[2]


def is_local(beam_args: list[str]) -> bool:
    """Whether Beam's options ask for a runner on this machine that shares its disk; so they do where none is named."""
    return _runner(beam_args) in (_LOCAL_RUNNER, "DirectRunner")


def num_cores() -> int:
    """The cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def with_local_defaults(beam_args: list[str]) -> list[str]:
    """Beam's options with this machine's as default: the FnApiRunner with a process a core.

    Its workers' messages are silenced: an exception reaches the user anyway, once, by the launcher.
    Beam's own default, DirectRunner, first tries to download another engine, and silently runs one or the other.
    """

    def given(name: str) -> bool:
        return any(arg == f"--{name}" or arg.startswith(f"--{name}=") for arg in beam_args)

    if not is_local(beam_args):
        return list(beam_args)
    for name in ("portability", "worker"):
        logging.getLogger(f"apache_beam.runners.{name}").setLevel(logging.CRITICAL + 1)
    args = list(beam_args)
    if not given("runner"):
        args.append(f"--runner={_LOCAL_RUNNER}")
    if not given("direct_running_mode"):
        args.append("--direct_running_mode=multi_processing")
    if not given("direct_num_workers"):
        args.append(f"--direct_num_workers={num_cores()}")
    return args
