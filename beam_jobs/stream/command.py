"""`python -m beam_jobs stream`: checks, builds, runs."""

import json
import shutil
import sys

import apache_beam as beam

from beam_jobs import beam_options, dataflow_options, predictions, runner, saved_model, storage, tables, transform_graph
from beam_jobs.errors import UsageError, UserError
from beam_jobs.extract.extract_video import COUNTERS as EXTRACT_COUNTERS
from beam_jobs.extract.extract_video import ExtractSettings
from beam_jobs.extract.pipeline import MatchVideos, stage_pose_model
from beam_jobs.extract.video_list import video_source
from beam_jobs.labels import Video
from beam_jobs.pose import estimator, model_file
from beam_jobs.stream.notifications import WatchedFolder
from beam_jobs.stream.pipeline import COUNTERS, DEAD_LETTERS, FindNewVideos, StreamSettings, build, keep_dead_letters
from beam_jobs.stream.sessions import build_sessions
from beam_jobs.stream.sources import files, pubsub
from beam_jobs.stream.sources.pubsub_pull import PubSubPullSource, PullMessages
from beam_jobs.stream.windowed_files import WindowSettings
from beam_jobs.stream_options import STREAM_FILE, StreamArgs

_MARKER = transform_graph.FINGERPRINT_FILE


def check_runner(args: StreamArgs, beam_args: list[str]) -> str:
    """The runner's name; refuses combinations that would silently do nothing.

    Raises:
      UsageError: with the reason.
    """
    name = beam_options.runner_of(beam_args, default="DirectRunner" if args.source == "pubsub" else None)
    if not args.is_unbounded:
        return name
    if args.source == "pubsub" and name not in pubsub.RUNNERS:
        raise UsageError(
            f"--source pubsub reads nothing on --runner={name}: Beam has it for {' and '.join(pubsub.RUNNERS)} alone. "
            "Use --source pubsub_pull."
        )
    if args.source != "pubsub" and beam_options.is_local(beam_args):
        raise UsageError(
            f"--source {args.source} on --runner={name} would write no file before the source ends, which is never. "
            "Use a runner that closes windows as time goes by, such as --runner=PrismRunner or FlinkRunner."
        )
    if name == "FlinkRunner" and not any(arg.startswith("--checkpointing_interval") for arg in beam_args):
        raise UsageError(
            "--runner=FlinkRunner acknowledges messages at its checkpoints, and makes none by default. Give "
            "--checkpointing_interval=10000 (milliseconds)."
        )
    return name


def run(args: StreamArgs, beam_args: list[str]) -> int:
    """Runs `python -m beam_jobs stream`; with --no_wait_until_finish it submits the job and ends.

    Raises:
      UsageError: if flags or runner do not go together, or workers cannot see a path.
      UserError: if the bundle or the transform graph does not fit, the output folder is of another job, or the job did
        not end well.
    """
    runner_name = check_runner(args, beam_args)
    read_by_workers = {"output": args.output, "videos": args.videos, "kafka_config": args.kafka_config}
    beam_options.check_shared(beam_args, read_by_workers, args.shared_disk)
    waits = beam_options.waits(beam_args)
    completed_args = _with_defaults(args, beam_args, runner_name)
    settings = _settings(args, beam_options.is_local(beam_args))
    pipeline = _build(args, settings, completed_args)
    if not waits:
        print(f"Submitted {runner.job_name(runner.submit(pipeline))}. It writes to {args.output}")
        return 0
    if args.is_unbounded:
        result = runner.run_until_stopped(pipeline, cancel=runner_name != dataflow_options.RUNNER)
    else:
        result = runner.run(pipeline)
    if runner_name == "DirectRunner":  # whose counters count bundles where they should count what is in them
        print(f"Stopped. Written to {args.output}")
    else:
        _report(result, args.output)
    return 0


def _build(args: StreamArgs, settings: StreamSettings, beam_args: list[str]) -> beam.Pipeline:
    pipeline = runner.new_pipeline(beam_args, args.command)
    if args.is_unbounded:
        _build_unbounded(pipeline, args, settings)
    else:
        videos = pipeline | "MatchVideos" >> MatchVideos(video_source(str(args.videos)))
        build(videos | "StampVideos" >> beam.ParDo(files.StampVideo()).with_output_types(Video), settings)
    return pipeline


def _build_unbounded(pipeline: beam.Pipeline, args: StreamArgs, settings: StreamSettings) -> None:
    dead_letters: list[beam.PCollection] = []
    if args.landmarks_subscription is not None:
        messages = pipeline | "ReadLandmarks" >> _pubsub_source(args, args.landmarks_subscription)
        dead_letters.append(build_sessions(messages, settings, args.session_gap_s, args.segments_topic))
    if args.videos is None:
        keep_dead_letters(dead_letters, settings)
        return
    find = FindNewVideos(WatchedFolder(args.videos), settings.windows, settings.remember_s)
    found = pipeline | "ReadNotifications" >> _source(args) | "FindNewVideos" >> find
    build(found["main"], settings, (*dead_letters, *found[DEAD_LETTERS]))


def _source(args: StreamArgs) -> beam.PTransform:
    if args.source != "kafka":
        return _pubsub_source(args, str(args.subscription))
    try:
        from beam_jobs.stream.sources import kafka_client
        from beam_jobs.stream.sources.kafka import KafkaSource, ReadKafka
    except ImportError:
        raise UsageError(
            "--source kafka needs the package confluent-kafka; it is in this project's extra kafka, and every worker "
            "needs it, too."
        ) from None
    if args.kafka_config is not None:
        kafka_client.read_config(args.kafka_config)  # a line that is wrong is said before a job is made
    source = KafkaSource(
        *(str(args.kafka_servers), str(args.kafka_topic), args.kafka_group),
        config_file=args.kafka_config,
        stop_when_idle_s=args.stop_when_idle_s,
    )
    return ReadKafka(source)


def _pubsub_source(args: StreamArgs, subscription: str) -> beam.PTransform:
    if args.source == "pubsub":
        return pubsub.ReadPubSub(subscription)
    return PullMessages(PubSubPullSource(subscription, stop_when_idle_s=args.stop_when_idle_s))


def _settings(args: StreamArgs, local: bool) -> StreamSettings:
    """What the chain needs; stages what workers need in the output folder."""
    pose_model = model_file.locate(args.pose_model)
    fingerprint = estimator.fingerprint(pose_model, args.frame_rate_hz)
    graph = transform_graph.find(str(args.transform_fn or args.bundle), fingerprint)
    bundle, labels, sha256 = None, (), ""
    if args.bundle is not None:
        predictions.check_bundle(args.bundle, fingerprint)
        labels = tuple(json.loads(storage.read_text(storage.join(args.bundle, "bundle.json")))["labels"])
    _claim_output(args.output, {"transform_fn_sha256": saved_model.sha256(graph), "fingerprint": fingerprint})
    if args.bundle is not None:
        sha256 = saved_model.sha256(storage.join(args.bundle, predictions.GRAPH))
        bundle = _stage_bundle(args.bundle, args.output, sha256)
    staged = storage.join(args.output, transform_graph.FOLDER)
    if not storage.exists(storage.join(staged, _MARKER)):
        _stage_graph(graph, staged, fingerprint)
    extract = ExtractSettings(
        args.output,
        None,
        pose_model if local else stage_pose_model(pose_model, args.output),
        args.frame_rate_hz,
        args.decode_timeout_s,
        # Each video is read whole, by one worker: pieces would have to be joined before a window closes.
        cut_above_s=0.0,
    )
    return StreamSettings(
        extract,
        fingerprint,
        WindowSettings(args.window_s, args.allowed_lateness_s, args.early_s, args.num_shards),
        storage.join(staged, transform_graph.FOLDER),
        bundle,
        labels,
        sha256,
        args.remember_s,
        args.predictions_topic,
        args.dead_letters_topic,
    )


def _claim_output(output: str, made_by: dict) -> None:
    """Notes in the output folder what its rows are made by.

    Raises:
      UserError: if they are made by something else, or by a batch job.
    """
    file = storage.join(output, STREAM_FILE)
    if storage.exists(file):
        known = json.loads(storage.read_text(file))
        if known != made_by:
            raise UserError(
                f"{file} says that the tables there were made by {json.dumps(known)}; this job would add rows made by "
                f"{json.dumps(made_by)}. Choose another --output, or the transform graph and pose model of before."
            )
        return
    for table in (tables.QUALITY, tables.FINAL_FEATURES):
        there = storage.table_files(output, table)
        if there:
            raise UserError(
                f"{there[0]} was written by extract or features; expected an empty folder or one that stream has "
                "written to. Choose another --output."
            )
    storage.write_text(file, json.dumps(made_by, indent=2, sort_keys=True))


def _stage_bundle(bundle: str, output: str, sha256: str) -> str:
    """Copies of a bundle what predicts to where workers can read it; its name changes with its content."""
    staged = storage.join(output, f".bundle-{sha256[:12]}")
    if not storage.exists(storage.join(staged, predictions.METADATA)):
        predictions.copy_bundle(bundle, staged)
    return staged


def _stage_graph(graph: str, staged: str, fingerprint: dict) -> None:
    """Copies the transform graph to where `features` leaves it: a trainer finds it beside the tables."""
    made_for = json.dumps(transform_graph.graph_requirements(fingerprint), indent=2)
    with storage.local_folder_copy(graph) as source, storage.atomic_folder(staged, _MARKER) as copy:
        shutil.copytree(source, f"{copy}/{transform_graph.FOLDER}")
        with open(f"{copy}/{_MARKER}", "w", encoding="utf-8") as file:
            file.write(made_for)


def _with_defaults(args: StreamArgs, beam_args: list[str], runner_name: str) -> list[str]:
    added = list(beam_args)
    if not any(arg.startswith("--runner") for arg in beam_args) and args.is_unbounded:
        added.append(f"--runner={runner_name}")
    if args.is_unbounded and "--streaming" not in beam_args:
        added.append("--streaming")
    if args.is_unbounded and beam_options.is_local(added):
        return added
    return beam_options.with_defaults(added, args.command)


def _report(result, output: str) -> None:
    found = result.metrics().query(beam.metrics.MetricsFilter())["counters"]
    num = {counter.key.metric.name: counter.committed or counter.attempted for counter in found}
    done, skipped, failed = (num.get(f"videos_{what}", 0) for what in ("done", "skipped", "failed"))
    known = {name: num[name] for name in (*COUNTERS, *EXTRACT_COUNTERS) if num.get(name)}
    print(f"{done} videos done, {skipped} skipped (done before), {failed} failed. Written to {output}")
    print(", ".join(f"{name} {value}" for name, value in known.items()), file=sys.stderr)
