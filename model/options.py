"""Every flag of `python -m model`, and their checks. Nothing is read before they have passed."""

import argparse
import os
import sys

from beam_jobs import storage
from beam_jobs.errors import UsageError
from beam_jobs.flags import add_verbose, check_writable
from model import bundle, config, dataset
from model.benchmark import experiments
from model.evaluation import evaluate

SPLITS = ("test", "validation", "all")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model",
        description="Feature tables -> a bundle (a folder with everything that live needs), and its report.",
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

    train = add(
        "train",
        "tables -> a bundle, the folder that `python -m live --bundle` takes",
        "train --tables tables --output bundle",
    )
    train.add_argument(
        "--network",
        choices=config.NETWORKS,
        help="which network (default conv_transformer; conv: quicker to train; ensemble: the default bundle's; tcn: "
        "the original notebook's)",
    )
    _add_more_tables(train)
    add_training(train)

    finetune = add(
        "finetune",
        "a bundle and tables of a new exercise -> a bundle that knows it, too",
        "finetune --bundle live/default_bundle --tables my_tables --all_splits --output my_bundle",
    )
    _add_bundle(finetune)
    _add_more_tables(finetune)
    default = config.FinetuneConfig()
    finetune.add_argument(
        "--steps", type=int, default=default.steps, help=f"batches to learn from (default {default.steps})"
    )
    finetune.add_argument(
        "--learning_rate",
        type=float,
        default=default.learning_rate,
        help=f"of the last layers; more learns quicker and forgets more (default {default.learning_rate:g})",
    )
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
    for command in commands.choices.values():
        add_verbose(command)
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
        help="tables of synthetic athletes to train on, too: training.synthetic_fraction of each epoch",
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


class _ListExperiments(argparse.Action):
    """`--list`: prints the experiments and leaves, as `--help` does."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *unused: object) -> None:
        print(experiments.listing())
        parser.exit()


def _add_benchmark(commands) -> None:
    command = commands.add_parser(
        "benchmark",
        help="cross-validation of networks and baselines -> results.json and results.md",
        description="Cross-validates networks and baselines on labelled clips, whatever the splits of the tables. "
        "Continues where it was stopped.",
        epilog="Example: python -m model benchmark --tables tables --output mine --experiments conv extra_trees",
        allow_abbrev=False,
    )
    command.add_argument("--list", action=_ListExperiments, help="list the experiments by group, and exit")
    command.add_argument("--tables", required=True, help="the output folder of `python -m beam_jobs features`")
    command.add_argument("--output", required=True, help="a local folder for results.json and results.md")
    command.add_argument(
        "--experiments",
        nargs="+",
        default=["all"],
        metavar="NAME",
        help=f"experiments, or groups of them: {', '.join(experiments.GROUPS)} (default all; see --list)",
    )
    command.add_argument(
        "--splits",
        nargs="+",
        choices=("group", "random"),
        default=["group", "random"],
        help="random (it leaks data) is shown beside group: alone, it is added to figures in --output (default: both)",
    )
    command.add_argument("--folds", type=int, default=5, help="folds of each seed (default 5)")
    command.add_argument("--seeds", type=int, default=3, help="how often the folds are drawn (default 3; random: 1)")
    command.add_argument(
        "--first_seed", type=int, default=0, help="the first of them (default 0); seeds in --output are kept"
    )
    command.add_argument("--min_clips", type=int, default=4, help="the least number of clips of a class (default 4)")
    command.add_argument(
        "--if_settings_differ",
        choices=("fail", "replace", "keep"),
        default="fail",
        help="what to do with figures in --output of the same experiment, but of other tables, settings or an earlier "
        "version: replace them, or keep them beside the new seeds; the page marks them (default fail)",
    )
    command.add_argument("--num_workers", type=int, default=os.cpu_count(), help="fits at once (default: all cores)")
    command.add_argument("--fits_dir", help="a local folder for finished fits (default: fits, in --output)")
    _add_benchmark_tables(command)


def _add_benchmark_tables(command: argparse.ArgumentParser) -> None:
    command.add_argument("--athletes", metavar="TABLES", help="tables of drawn athletes, to train on")
    command.add_argument(
        "--synthetic_tables", metavar="TABLES", help="tables of athletes by `python -m model synthesize`, to train on"
    )
    command.add_argument(
        "--extra_tables",
        nargs="+",
        default=[],
        metavar="TABLES",
        help="tables of more clips of real people, to train on and not to test on",
    )
    _add_rename(command, "--rename_labels")
    command.add_argument(
        "--tables_30hz",
        metavar="TABLES",
        help="tables of the same clips at 30 Hz, to test robustness to the camera's frame rate",
    )
    command.add_argument(
        "--variant",
        nargs="+",
        default=[],
        type=_named,
        metavar="NAME=TABLES",
        help="tables of the same clips recorded or edited in another way (mirrored, cropped, …), under the same file "
        "names, to test robustness on",
    )


def _check_benchmark(args: argparse.Namespace) -> None:
    args.rename_labels, args.variant = dict(args.rename_labels), dict(args.variant)
    named = [("--tables", args.tables), ("--tables_30hz", args.tables_30hz), ("--athletes", args.athletes)]
    named += [("--synthetic_tables", args.synthetic_tables)]
    named += [("--extra_tables", path) for path in args.extra_tables]
    named += [(f"--variant {name}", path) for name, path in args.variant.items()]
    for flag, path in named:
        if path:
            dataset.check_folder(path, flag)
    args.experiments = _experiments(args)
    if "group" not in args.splits and args.first_seed:
        raise UsageError(f"--first_seed {args.first_seed}: random splits are of seed 0 alone; leave it out.")
    for name, least in (("folds", 2), ("seeds", 1), ("first_seed", 0), ("min_clips", 2), ("num_workers", 1)):
        if getattr(args, name) < least:
            raise UsageError(f"--{name}: {getattr(args, name)}; expected {least} or more.")
    args.fits_dir = args.fits_dir or os.path.join(args.output, "fits")
    for flag, path in (("--output", args.output), ("--fits_dir", args.fits_dir)):
        if storage.is_remote(path):
            raise UsageError(f"{flag}: {path} is remote; expected a local folder.")
        check_writable(flag, path, os.path.abspath(path))


def _experiments(args: argparse.Namespace) -> list[str]:
    """The names of the experiments: those named need their tables; in groups, those without are left out."""
    has_synthetic, has_extra = bool(args.athletes or args.synthetic_tables), bool(args.extra_tables)

    def missing_flag(name: str) -> str:
        mix = experiments.EXPERIMENTS[name].data
        if mix.synthetic != "none" and not has_synthetic:
            return "--athletes or --synthetic_tables"
        return "--extra_tables" if mix.extra_real_clips and not has_extra else ""

    names: list[str] = []
    for name in args.experiments:
        if name in experiments.EXPERIMENTS and (flag := missing_flag(name)):
            raise UsageError(f"--experiments {name} needs more tables; expected {flag}.")
        if name not in experiments.GROUPS and name not in experiments.EXPERIMENTS:
            groups = ", ".join(experiments.GROUPS)
            raise UsageError(
                f"--experiments: '{name}' is unknown; expected a group ({groups}) or an experiment that "
                "`python -m model benchmark --list` lists."
            )
        names += [one for one in experiments.GROUPS.get(name, [name]) if one not in names]
    left_out = {name: flag for name in names if (flag := missing_flag(name))}
    for flag in dict.fromkeys(left_out.values()):
        without = [name for name in names if left_out.get(name) == flag]
        print(f"warning: without {flag}, these experiments are left out: {', '.join(without)}", file=sys.stderr)
    names = [name for name in names if name not in left_out]
    if not names:
        raise UsageError(
            f"--experiments {args.experiments[0]} needs more tables; expected {' and '.join({*left_out.values()})}."
        )
    return names


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
