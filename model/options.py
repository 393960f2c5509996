"""Every flag of `python -m model`, and their checks. Nothing is read before they have passed."""

import argparse
import os
import sys

from beam_jobs import storage
from beam_jobs.errors import UsageError
from beam_jobs.flags import add_verbose, check_writable, flags_of, refuse_former_flags, unknown_flag
from model import bundle, config, dataset
from model.benchmark.flags import add_benchmark, check_benchmark
from model.evaluation import evaluate
from model.flags import add_rename_labels

SPLITS = ("test", "validation", "all")

# Flags of earlier versions, and what to use in their place.
_RENAMED_IN_TRAINING = {
    "--also": "--synthetic_tables",
    "--people": "--extra_tables",
    "--rename": "--rename_labels",
    "--everything": "--all_splits",
}
_RENAMED = {
    "train": _RENAMED_IN_TRAINING,
    "finetune": _RENAMED_IN_TRAINING,
    "synthesize": {"--drawn": "--athletes"},
    "benchmark": {
        "--rows": "--experiments",
        "--work": "--fits_dir",
        "--processes": "--num_workers",
        "--replace": "--if_settings_differ replace",
        "--join": "--if_settings_differ keep",
        "--native": "--tables_30hz",
        "--filmed": "--variant",
        "--people": "--extra_tables",
        "--rename": "--rename_labels",
    },
}


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="python -m model",
        description="Feature tables -> a bundle (a folder with everything that live needs), and its report.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    _add_train(commands)
    _add_finetune(commands)
    _add_evaluate(commands)
    add_benchmark(commands)
    _add_synthesize(commands)
    _add_export(commands)
    for command in commands.choices.values():
        add_verbose(command)
    return parser, commands.choices


def _add_command(commands, name: str, what: str, example: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=f"Example: python -m model {example}",
        allow_abbrev=False,
    )
    command.add_argument(
        "--tables", required=True, help="the output folder of `python -m beam_jobs features`; local or gs://"
    )
    command.add_argument("--output", required=True, help="a folder, local or gs://; what was there is replaced")
    return command


def _add_train(commands) -> None:
    command = _add_command(
        commands,
        "train",
        "tables -> a bundle, the folder that `python -m live --bundle` takes",
        "train --tables tables --output bundle",
    )
    command.add_argument(
        "--network",
        choices=config.NETWORKS,
        help="which network (default conv_transformer; conv: quicker to train; ensemble: the default bundle's; tcn: "
        "the original notebook's)",
    )
    _add_more_tables(command)
    _add_training(command)


def _add_finetune(commands) -> None:
    command = _add_command(
        commands,
        "finetune",
        "a bundle and tables of a new exercise -> a bundle that knows it, too",
        "finetune --bundle live/default_bundle --tables my_tables --all_splits --output my_bundle",
    )
    _add_bundle(command)
    _add_more_tables(command)
    default = config.FinetuneConfig()
    command.add_argument(
        "--steps", type=int, default=default.steps, help=f"batches to learn from (default {default.steps})"
    )
    command.add_argument(
        "--learning_rate",
        type=float,
        default=default.learning_rate,
        help=f"of the last layers; more learns quicker and forgets more (default {default.learning_rate:g})",
    )
    _add_training(command)


def _add_evaluate(commands) -> None:
    command = _add_command(
        commands,
        "evaluate",
        "a bundle and tables -> metrics.json and a report",
        "evaluate --bundle bundle --tables tables --output report --split test",
    )
    _add_bundle(command)
    command.add_argument(
        "--split", choices=SPLITS, default="test", help="which clips (default test; all: for tables new to the bundle)"
    )


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--config",
        help="""JSON, or a file of it: what differs from the default, like '{"training": {"epochs": 5}}' """
        "(all keys: model/README.md)",
    )
    command.add_argument(
        "--log_dir", help="a local folder for TensorBoard while it trains (default: in the bundle, when it is done)"
    )


def _add_more_tables(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--synthetic_tables",
        nargs="+",
        default=[],
        metavar="TABLES",
        help="tables of synthetic athletes to train on, too: training.synthetic_fraction of each epoch",
    )
    command.add_argument(
        "--extra_tables",
        nargs="+",
        default=[],
        metavar="TABLES",
        help="tables of more real people to train on, as if they were of --tables' train split",
    )
    add_rename_labels(command)
    command.add_argument(
        "--all_splits", action="store_true", help="train on every clip, whatever its split; none is left to validate on"
    )


def _add_synthesize(commands) -> None:
    command = commands.add_parser(
        "synthesize",
        help="drawn athletes and their landmarks -> landmarks of thousands of other athletes",
        description="Learns the pose model's errors from drawn athletes, moves the skeletons of others, and writes "
        "their landmarks as `python -m beam_jobs extract` would.",
        epilog="Example: python -m model synthesize --athletes athletes --tables athletes_tables --output synthesized",
        allow_abbrev=False,
    )
    command.add_argument("--athletes", required=True, help="the output folder of `python -m beam_jobs athletes`")
    command.add_argument("--tables", required=True, help="of the same clips: the output folder of `extract`")
    command.add_argument("--output", required=True, help="a folder for landmarks, local or gs://; `features` reads it")
    command.add_argument("--num_clips", type=int, default=4200, help="how many athletes' clips (default 4200)")
    command.add_argument("--seed", type=int, default=1000, help="another seed moves other people (default 1000)")
    command.add_argument("--num_workers", type=int, help="processes (default: all cores)")


def _check_synthesize(args: argparse.Namespace) -> None:
    for name in ("athletes", "tables"):
        if not storage.is_folder(getattr(args, name)):
            raise UsageError(f"--{name}: {getattr(args, name)} does not exist; see python -m model synthesize --help.")
    for name, least in (("num_clips", 1), ("seed", 0), ("num_workers", 1)):
        if getattr(args, name) is not None and getattr(args, name) < least:
            raise UsageError(f"--{name}: {getattr(args, name)}; expected {least} or more.")
    if not storage.is_remote(args.output):
        check_writable("--output", args.output, os.path.abspath(args.output.removeprefix("file://")))


def _add_export(commands) -> None:
    command = commands.add_parser(
        "export",
        help="a bundle -> small LiteRT files for phones, boards and browsers, and a card that compares them",
        description="Writes a bundle as LiteRT files (float32, float16, int8), and compares each with the bundle.",
        epilog="Example: python -m model export --bundle bundle --output exported",
        allow_abbrev=False,
    )
    _add_bundle(command)
    command.add_argument("--output", required=True, help="a folder, local or gs://; an earlier export is replaced")
    command.add_argument(
        "--tables",
        help="feature tables with landmarks to compare on, made with the bundle's graph (default: synthetic athletes "
        "of the bundle)",
    )
    command.add_argument("--split", choices=SPLITS, default="test", help="which clips of --tables (default test)")


def _check_export(args: argparse.Namespace) -> None:
    if not storage.is_folder(args.bundle):
        raise UsageError(f"--bundle: {args.bundle} does not exist; expected a bundle (python -m model train).")
    if args.tables is not None:
        dataset.check_folder(args.tables)
    # Not bundle.json: a trained bundle has that, too, and would be lost.
    _check_output(args.output, bundle.EXPORT_REPORT)


def _add_bundle(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", required=True, help="a bundle's folder, local or gs://")


def _check_output(path: str, marker: str) -> None:
    """Refuses a folder that something else is in (writing replaces it), or that cannot be written."""
    if storage.exists(path) and not storage.exists(storage.join(path, marker)):
        fs, name = storage.filesystem(path)
        if not fs.isdir(name) or fs.ls(name, detail=False):
            raise UsageError(
                f"--output: {path} is there and has no {marker}; expected a folder that is new, empty or of an earlier "
                "run, for it is replaced. Choose another one."
            )
    if not storage.is_remote(path):
        # It is made beside its place and put there when it is whole.
        check_writable("--output", path, os.path.dirname(os.path.abspath(path.removeprefix("file://"))))


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses a command line; `config` becomes a `config.Config`.

    Raises:
      SystemExit: 2, after argparse's own message, for a flag that is wrong.
      UsageError: for an unknown flag, a folder that is not there, or a configuration that is wrong.
    """
    refuse_former_flags(sys.argv[1:] if argv is None else argv, _RENAMED, "python -m model")
    parser, by_name = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        raise unknown_flag(unknown[0], flags_of(by_name[args.command]), f"python -m model {args.command} --help")
    checks = {"benchmark": check_benchmark, "synthesize": _check_synthesize, "export": _check_export}
    if args.command in checks:
        checks[args.command](args)
        return args
    dataset.check_folder(args.tables)
    if args.command in ("train", "finetune"):
        for flag in ("synthetic_tables", "extra_tables"):
            for path in getattr(args, flag):
                dataset.check_folder(path, f"--{flag}")
    _check_output(args.output, evaluate.METRICS_FILE if args.command == "evaluate" else bundle.METADATA_FILE)
    default = config.Config()
    if args.command != "train":
        if not storage.is_folder(args.bundle):
            raise UsageError(f"--bundle: {args.bundle} does not exist; expected a bundle (python -m model train).")
        metadata = bundle.read_metadata(args.bundle)
        if args.command == "evaluate":
            return args
        default = config.config_of_bundle(metadata, args.bundle)
        # A calibration belongs to its weights: other weights take theirs from the validation split.
        default = config.from_dict({"training": {"temperature": 0.0, "known_threshold": 0.0}}, default)
        try:
            args.tuning = config.FinetuneConfig(steps=args.steps, learning_rate=args.learning_rate)
        except ValueError as error:
            raise UsageError(f"--{error}") from None
    if args.log_dir and storage.is_remote(args.log_dir):
        raise UsageError(
            f"--log_dir: {args.log_dir} is remote; expected a local folder. Leave it out: the bundle has the logs."
        )
    if args.log_dir:
        check_writable("--log_dir", args.log_dir, os.path.abspath(args.log_dir))
    args.config = config.load(args.config, default)
    if args.command == "train" and args.network:
        args.config = config.from_dict({"network": {"name": args.network}}, args.config)
    return args
