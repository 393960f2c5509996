"""python -m model: parse, validate, run."""

import argparse
import os
import sys
from typing import Any

from beam_jobs import native_logs
from beam_jobs.errors import report_user_errors
from model import options


@report_user_errors
def main(argv: list[str] | None = None) -> int:
    """Runs one command; see --help."""
    args = options.parse(argv)
    if args.command not in ("evaluate", "export"):  # which need TensorFlow alone
        _prepare_keras()
    print("\n".join(_COMMANDS[args.command](args)))
    return 0


def _prepare_keras() -> None:
    # Importing TFT sets this, for child processes too (a notebook's, a test's); keras-tcn does not work under it.
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    # By default each step gives its memory back and has the kernel clear it again, for a fifth to two fifths of an
    # `ensemble`'s training. So kept, memory stays at its peak.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")


# Each command imports its own module alone: TensorFlow takes seconds, and extras differ in packages.


def _train(args: argparse.Namespace) -> list[str]:
    with native_logs.quiet_import():
        from model import train

    return _trained(args, train.train(_inputs(args), args.output, args.config, args.log_dir))


def _finetune(args: argparse.Namespace) -> list[str]:
    with native_logs.quiet_import():
        from model import finetune, finetune_report

    report = finetune.finetune(args.bundle, _inputs(args), args.output, args.config, args.log_dir, args.tuning)
    return [f"bundle: {args.output}", *finetune_report.lines(report)]


def _inputs(args: argparse.Namespace):
    from model.training_data import TrainingInputs

    return TrainingInputs(
        args.tables, tuple(args.synthetic_tables), tuple(args.extra_tables), dict(args.rename_labels), args.all_splits
    )


def _trained(args: argparse.Namespace, metrics: dict[str, Any]) -> list[str]:
    return [*([f"validation: {_summary(metrics)}"] if metrics else []), f"bundle: {args.output}"]


def _evaluate(args: argparse.Namespace) -> list[str]:
    from model.evaluation import evaluate

    metrics = evaluate.evaluate(args.bundle, args.tables, args.output, args.split)
    return [f"{args.split}: {_summary(metrics)}", f"report: {args.output.rstrip('/')}/report.html"]


def _benchmark(args: argparse.Namespace) -> list[str]:
    with native_logs.quiet_import():
        from model.benchmark import command

    command.run(args)
    return [f"results: {os.path.join(args.output, 'results.md')}"]


def _synthesize(args: argparse.Namespace) -> list[str]:
    with native_logs.quiet_import():
        from model.synthesis import command

    return [*command.report(command.run(args))]


def _export(args: argparse.Namespace) -> list[str]:
    from model.export import command

    compared = command.export(args.bundle, args.output, args.tables, args.split)
    return [*command.lines(compared), f"exported: {args.output}"]


_COMMANDS = {
    "train": _train,
    "finetune": _finetune,
    "evaluate": _evaluate,
    "benchmark": _benchmark,
    "synthesize": _synthesize,
    "export": _export,
}


def _summary(metrics: dict[str, Any]) -> str:
    def one(part: dict[str, Any], what: str) -> str:
        values = {"macro F1": part["macro_f1"], "NLL": part["nll"], "ECE": part["ece"]}
        named = ", ".join(f"{name} {value:.3f}" for name, value in values.items() if value is not None)
        return f"{part['accuracy']:.1%} of {part[f'num_{what}']} {what} right ({part['num_groups']} groups; {named})"

    return "; ".join(one(metrics[what], what) for what in ("windows", "clips"))


if __name__ == "__main__":
    native_logs.silence_native_stderr()  # TensorFlow tells of a missing GPU as of an error
    sys.exit(main())
