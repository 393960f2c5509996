"""The flags of `python -m model benchmark`, and their checks."""

import argparse
import os
import sys

from beam_jobs import storage
from beam_jobs.errors import UsageError
from beam_jobs.flags import check_writable
from model import dataset
from model.benchmark import experiments
from model.flags import add_rename_labels, pair


class _ListExperiments(argparse.Action):
    """`--list`: prints the experiments and leaves, as `--help` does."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *unused: object) -> None:
        print(experiments.listing())
        parser.exit()


def add_benchmark(commands) -> None:
    """Adds the command to those of `python -m model`."""
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
    add_rename_labels(command)
    command.add_argument(
        "--tables_30hz",
        metavar="TABLES",
        help="tables of the same clips at 30 Hz, to test robustness to the camera's frame rate",
    )
    command.add_argument(
        "--variant",
        nargs="+",
        default=[],
        type=pair("NAME", "TABLES", "mirrored=tables"),
        metavar="NAME=TABLES",
        help="tables of the same clips recorded or edited in another way (mirrored, cropped, …), under the same file "
        "names, to test robustness on",
    )


def check_benchmark(args: argparse.Namespace) -> None:
    """Checks the parsed flags; `experiments` become names of single ones.

    Raises:
      UsageError: for a folder that is not there, an unknown experiment, or a number out of range.
    """
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
