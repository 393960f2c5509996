"""`python -m beam_jobs segments`: checks, plans, runs the pipeline, reports."""

import tempfile

import apache_beam as beam

from beam_jobs import beam_options, predictions, runner, storage, tables
from beam_jobs.errors import UserError
from beam_jobs.features import publish
from beam_jobs.features import shards as features_shards
from beam_jobs.features.plan import Plan, PlanWriter
from beam_jobs.find_segments.pipeline import COUNTERS, build
from beam_jobs.stream_options import check_not_streamed
from beam_jobs.table_options import SegmentsArgs

# One file of the table for about so many rows of landmarks: two hours of video.
_ROWS_PER_SHARD = 100_000
# Fewer are done in this process before local worker processes have imported TensorFlow.
_ROWS_FOR_PROCESSES = 100_000


def run(args: SegmentsArgs, beam_args: list[str]) -> int:
    """Writes the table `segments`: what was done in each video, from when to when and how often.

    The table is published when it is whole: a former one stays until then. One job at a time may write to an output
    folder.

    Raises:
      UsageError: if a distributed runner's workers cannot see a folder.
      UserError: if there are no landmarks, they were made in different ways, the bundle does not fit them, or the job
        did not end well.
    """
    beam_options.check_shared(beam_args, {"input": args.input, "output": args.output}, args.shared_disk)
    check_not_streamed(args.output)
    publish.check_replaced(args.output, [tables.SEGMENTS.name])
    with tempfile.TemporaryDirectory() as folder:
        plan, fingerprint = _plan(args.input, storage.join(folder, "videos.parquet"))
        predictions.check_bundle(args.bundle, fingerprint)
        publish.clean(args.output)
        # A local job ends with its launcher; a distributed one may go on after Ctrl-C or when the network is gone.
        ended = beam_options.is_local(beam_args)
        try:
            pipeline = runner.new_pipeline(_with_defaults(beam_args, plan.num_rows), args.command)
            build(pipeline, plan, args.bundle, args.output, args.min_probability)
            if not beam_options.waits(beam_args):
                name = runner.job_name(runner.submit(pipeline))
                print(f"Submitted {name}, {plan.num_videos} videos. It writes to {args.output}")
                return 0
            result = runner.run(pipeline)
        except UserError:
            ended = True
            raise
        finally:
            if ended:
                publish.clean(args.output)
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(COUNTERS))["counters"]
    num = {counter.key.metric.name: counter.committed for counter in found}
    print(
        f"{num.get('num_segments', 0)} segments in {num.get('num_videos', 0)} videos. Written to "
        f"{storage.join(args.output, tables.SEGMENTS.name)}"
    )
    return 0


def _plan(folder: str, path: str) -> tuple[Plan, dict]:
    fingerprint: dict = {}
    with PlanWriter(path, _ROWS_PER_SHARD) as writer:
        for video, common in features_shards.with_common_fingerprint(features_shards.read_videos(folder)):
            writer.add(video)
            fingerprint = common
    return writer.plan(), fingerprint


def _with_defaults(beam_args: list[str], num_rows: int) -> list[str]:
    small = num_rows < _ROWS_FOR_PROCESSES and not any(arg.startswith("--direct_") for arg in beam_args)
    if small and beam_options.is_local(beam_args):
        beam_args = [*beam_args, "--direct_running_mode=in_memory", "--direct_num_workers=1"]
    return beam_options.with_defaults(beam_args, SegmentsArgs.command)
