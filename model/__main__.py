"""python -m model: parse, validate, run."""

import sys
from typing import Any

from beam_jobs.errors import report_user_errors
from beam_jobs.native_logs import quiet_import
from model import options


@report_user_errors
def main(argv: list[str] | None = None) -> int:
    """Runs one command; see --help."""
    args = options.parse(argv)
    # Below, and not above: TensorFlow and Keras take seconds to import, and --help and mistakes need neither.
    if args.command == "evaluate":
        from model import evaluate

        figures = evaluate.evaluate(args.bundle, args.tables, args.output, args.split)
        print(f"{args.split}: {_told(figures)}\nreport: {args.output.rstrip('/')}/report.html")
        return 0
    with quiet_import():
        from model import train

    if args.command == "train":
        figures = train.train(args.tables, args.output, args.config, args.log_dir)
    else:
        figures = train.finetune(args.bundle, args.tables, args.output, args.config, args.log_dir)
    print(f"validation: {_told(figures)}\nbundle: {args.output}")
    return 0


def _told(figures: dict[str, Any]) -> str:
    def one(part: dict[str, Any], what: str) -> str:
        loss = "no answers" if part["nll"] is None else f"NLL {part['nll']:.3f}, ECE {part['ece']:.3f}"
        return (
            f"{part['accuracy']:.1%} of {part[f'num_{what}']} {what} right "
            f"({part['num_groups']} groups; macro F1 {part['macro_f1']:.3f}, {loss})"
        )

    return "; ".join(one(figures[what], what) for what in ("windows", "clips"))


if __name__ == "__main__":
    sys.exit(main())
