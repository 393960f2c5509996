"""Every flag of `python -m beam_jobs`, and their checks. Nothing is built before they have passed."""

import argparse

from beam_jobs import storage, windows
from beam_jobs.beam_options import check_beam_options
from beam_jobs.errors import UsageError
from beam_jobs.flags import check_output, positive_float, positive_int, share


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
    athletes.add_argument("--num_clips", type=positive_int, default=96, help="how many clips (default 96)")
    athletes.add_argument("--seed", type=int, default=0, help="another seed draws other people (default 0)")
    athletes.add_argument("--exercises", help="comma-separated exercises, and none (default: the eight standard ones)")
    athletes.add_argument(
        "--variety",
        choices=("usual", "wide"),
        default="usual",
        help="wide: more manners, tempos and views, some of them partial, as people film (default usual)",
    )
    athletes.add_argument("--num_workers", type=positive_int, help="processes (default: all cores)")

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
        type=positive_float,
        default=windows.DEFAULT_FRAME_RATE_HZ,
        help="rate of the sampling grid (default 15)",
    )
    extract.add_argument(
        "--pose_model", help="a PoseLandmarker .task, local or gs:// (default: full, made from the package index once)"
    )
    extract.add_argument(
        "--max_failed_share",
        type=share,
        default=0.05,
        help="the job fails, after writing everything, when more than this share of the videos did (default 0.05)",
    )
    extract.add_argument(
        "--decode_timeout_s",
        type=positive_float,
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
        type=positive_float,
        default=30.0,
        help="rate of the rows, where the table has no timestamp_ms (default 30)",
    )
    landmarks_import.add_argument(
        "--sample_rate_hz",
        type=positive_float,
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
