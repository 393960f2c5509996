"""`python -m beam_jobs compact`: checks, plans, runs the pipeline, reports."""

import collections
import functools
import tempfile
import uuid
from collections.abc import Collection, Iterator

import apache_beam as beam

from beam_jobs import beam_options, compacted, runner, storage, tables, video_rows
from beam_jobs.compact.pipeline import COUNTERS, CompactLandmarks, CompactSettings, remove_former_files
from beam_jobs.errors import UserError
from beam_jobs.extract import summaries
from beam_jobs.extract.video_list import manifest_videos
from beam_jobs.features import shards as features_shards
from beam_jobs.features.plan import Plan, PlanWriter
from beam_jobs.options import CompactArgs
from beam_jobs.stream_options import check_not_streamed
from beam_jobs.updates import update_file


def run(args: CompactArgs, beam_args: list[str]) -> int:
    """Puts the landmarks of many videos into few files, and removes videos that are to go.

    No other job may write to the folder, or compute features from it, at the same time.

    Raises:
      UsageError: if a distributed runner's workers cannot see the folder.
      UserError: if there are no landmarks, they were made in different ways, a video to remove is not there, or the job
        did not end well.
    """
    beam_options.check_shared(beam_args, {"input": args.input}, args.shared_disk)
    check_not_streamed(args.input)
    local, waits = beam_options.is_local(beam_args), beam_options.waits(beam_args)
    completed_args = beam_options.with_defaults(beam_args, args.command)
    _check_tables(args.input)
    summaries.remove_abandoned(args.input)
    if args.remove is not None:
        _remove_videos(args.input, _videos_to_remove(args.remove))
        if not any(row["num_frames_sampled"] for row in _quality_rows(args.input)):
            remove_former_files(None, [], args.input)
            print(f"No video is left in {args.input}.")
            return 0
    with tempfile.TemporaryDirectory() as folder:
        plan, settings = _plan(args, storage.join(folder, "files.parquet"))
        if plan is None:
            print(f"The landmarks of {args.input} are compact: nothing to do.")
            return 0
        staging = summaries.new_staging(args.input)
        plan = plan.copied(storage.join(staging, "files.parquet"))
    # The workers of a distributed job go on without their launcher, and read the plan.
    ended = local
    try:
        pipeline = runner.new_pipeline(completed_args, args.command)
        _ = pipeline | "CompactLandmarks" >> CompactLandmarks(settings, plan)
        if not waits:
            print(f"Submitted {runner.job_name(runner.submit(pipeline))}, {plan.num_videos} videos, {args.input}")
            return 0
        result = runner.run(pipeline)
        ended = True
    except UserError:
        ended = True
        raise
    finally:
        if ended:
            storage.remove(staging)
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(COUNTERS))["counters"]
    num = {counter.key.metric.name: counter.committed for counter in found}
    print(
        f"{num.get('num_videos', 0)} videos, {num.get('num_rows', 0)} rows in {plan.num_shards} files; "
        f"{num.get('num_removed', 0)} files of one video removed. Written to {args.input}"
    )
    return 0


def _quality_rows(folder: str) -> Iterator[dict]:
    return video_rows.read_file(summaries.table_path(folder, tables.QUALITY), ["video_id", "num_frames_sampled"])


def _check_tables(folder: str) -> None:
    """Refuses a quality table that is not the one file of extract and import."""
    files = storage.table_files(folder, tables.QUALITY)
    own = summaries.table_path(folder, tables.QUALITY)
    if files and [storage.relative_path(folder, file) for file in files] != [storage.relative_path(folder, own)]:
        raise UserError(
            f"{folder}: the table quality has other files than quality.parquet, for example {files[0]}; expected the "
            "output of python -m beam_jobs extract or import."
        )


def _plan(args: CompactArgs, path: str) -> tuple[Plan | None, CompactSettings]:
    """Plans the files; None where there is nothing to do."""
    num_single, fingerprint = 0, {}
    files: collections.Counter[str] = collections.Counter()
    with PlanWriter(path, args.rows_per_file) as writer:
        for video, common in features_shards.with_common_fingerprint(features_shards.read_videos(args.input)):
            writer.add(video)
            fingerprint = common
            if compacted.is_compacted(video.path):
                files[video.path] += video.num_rows
            else:
                num_single += 1
    plan = writer.plan()
    landmarks = storage.join(args.input, tables.LANDMARKS.name)
    # Files that the quality table does not name: a job that was killed has left them.
    num_files = sum(1 for _ in storage.file_names(landmarks))
    has_leftovers = num_files != num_single + len(files) or any(
        # Rows of a video that was removed, by a job that was stopped then.
        _num_rows(file) != num
        for file, num in files.items()
    )
    done = not num_single and not has_leftovers and args.remove is None and len(files) == plan.num_shards
    settings = CompactSettings(args.input, uuid.uuid4().hex[:12], fingerprint, has_leftovers)
    return None if done else plan, settings


def _num_rows(path: str) -> int:
    with storage.open_parquet(path) as file:
        return file.metadata.num_rows


def _videos_to_remove(given: str) -> list[str]:
    """What --remove names: one video, or those of a CSV file."""
    if given.lower().endswith(".csv") and storage.exists(given):
        return sorted(video.video_id for video in manifest_videos(given))
    return [given]


def _remove_videos(folder: str, video_ids: Collection[str]) -> None:
    """Removes videos from the tables of `extract`: first their own files, then their rows of quality and dead_letters.

    In files of many videos their rows no longer count; the job that follows leaves them out.

    Raises:
      UserError: if one of them is in neither table; before anything is removed.
    """
    wanted = set(video_ids)
    unknown = set(wanted)
    for table in (tables.QUALITY, tables.DEAD_LETTERS):
        path = summaries.table_path(folder, table)
        for row in video_rows.read_file(path) if storage.exists(path) else ():
            if row["video_id"] in wanted:
                unknown.discard(row["video_id"])
    if unknown:
        raise UserError(
            f"--remove: {folder} has no video '{min(unknown)}'; expected a `video_id` of its table quality, or a CSV "
            "file that lists some in its column `video`."
        )
    for video_id in sorted(wanted):
        storage.remove(storage.landmarks_file(folder, video_id))

    for table in (tables.QUALITY, tables.DEAD_LETTERS):
        update_file(summaries.table_path(folder, table), functools.partial(_without, table, wanted))


def _without(table: tables.Table, video_ids: Collection[str], former: str | None, target: str) -> None:
    rows = video_rows.read_file(former) if former is not None else iter(())
    summaries.write_rows(target, table, (row for row in rows if row["video_id"] not in video_ids))
