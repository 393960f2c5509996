"""The flags of `python -m beam_jobs stream`, and which of them go together."""

import argparse
import dataclasses
import re
from typing import ClassVar

from beam_jobs import storage, windows
from beam_jobs.errors import UsageError, UserError
from beam_jobs.flags import DEFAULT_DECODE_TIMEOUT_S, add_reading, add_shared_disk, positive_int, whole_number

SOURCES = ("pubsub", "pubsub_pull", "kafka", "files")
# In the output folder of `stream`, whose tables have many files for the same kind of row.
STREAM_FILE = "stream.json"
_SUBSCRIPTION = re.compile(r"projects/[^/]+/subscriptions/[^/]+")
_TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")


@dataclasses.dataclass(frozen=True)
class StreamArgs:
    """The flags of `stream`; None: not given, or not wanted."""

    command: ClassVar = "stream"
    output: str
    videos: str | None = None
    source: str = "pubsub"
    subscription: str | None = None
    landmarks_subscription: str | None = None
    kafka_servers: str | None = None
    kafka_topic: str | None = None
    kafka_group: str = "exercise-recognition"
    kafka_config: str | None = None
    stop_when_idle_s: int | None = None
    bundle: str | None = None
    transform_fn: str | None = None
    predictions_topic: str | None = None
    segments_topic: str | None = None
    dead_letters_topic: str | None = None
    window_s: int = 300
    allowed_lateness_s: int = 86_400
    early_s: int = 0
    num_shards: int = 1
    remember_s: int = 7 * 86_400
    session_gap_s: int = 120
    frame_rate_hz: float = windows.DEFAULT_FRAME_RATE_HZ
    pose_model: str | None = None
    decode_timeout_s: float = DEFAULT_DECODE_TIMEOUT_S
    shared_disk: bool = False

    @property
    def is_unbounded(self) -> bool:
        """Whether the source never ends."""
        return self.source != "files"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds the flags to a parser."""
    where = parser.add_argument_group("from where")
    where.add_argument(
        "--videos",
        help="the folder, gs://BUCKET/FOLDER, whose new objects are videos; with --source files also a local folder",
    )
    where.add_argument(
        "--source",
        choices=SOURCES,
        default="pubsub",
        help="notifications from Pub/Sub on Dataflow or the local DirectRunner (pubsub, the default), from Pub/Sub on "
        "other runners (pubsub_pull), from Kafka; or the files that are there, once (files)",
    )
    where.add_argument("--subscription", help="projects/PROJECT/subscriptions/NAME, for pubsub and pubsub_pull")
    where.add_argument(
        "--landmarks_subscription",
        help="projects/PROJECT/subscriptions/NAME of what python -m live --publish sends, beside --videos or alone",
    )
    where.add_argument(
        "--session_gap_s",
        type=positive_int,
        default=StreamArgs.session_gap_s,
        help="a live session without landmarks for so long is over (default 120)",
    )
    where.add_argument("--kafka_servers", help="HOST:PORT, several with commas between")
    where.add_argument("--kafka_topic", help="the topic of notifications")
    where.add_argument(
        "--kafka_group", default=StreamArgs.kafka_group, help="keeps the offsets (default exercise-recognition)"
    )
    where.add_argument(
        "--kafka_config",
        help="a file of librdkafka's properties, NAME=VALUE in each line, for accounts and encryption; local or gs://",
    )
    where.add_argument(
        "--stop_when_idle_s",
        type=positive_int,
        help="end each reader of pubsub_pull or kafka that has had nothing new for so long, and with the last one the "
        "job; messages that come later wait for the next job (default: it never ends)",
    )
    where.add_argument(
        "--remember_s",
        type=whole_number,
        default=StreamArgs.remember_s,
        help="how long a notification is known, to drop it when it comes again (default 7 days)",
    )
    what = parser.add_argument_group("what is computed")
    what.add_argument("--bundle", help="predicts exercises by this bundle, and makes features by its transform graph")
    what.add_argument("--transform_fn", help="makes features by this transform graph (default: the bundle's)")
    add_reading(what)
    _add_destinations(parser.add_argument_group("where to"))
    add_shared_disk(parser)


def _add_destinations(group) -> None:
    group.add_argument("--output", required=True, help="the folder to write tables to, local or gs://")
    group.add_argument(
        "--predictions_topic", help="projects/PROJECT/topics/TOPIC: one message for each video, with its exercise"
    )
    group.add_argument(
        "--segments_topic",
        help="projects/PROJECT/topics/TOPIC: one message for each exercise of a live session, when the session is over",
    )
    group.add_argument(
        "--dead_letters_topic", help="projects/PROJECT/topics/TOPIC: one message for each failure, beside the table"
    )
    group.add_argument(
        "--window_s",
        type=positive_int,
        default=StreamArgs.window_s,
        help="seconds of uploads that share a file (default 300)",
    )
    group.add_argument(
        "--allowed_lateness_s",
        type=whole_number,
        default=StreamArgs.allowed_lateness_s,
        help="how long after its window's end a notification may still come; later ones become dead letters (default "
        "a day)",
    )
    group.add_argument(
        "--early_s",
        type=whole_number,
        default=StreamArgs.early_s,
        help="also write what has come so many seconds after a window's first video (default 0: only at its end)",
    )
    group.add_argument(
        "--num_shards",
        type=positive_int,
        default=StreamArgs.num_shards,
        help="files for each window, written at the same time (default 1)",
    )


def check(args: StreamArgs) -> None:
    """Refuses flags that do not go together.

    Raises:
      UsageError: with what is missing or too much.
    """
    if args.bundle is None and args.transform_fn is None:
        raise UsageError("neither --bundle nor --transform_fn is given; expected at least one. See --help.")
    _check_source(args)
    for name, pattern, shown in (
        ("subscription", _SUBSCRIPTION, "projects/PROJECT/subscriptions/NAME"),
        ("landmarks_subscription", _SUBSCRIPTION, "projects/PROJECT/subscriptions/NAME"),
        ("segments_topic", _TOPIC, "projects/PROJECT/topics/TOPIC"),
        ("predictions_topic", _TOPIC, "projects/PROJECT/topics/TOPIC"),
        ("dead_letters_topic", _TOPIC, "projects/PROJECT/topics/TOPIC"),
    ):
        value = getattr(args, name)
        if value is not None and not pattern.fullmatch(value):
            raise UsageError(f"--{name} is {value}; expected {shown}.")
    for name in ("predictions_topic", "landmarks_subscription"):
        if getattr(args, name) is not None and args.bundle is None:
            raise UsageError(f"--{name} needs --bundle: without one nothing is predicted.")
    if args.segments_topic is not None and args.landmarks_subscription is None:
        raise UsageError("--segments_topic needs --landmarks_subscription: segments are of live sessions.")


def _check_source(args: StreamArgs) -> None:
    needed = {"pubsub": ("subscription",), "pubsub_pull": ("subscription",), "kafka": ("kafka_servers", "kafka_topic")}
    of_source = needed.get(args.source, ())
    of_pubsub = args.source in ("pubsub", "pubsub_pull")
    if args.landmarks_subscription is not None and not of_pubsub:
        raise UsageError(f"--landmarks_subscription has no meaning with --source {args.source}. Leave it out.")
    if args.kafka_config is not None and args.source != "kafka":
        raise UsageError(f"--kafka_config has no meaning with --source {args.source}. Leave it out.")
    if args.stop_when_idle_s is not None and args.source not in ("pubsub_pull", "kafka"):
        raise UsageError(
            f"--stop_when_idle_s has no meaning with --source {args.source}; expected pubsub_pull or kafka."
        )
    alone = args.landmarks_subscription is not None and args.videos is None
    for name in ("videos", *of_source):
        if getattr(args, name) is None and not alone:
            raise UsageError(f"--source {args.source} needs --{name}.")
    for name in ("subscription", "kafka_servers", "kafka_topic"):
        if (alone or name not in of_source) and getattr(args, name) is not None:
            without = " without --videos" if alone else ""
            raise UsageError(f"--{name} has no meaning with --source {args.source}{without}. Leave it out.")
    if args.videos is not None and args.is_unbounded and not storage.is_remote(args.videos):
        raise UsageError(
            f"--videos {args.videos} is no folder of a bucket; expected gs://BUCKET/FOLDER. Notifications are about a "
            "bucket's objects; --source files reads a local folder once."
        )


def check_not_streamed(output: str) -> None:
    """Refuses, for a batch job, an output folder that `stream` writes to: its files would be replaced.

    Raises:
      UserError: if it is one.
    """
    if storage.exists(storage.join(output, STREAM_FILE)):
        raise UserError(
            f"{output} holds tables that python -m beam_jobs stream writes ({STREAM_FILE} says so). Choose another "
            "--output."
        )
