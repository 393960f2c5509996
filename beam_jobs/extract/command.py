"""`python -m beam_jobs extract`: checks, runs the pipeline, reports."""

import collections
import contextlib
import dataclasses
import os
import sys

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.runners.runner import PipelineResult

from beam_jobs import beam_options, progress, runner, storage, tables, unfinished_files
from beam_jobs.errors import UsageError
from beam_jobs.extract import summaries
from beam_jobs.extract.compacted_videos import CompactedVideos
from beam_jobs.extract.extract_video import COUNTERS, ExtractSettings
from beam_jobs.extract.failed_share import NUM_SHOWN, check_failed_share
from beam_jobs.extract.label_lookup import LabelLookup, check_labels
from beam_jobs.extract.pieces import pieces_folder, remove_empty_folder
from beam_jobs.extract.pipeline import ExtractLandmarks, MatchVideos, stage_pose_model
from beam_jobs.extract.video_list import VideoSource, manifest_videos, video_source
from beam_jobs.labels import Video, csv_columns
from beam_jobs.options import ExtractArgs
from beam_jobs.pose import model_file
from beam_jobs.stream_options import check_not_streamed

# A longer video is cut into pieces, where --cut_above_s says nothing else.
CUT_ABOVE_S = 600.0


def match_videos(source: VideoSource) -> list[Video]:
    """The videos of a source, matched here and now as the job's workers match them."""
    if source.manifest is not None:
        return manifest_videos(source.manifest)
    if source.pattern is None:
        return list(source.listed)
    # In a store. Workers match again for themselves: a list of many thousands is too long for a job's description.
    found = (source.video(file.path) for file in FileSystems.match([source.pattern])[0].metadata_list)
    return [video for video in found if video is not None]


def run(args: ExtractArgs, beam_args: list[str]) -> int:
    """Runs `python -m beam_jobs extract`.

    With --no_wait_until_finish the job is submitted, and fails by itself if too many videos fail.

    Raises:
      UsageError: if there is no video, or a distributed runner's workers cannot see a path.
      UserError: if labels.csv is wrong, the job did not end well, or too many videos failed.
    """
    _cut_above_s(args)
    source = video_source(args.videos)
    labels_path = args.labels
    if labels_path is None and source.manifest is not None and "label" in csv_columns(source.manifest):
        labels_path = source.manifest
    paths = {"videos": args.videos, "labels": labels_path, "output": args.output}
    beam_options.check_shared(beam_args, paths, args.shared_disk)
    check_not_streamed(args.output)
    waits = beam_options.waits(beam_args)
    beam_args = beam_options.with_defaults(beam_args, args.command)
    videos = match_videos(source)
    if not videos:
        raise UsageError(f"--videos {args.videos} matches no file; expected videos. Check the path or the pattern.")
    lookup = LabelLookup.read(labels_path, args.keep_labels)
    _report_other_files(source, labels_path)
    for warning in check_labels(videos, lookup):
        print(f"warning: {warning}", file=sys.stderr)
    if args.dry_run:
        return _dry_run(args, videos, lookup)

    settings = ExtractSettings(
        args.output,
        labels_path,
        model_file.locate(args.pose_model),
        args.frame_rate_hz,
        args.decode_timeout_s,
        cut_above_s=_cut_above_s(args),
        num_people=args.num_people,
        keep_labels=args.keep_labels,
    )
    written = (tables.LANDMARKS, tables.QUALITY, tables.DEAD_LETTERS)
    folders = (*(storage.join(args.output, table.name) for table in written), pieces_folder(args.output))
    unfinished_files.remove_stale(*folders)
    summaries.remove_abandoned(args.output)
    if beam_options.is_local(beam_args):
        with (
            unfinished_files.none_left(*folders),
            progress.show_progress(len(videos), "videos", "frames") as address,
        ):
            local = dataclasses.replace(settings, progress_address=address)
            result = runner.run(_build(local, source, len(videos), beam_args))
    else:
        staged = stage_pose_model(str(settings.pose_model_path), args.output)
        settings = dataclasses.replace(settings, pose_model_path=staged)
        if not waits:
            # The job judges by itself what no launcher will look at.
            settings = dataclasses.replace(settings, max_failed_share=args.max_failed_share)
            submitted = runner.submit(_build(settings, source, len(videos), beam_args))
            print(f"Submitted {runner.job_name(submitted)}, {len(videos)} videos. It writes to {args.output}")
            return 0
        result = runner.run(_build(settings, source, len(videos), beam_args))
    remove_empty_folder(args.output)
    counters = _counters(result)
    _report(counters, args.output)
    # Not by the counter: some runners keep only a part of it.
    num_failed, failed = summaries.failed_videos(args.output, {video.video_id for video in videos}, NUM_SHOWN)
    check_failed_share(len(videos), num_failed, failed, args.max_failed_share, args.output)
    return 0


def _cut_above_s(args: ExtractArgs) -> float:
    """How long a video is cut; people are followed from frame to frame, so with several of them none is.

    Raises:
      UsageError: if the flags want both.
    """
    if args.num_people > 1 and args.cut_above_s:
        raise UsageError(
            f"--cut_above_s {args.cut_above_s:g} with --num_people {args.num_people}: people cannot be followed across "
            "a cut. Leave --cut_above_s out; each video is then read by one worker."
        )
    if args.cut_above_s is None:
        return CUT_ABOVE_S if args.num_people == 1 else 0.0
    return args.cut_above_s


def _dry_run(args: ExtractArgs, videos: list[Video], lookup: LabelLookup) -> int:
    """Says what a run would do."""
    files = {file.rsplit("/", 1)[-1] for file in storage.table_files(args.output, tables.LANDMARKS)}
    with contextlib.closing(CompactedVideos(args.output)) as known:
        there = sum(
            os.path.basename(storage.landmarks_file("", video.video_id)) in files
            or known.row(video.video_id) is not None
            for video in videos
        )
    found = [lookup.find(video) for video in videos]
    by_label = collections.Counter(labels.label for labels in found if labels.label is not None)
    by_split = collections.Counter(labels.split for labels in found if labels.label is not None)
    print(f"{len(videos)} videos, for example {videos[0].uri}")
    print(f"{by_label.total()} with a label: " + (", ".join(f"{n} {label}" for label, n in sorted(by_label.items()))))
    print("of these: " + ", ".join(f"{by_split[split]} {split}" for split in tables.SPLITS))
    print(
        f"{there} have landmarks in {args.output}, which are kept if the video, the pose model and --frame_rate_hz are "
        f"the same; {len(videos) - there} are new. Nothing was written (--dry_run)."
    )
    return 0


def _report_other_files(source: VideoSource, labels_path: str | None) -> None:
    """Says which files of a folder are not tried as videos: a silent omission could be a mistake."""
    # The labels.csv that is read is not left out.
    labels_file = os.path.realpath(labels_path) if labels_path and not storage.is_remote(labels_path) else None
    names = [name for name in source.passed_over if os.path.realpath(source.base + name) != labels_file]
    if names:
        endings = collections.Counter(os.path.splitext(name)[1].lower() or name for name in names)
        shown = ", ".join(f"{number} {ending}" for ending, number in endings.most_common(6))
        more = ", …" if len(endings) > 6 else ""
        print(f"Files passed over, which are no videos by their names: {len(names)} ({shown}{more}).")


def _build(settings: ExtractSettings, source: VideoSource, num_videos: int, beam_args: list[str]) -> beam.Pipeline:
    pipeline = runner.new_pipeline(beam_args, ExtractArgs.command)
    extract = ExtractLandmarks(settings, summaries.num_shards(num_videos))
    _ = pipeline | "MatchVideos" >> MatchVideos(source) | "ExtractLandmarks" >> extract
    return pipeline


def _counters(result: PipelineResult) -> dict[str, int]:
    counters = result.metrics().query(beam.metrics.MetricsFilter().with_namespace("extract"))["counters"]
    return {counter.key.metric.name: counter.committed for counter in counters}


def _report(counters: dict[str, int], output: str) -> None:
    num = {name: counters.get(name, 0) for name in COUNTERS}
    done, skipped, failed = (num[f"videos_{what}"] for what in ("done", "skipped", "failed"))
    print(f"{done} videos done, {skipped} skipped (done before), {failed} failed. Written to {output}")
    decoding_s, estimating_s = num["decoding_ms"] / 1000, num["estimating_ms"] / 1000
    print(
        f"{num['frames_decoded']} frames decoded, {num['frames_sampled']} sampled, {num['frames_without_person']} "
        f"without a person; {decoding_s:.1f} s decoding, {estimating_s:.1f} s estimating"
    )
