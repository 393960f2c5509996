"""Every flag of `python -m model`, and their checks. Nothing is read before they have passed."""

import argparse
import os

from beam_jobs import storage
from beam_jobs.errors import UsageError
from model import bundle, config, dataset, evaluate

SPLITS = ("test", "validation", "all")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model", description="Feature tables -> a bundle that recognises exercises, and its report."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, what: str, example: str) -> argparse.ArgumentParser:
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

    def add_training(command: argparse.ArgumentParser) -> None:
        command.add_argument(
            "--config",
            help="""JSON, or a file of it: what differs from the default, like '{"training": {"epochs": 5}}'""",
        )
        command.add_argument(
            "--log_dir", help="a local folder for TensorBoard while it trains (default: in the bundle, when it is done)"
        )

    train = add("train", "tables -> a bundle", "train --tables tables --output bundle --network tcn")
    train.add_argument("--network", choices=config.NETWORKS, help="which network (default tcn)")
    add_training(train)

    finetune = add(
        "finetune",
        "a bundle and other tables -> a bundle, at a lower learning rate",
        "finetune --bundle bundle --tables my_tables --output my_bundle",
    )
    _add_bundle(finetune)
    add_training(finetune)

    judge = add(
        "evaluate",
        "a bundle and tables -> metrics.json and a report",
        "evaluate --bundle bundle --tables tables --output report --split test",
    )
    _add_bundle(judge)
    judge.add_argument(
        "--split", choices=SPLITS, default="test", help="which clips (default test; all: for tables new to the bundle)"
    )
    return parser


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
        _check_writable("--output", path, os.path.dirname(os.path.abspath(path.removeprefix("file://"))))


def _check_writable(flag: str, path: str, folder: str) -> None:
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


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses a command line; `config` becomes a `config.Config`.

    Raises:
      SystemExit: 2, after argparse's own message, for a flag that is wrong.
      UsageError: for a folder that is not there or a configuration that is wrong.
    """
    args = _parser().parse_args(argv)
    dataset.check_folder(args.tables)
    _check_output(args.output, evaluate.MARKER if args.command == "evaluate" else bundle.MARKER)
    default = config.Config()
    if args.command != "train":
        if not storage.is_folder(args.bundle):
            raise UsageError(f"--bundle: {args.bundle} does not exist; expected a bundle (python -m model train).")
        metadata = bundle.read_metadata(args.bundle)
        if args.command == "evaluate":
            return args
        default = config.of_bundle(metadata, args.bundle)
    if args.log_dir and storage.is_remote(args.log_dir):
        raise UsageError(
            f"--log_dir: {args.log_dir} is remote; expected a local folder. Leave it out: the bundle has the logs."
        )
    if args.log_dir:
        _check_writable("--log_dir", args.log_dir, os.path.abspath(args.log_dir))
    args.config = config.load(args.config, default)
    if args.command == "train" and args.network:
        args.config = config.from_dict({"network": {"name": args.network}}, args.config)
    return args
