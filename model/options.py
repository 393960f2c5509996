"""Every flag of `python -m model`, and their checks. Nothing is read before they have passed."""

import argparse
import os
import sys

from beam_jobs import storage
from beam_jobs.errors import UsageError
from beam_jobs.flags import check_writable
from model import bundle, config, dataset
from model.benchmark import experiments
from model.evaluation import evaluate

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

    train = add("train", "tables -> a bundle", "train --tables tables --output bundle")
    train.add_argument(
        "--network",
        choices=config.NETWORKS,
        help="which network (default conv_transformer; conv: quicker to train; ensemble: the default bundle's; tcn: "
        "the seed project's)",
    )
    _add_more_tables(train)
    add_training(train)

    finetune = add(
        "finetune",
        "a bundle and other tables -> a bundle, at a lower learning rate",
        "finetune --bundle bundle --tables my_tables --output my_bundle",
    )
    _add_bundle(finetune)
    _add_more_tables(finetune)
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
    _add_benchmark(commands)
    _add_synthesize(commands)
    return parser


def _renaming(text: str) -> tuple[str, str]:
    old, _, new = text.partition("=")
    if not old or not new:
        raise argparse.ArgumentTypeError(f"'{text}' is no renaming; expected OLD=NEW, like front_raise=lateral_raise")
    return old, new


def _named(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"'{text}' is no named table; expected NAME=TABLES, like mirrored=tables")
    return name, path


def _add_more_tables(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--synthetic_tables",
        nargs="+",
        default=[],
        metavar="TABLES",
        help="tables of synthetic athletes to train on, too: training.further_share of each epoch",
    )
    command.add_argument(
        "--extra_tables",
        nargs="+",
        default=[],
        metavar="TABLES",
        help="tables of more real people to train on, as if they were of --tables' train split",
    )
    _add_rename(command, "--rename_labels")
    command.add_argument(
        "--all_splits", action="store_true", help="train on every clip, whatever its split; none is left to validate on"
    )


def _add_rename(command: argparse.ArgumentParser, flag: str) -> None:
    command.add_argument(
        flag,
        nargs="+",
        type=_renaming,
        default=[],
        metavar="OLD=NEW",
        help="labels that one of the tables has under another name",
    )


def _add_synthesize(commands) -> None:
    command = commands.add_parser(
        "synthesize",
        help="drawn athletes and their landmarks -> landmarks of thousands of others, never drawn",
        description="Learns from drawn athletes what the pose model makes of a body, moves others, and writes their "
        "landmarks as `python -m beam_jobs extract` would.",
        epilog="Example: python -m model synthesize --drawn athletes --tables athletes_tables --output synthesized",
        allow_abbrev=False,
    )
    command.add_argument("--drawn", required=True, help="the output folder of `python -m beam_jobs athletes`")
    command.add_argument("--tables", required=True, help="of the same clips: the output folder of `extract`")
    command.add_argument("--output", required=True, help="a folder for landmarks, local or gs://; `features` reads it")
    command.add_argument("--num_clips", type=int, default=4200, help="how many athletes' clips (default 4200)")
    command.add_argument("--seed", type=int, default=1000, help="another seed moves other people (default 1000)")
    command.add_argument("--num_workers", type=int, help="processes (default: all cores)")


def _check_synthesize(args: argparse.Namespace) -> None:
    for name in ("drawn", "tables"):
        if not storage.is_folder(getattr(args, name)):
            raise UsageError(f"--{name}: {getattr(args, name)} does not exist; see python -m model synthesize --help.")
    for name, least in (("num_clips", 1), ("seed", 0), ("num_workers", 1)):
        if getattr(args, name) is not None and getattr(args, name) < least:
            raise UsageError(f"--{name}: {getattr(args, name)}; expected {least} or more.")
    if not storage.is_remote(args.output):
        check_writable("--output", args.output, os.path.abspath(args.output.removeprefix("file://")))


def _add_benchmark(commands) -> None:
    command = commands.add_parser(
        "benchmark",
        help="contenders on the same grouped folds -> results.json and results.md",
        description="Cross-validates networks and their rivals on labelled clips, whatever the splits of the tables. "
        "Goes on where it was stopped.",
        epilog="Example: python -m model benchmark --tables tables --output results/mine --rows conv extra_trees seed",
        allow_abbrev=False,
    )
    command.add_argument("--tables", required=True, help="the output folder of `python -m beam_jobs features`")
    command.add_argument("--output", required=True, help="a local folder for results.json and results.md")
    command.add_argument("--work", help="a local folder for finished fits (default: pieces, in --output)")
    # argparse formats the text, as `%` does.
    names = "; ".join([*experiments.GROUPS, *experiments.ROWS]).replace("%", "%%")
    command.add_argument(
        "--rows", nargs="+", default=["all"], metavar="ROW", help=f"which contenders: {names} (default all)"
    )
    command.add_argument(
        "--splits",
        nargs="+",
        choices=("group", "random"),
        default=["group", "random"],
        help="random is shown beside group: alone, it is added to rows that stand in --output (default: both)",
    )
    command.add_argument("--folds", type=int, default=5, help="folds of each seed (default 5)")
    command.add_argument("--seeds", type=int, default=3, help="how often the folds are drawn (default 3; random: 1)")
    command.add_argument(
        "--first_seed", type=int, default=0, help="the first of them (default 0); seeds that stand in --output are kept"
    )
    others = command.add_mutually_exclusive_group()
    others.add_argument(
        "--replace",
        action="store_true",
        help="drop figures in --output that are of the same rows and of other tables, settings or an earlier version",
    )
    others.add_argument(
        "--join",
        action="store_true",
        help="keep them beside the new seeds, as where athletes were drawn anew on another machine; the page says so",
    )
    command.add_argument("--min_clips", type=int, default=4, help="a class needs so many clips (default 4)")
    command.add_argument(
        "--athletes",
        nargs="+",
        default=[],
        metavar="TABLES",
        help="tables of drawn and, second, of synthesized athletes, for the rows that learn from them; the idlers of "
        "each are asked about",
    )
    command.add_argument(
        "--people",
        nargs="+",
        default=[],
        metavar="TABLES",
        help="tables of further clips of real people, for the rows that learn from them; nobody of them is tested",
    )
    _add_rename(command, "--rename")
    command.add_argument("--native", help="tables of the same clips at 30 Hz, for the robustness against frame rates")
    command.add_argument(
        "--filmed",
        nargs="+",
        default=[],
        type=_named,
        metavar="NAME=TABLES",
        help="tables of the same clips filmed otherwise (mirrored, cropped, …) under the same file names, which rows "
        "that are probed are tested on, too",
    )
    command.add_argument("--processes", type=int, default=os.cpu_count(), help="fits at once (default: all cores)")


def _check_benchmark(args: argparse.Namespace) -> None:
    args.rename, args.filmed = dict(args.rename), dict(args.filmed)
    named = [("--tables", args.tables), ("--native", args.native)]
    named += [(f"--filmed {name}", path) for name, path in args.filmed.items()]
    named += [("--athletes", path) for path in args.athletes] + [("--people", path) for path in args.people]
    for flag, path in named:
        if path:
            dataset.check_folder(path, flag)
    rows: list[str] = []
    for name in args.rows:
        if name not in experiments.GROUPS and name not in experiments.ROWS:
            known = ", ".join([*experiments.GROUPS, *experiments.ROWS])
            raise UsageError(f"--rows: '{name}' is unknown; expected some of {known}.")
        rows += [row for row in experiments.GROUPS.get(name, [name]) if row not in rows]
    if not args.athletes:
        # Asked for by name, they are an error; among all, they are left out.
        asked = [row for row in args.rows if row in experiments.ROWS and experiments.needs_athletes(row)]
        if asked:
            raise UsageError(f"--rows {asked[0]} learns from drawn athletes; expected their tables as --athletes.")
        rows = _without(rows, [row for row in rows if experiments.needs_athletes(row)], "--athletes")
        if not rows:
            raise UsageError(f"--rows {args.rows[0]} learn from drawn athletes; expected their tables as --athletes.")
    if not args.people:
        asked = [row for row in args.rows if row in experiments.ROWS and experiments.ROWS[row].people]
        if asked:
            raise UsageError(f"--rows {asked[0]} learns from further clips; expected their tables as --people.")
        rows = _without(rows, [row for row in rows if experiments.ROWS[row].people], "--people")
    args.rows = rows
    if "group" not in args.splits and args.first_seed:
        raise UsageError(f"--first_seed {args.first_seed}: random splits are of seed 0 alone; leave it out.")
    for name, least in (("folds", 2), ("seeds", 1), ("first_seed", 0), ("min_clips", 2), ("processes", 1)):
        if getattr(args, name) < least:
            raise UsageError(f"--{name}: {getattr(args, name)}; expected {least} or more.")
    args.work = args.work or os.path.join(args.output, "pieces")
    for flag, path in (("--output", args.output), ("--work", args.work)):
        if storage.is_remote(path):
            raise UsageError(f"{flag}: {path} is remote; expected a local folder.")
        check_writable(flag, path, os.path.abspath(path))


def _without(rows: list[str], dropped: list[str], flag: str) -> list[str]:
    """Says which rows of a group are left out for want of tables."""
    if dropped:
        print(f"warning: without {flag}, these rows are left out: {', '.join(dropped)}", file=sys.stderr)
    return [row for row in rows if row not in dropped]


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
      UsageError: for a folder that is not there or a configuration that is wrong.
    """
    args = _parser().parse_args(argv)
    checks = {"benchmark": _check_benchmark, "synthesize": _check_synthesize}
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
        # A temperature is of the weights that it was found for: the validation split gives the tuned ones theirs.
        default = config.from_dict({"training": {"temperature": 0.0}}, default)
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
