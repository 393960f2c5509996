"""python -m model: parse, validate, run."""

import os
import sys
from typing import Any

from beam_jobs import native_logs
from beam_jobs.errors import report_user_errors
from model import options
from model.evaluation import evaluate


@report_user_errors
def main(argv: list[str] | None = None) -> int:
    """Runs one command; see --help."""
    args = options.parse(argv)
    if args.command == "evaluate":
        figures = evaluate.evaluate(args.bundle, args.tables, args.output, args.split)
        print(f"{args.split}: {_told(figures)}\nreport: {args.output.rstrip('/')}/report.html")
        return 0
    # Importing TFT sets this, for child processes too (a notebook's, a test's); keras-tcn does not work under it.
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    # By default each step gives its memory back and has the kernel clear it again, for a fifth to two fifths of an
    # `ensemble`'s training. So kept, memory stays at its peak.
    os.environ.setdefault("TF_CPU_ALLOCATOR_USE_BFC", "1")
    # Here and not above: TensorFlow and Keras take seconds to import, and --help and mistakes need neither.
    with native_logs.quiet_import():
        from model import finetune, train
        from model.benchmark import command
        from model.synthesis import command as synthesis_command
        from model.training_data import TrainingInputs

    if args.command == "benchmark":
        command.run(args)
        print(f"results: {os.path.join(args.output, 'results.md')}")
        return 0
    if args.command == "synthesize":
        print("\n".join(synthesis_command.report(synthesis_command.run(args))))
        return 0
    inputs = TrainingInputs(
        args.tables, tuple(args.synthetic_tables), tuple(args.extra_tables), dict(args.rename_labels), args.all_splits
    )
    if args.command == "train":
        figures = train.train(inputs, args.output, args.config, args.log_dir)
    else:
        figures = finetune.finetune(args.bundle, inputs, args.output, args.config, args.log_dir)
    if figures:
        print(f"validation: {_told(figures)}")
    print(f"bundle: {args.output}")
    return 0


def _told(figures: dict[str, Any]) -> str:
    def one(part: dict[str, Any], what: str) -> str:
        shown = {"macro F1": part["macro_f1"], "NLL": part["nll"], "ECE": part["ece"]}
        figures = ", ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)
        return f"{part['accuracy']:.1%} of {part[f'num_{what}']} {what} right ({part['num_groups']} groups; {figures})"

    return "; ".join(one(figures[what], what) for what in ("windows", "clips"))


if __name__ == "__main__":
    native_logs.silence_native_stderr()  # TensorFlow tells of a missing GPU as of an error
    sys.exit(main())
