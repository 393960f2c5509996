"""`python -m beam_jobs features`: checks, runs the pipeline, reports."""

import contextlib
import sys
import tempfile
import warnings
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.runners.runner import PipelineResult

from beam_jobs import beam_options, progress, runner, transform_graph
from beam_jobs.errors import UserError
from beam_jobs.features import publish
from beam_jobs.features import shards as features_shards
from beam_jobs.features.pipeline import COUNTERS, WRITTEN, Plans, build, write_plans
from beam_jobs.options import FeaturesArgs
from beam_jobs.stream_options import check_not_streamed

# Fewer are done in this process before a local worker process has imported TensorFlow and TFT.
ROWS_FOR_PROCESSES = 500_000


def run(args: FeaturesArgs, beam_args: list[str]) -> int:
    """Fits the transform graph to the train split (or takes `args.transform_fn`), and writes all feature tables.

    One pipeline: shards of training videos -> analysis -> graph; then, with the graph, shards of all videos -> tables.
    Everything is written to a hidden folder in the output folder first, and published at the end: on a local disk, a
    job that fails or is killed leaves a former run's tables as they were; in a store, it does until it publishes, and
    one that fails while it copies files to their places leaves no final_features. A distributed runner's job goes on
    when this launcher is interrupted: it publishes and removes the hidden folder itself, and what one that failed left
    is removed by the next. So does a job that is submitted with --no_wait_until_finish. One job at a time may write to
    an output folder.

    Args:
      args: the flags; `transform_fn` and `allow_other_pose_model` as of `transform_graph.find`.
      beam_args: Beam's options.

    Returns:
      The exit code.

    Raises:
      UsageError: if a distributed runner's workers cannot see a folder.
      UserError: if there are no landmarks, they were made in different ways, no training row has a person, the
        transform graph does not fit, a local worker process died, or the job did not end well.
    """
    beam_options.check_shared(beam_args, {"input": args.input, "output": args.output}, args.shared_disk)
    check_not_streamed(args.output)
    with tempfile.TemporaryDirectory() as folder:
        plans = write_plans(features_shards.read_videos(args.input), folder)
        return _run(args, beam_args, plans)


def _run(args: FeaturesArgs, beam_args: list[str], plans: Plans) -> int:
    """Runs a job whose plans are written."""
    publish.check_replaced(args.output, [table.name for table in WRITTEN])
    if args.transform_fn is None:
        _check_training(args.input, plans)
    transform_fn = args.transform_fn and transform_graph.find(
        args.transform_fn, plans.fingerprint, args.allow_other_pose_model
    )
    num_to_read = plans.videos.num_rows + (0 if transform_fn else plans.training.num_rows)
    local = beam_options.is_local(beam_args)
    waits = beam_options.waits(beam_args)
    completed_args = _with_defaults(beam_args, num_to_read)
    publish.clean(args.output)
    # A local job ends with its launcher; a distributed one may go on after Ctrl-C or when the network is gone.
    ended = local
    try:
        with contextlib.ExitStack() as stack:
            address = stack.enter_context(progress.show_progress(num_to_read, "rows")) if local else None
            scratch = stack.enter_context(tempfile.TemporaryDirectory()) if local else None
            pipeline = runner.new_pipeline(completed_args, args.command)
            build(pipeline, plans, args.output, transform_fn, scratch, address)
            stack.enter_context(_without_tft_warnings())
            if not waits:
                submitted = runner.submit(pipeline)
                num = plans.videos.num_videos
                print(f"Submitted {runner.job_name(submitted)}, {num} videos. It writes to {args.output}")
                return 0
            result = runner.run(pipeline)
    except UserError:
        ended = True
        raise
    except KeyboardInterrupt:
        if not local:
            print(
                "the Beam job goes on and writes its tables by itself; cancel it before you start another.",
                file=sys.stderr,
            )
        raise
    finally:
        if ended:
            publish.clean(args.output)
    _report(result, args.output)
    return 0


@contextlib.contextmanager
def _without_tft_warnings() -> Iterator[None]:
    """Hides NumPy's warnings of divisions by the number of rows in TFT, which expects an empty batch now and then."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="tensorflow_transform")
        yield


def _check_training(folder: str, plans: Plans) -> None:
    if not plans.training.num_detected:
        raise UserError(
            f"{folder} has no frame with a person in the train split ({plans.training.num_videos} of "
            f"{plans.videos.num_videos} videos are in it), and the features' mean and deviation are computed from it. "
            "Add videos, or set split to train for some in labels.csv, or use the transform graph of other tables or "
            "of a bundle: --transform_fn."
        )


def _with_defaults(beam_args: list[str], num_rows: int) -> list[str]:
    # A local worker process takes 10 s to import TensorFlow and TFT; in that time this one has done with a small job.
    small = num_rows < ROWS_FOR_PROCESSES and not any(arg.startswith("--direct_") for arg in beam_args)
    if small and beam_options.is_local(beam_args):
        beam_args = [*beam_args, "--direct_running_mode=in_memory", "--direct_num_workers=1"]
    return beam_options.with_defaults(beam_args, FeaturesArgs.command)


def _report(result: PipelineResult, output: str) -> None:
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(COUNTERS))["counters"]
    num = {counter.key.metric.name: counter.committed for counter in found}
    print(
        f"{num.get('num_videos', 0)} videos, {num.get('num_rows', 0)} rows, {num.get('num_rows_without_person', 0)} "
        f"without a person; {num.get('transform_ms', 0) / 1000:.1f} s computing features. Written to {output}"
    )
