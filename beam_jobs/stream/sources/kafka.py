"""A Kafka topic, read by every runner that can read an unbounded source written in Python; needs no Java.

Readers assign partitions to themselves; no consumer group is joined. The offsets of a reader are in its checkpoint
mark, where the runner keeps them. They are also committed for the group when the bundle is durable
(`finalize_checkpoint`), so that a job that starts anew goes on there, and Kafka's own tools show how far it is behind.
"""

import dataclasses
import functools
import json
import logging
import time
from collections.abc import Iterable
from typing import Any, cast

import apache_beam as beam
import confluent_kafka
from apache_beam import coders
from apache_beam.io.unbounded_source import CheckpointMark, ReadFromUnboundedSource, UnboundedReader, UnboundedSource
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp
from google.api_core import retry

from beam_jobs.errors import UserError
from beam_jobs.stream.event_time import event_time_s
from beam_jobs.stream.messages import Message
from beam_jobs.stream.sources.arrival_watermark import ArrivalWatermark

# A reader without messages waits so long for one.
_WAIT_S = 1.0
# The longest wait for an answer to a question, such as where a partition ends.
_ANSWER_S = 10.0
# How long no broker may answer before the job fails.
_PATIENCE_S = 300.0
_LOG = logging.getLogger(__name__)

# A server that has just started knows no coordinator of the group yet.
_PASSING = (
    confluent_kafka.KafkaError.NOT_COORDINATOR,
    confluent_kafka.KafkaError.COORDINATOR_NOT_AVAILABLE,
    confluent_kafka.KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


def _passes(error: Exception) -> bool:
    """Whether to ask again."""
    if not isinstance(error, confluent_kafka.KafkaException):
        return False
    of_kafka = error.args[0]
    return of_kafka.retriable() or of_kafka.code() in _PASSING


_retried = retry.Retry(predicate=_passes, initial=0.5, maximum=5.0, timeout=60.0)


def _consumer(servers: str, group: str) -> confluent_kafka.Consumer:
    return confluent_kafka.Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 4096,
            "log_level": 3,
        }
    )


@functools.cache
def _committer(servers: str, group: str) -> confluent_kafka.Consumer:
    """One connection a process for commits; marks outlive their readers."""
    return _consumer(servers, group)


class OffsetsMark(CheckpointMark):
    """The next offset of each partition, and which of them this bundle has moved."""

    def __init__(self, servers: str, group: str, topic: str, next_offsets: dict[int, int], moved: Iterable[int]):
        self.servers, self.group, self.topic = servers, group, topic
        self.next_offsets, self.moved = dict(next_offsets), sorted(moved)

    def finalize_checkpoint(self) -> None:
        """Commits the offsets; costs nothing where nothing was read."""
        if self.moved:
            offsets = [confluent_kafka.TopicPartition(self.topic, part, self.next_offsets[part]) for part in self.moved]
            commit = _committer(self.servers, self.group).commit
            _retried(functools.partial(commit, offsets=offsets, asynchronous=False))()


class _MarkCoder(coders.Coder):
    # Equal marks must have equal bytes (readers are kept under them), which pickle does not promise.
    def encode(self, value: OffsetsMark) -> bytes:
        offsets = sorted(value.next_offsets.items())
        return json.dumps([value.servers, value.group, value.topic, offsets, value.moved]).encode()

    def decode(self, encoded: bytes) -> OffsetsMark:
        servers, group, topic, offsets, moved = json.loads(encoded)
        return OffsetsMark(servers, group, topic, dict(offsets), moved)

    def is_deterministic(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class KafkaSource(UnboundedSource):
    """A topic as an unbounded source; partitions that are added while a job runs are not seen.

    Attributes:
      servers: HOST:PORT, several with commas between.
      topic: its name.
      group: for which offsets are committed. A first job begins with the oldest message.
      timestamp_header: the header with the event time, in RFC 3339; where it is missing or no time, the record's own
        timestamp counts.
      settle_s: how late a message may come without being late data; the watermark is so far behind.
      max_per_bundle: how many messages a bundle has.
      stop_when_idle_s: ends the source when nothing has come for so long; None: it never ends.
      partitions: those of this reader; none: all.
    """

    servers: str
    topic: str
    group: str
    timestamp_header: str = "eventTime"
    settle_s: float = 10.0
    max_per_bundle: int = 100
    stop_when_idle_s: float | None = None
    partitions: tuple[int, ...] = ()

    def all_partitions(self) -> list[int]:
        """The topic's partitions.

        Raises:
          UserError: if no server answers, or the topic does not exist.
        """
        consumer = _consumer(self.servers, self.group)
        try:
            found = consumer.list_topics(self.topic, timeout=_ANSWER_S).topics[self.topic]
            if found.error is not None:
                raise confluent_kafka.KafkaException(found.error)
        except confluent_kafka.KafkaException as error:
            raise UserError(
                f"Kafka's topic {self.topic} cannot be read at {self.servers} ({error.args[0].str()}); expected a "
                "topic that exists, on servers that the workers reach."
            ) from None
        finally:
            consumer.close()
        return sorted(found.partitions)

    def split(self, desired_num_splits: int, options: Any = None) -> list["KafkaSource"]:
        """A source for each partition; where there are more than wanted, for several."""
        partitions = self.all_partitions()
        num_sources = min(len(partitions), max(1, desired_num_splits))
        return [dataclasses.replace(self, partitions=tuple(partitions[i::num_sources])) for i in range(num_sources)]

    def create_reader(self, options: Any, checkpoint_mark: CheckpointMark | None) -> "KafkaReader":  # noqa: D102
        offsets = checkpoint_mark.next_offsets if isinstance(checkpoint_mark, OffsetsMark) else None
        return KafkaReader(self, offsets)

    def get_checkpoint_mark_coder(self) -> coders.Coder:  # noqa: D102
        return _MarkCoder()


@dataclasses.dataclass(frozen=True)
class _Record:
    partition: int
    next_offset: int
    event_time_s: float
    message: Message


def _record(polled: confluent_kafka.Message, timestamp_header: str) -> _Record:
    """What was polled; of a header that is given twice, the last value."""
    partition, offset = int(polled.partition() or 0), int(polled.offset() or 0)
    headers = cast(list[tuple[str, bytes | str | None]], polled.headers() or [])
    attributes = {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value or "" for name, value in headers
    }
    time_s = event_time_s(attributes.get(timestamp_header), polled.timestamp()[1] / 1000)
    message = Message(_bytes(polled.value()), attributes, f"{polled.topic()}/{partition}/{offset}")
    return _Record(partition, offset + 1, time_s, message)


def _bytes(value: bytes | str | None) -> bytes:
    return value.encode() if isinstance(value, str) else value or b""


class _Partition:
    """Where a reader is in a partition."""

    def __init__(self, settle_s: float) -> None:
        self.next_offset = 0
        self.caught_up = False
        self.watermark = ArrivalWatermark(settle_s)


class KafkaReader(UnboundedReader):
    """Reads some partitions of a topic."""

    def __init__(self, source: KafkaSource, offsets: dict[int, int] | None) -> None:
        """Connects nowhere yet.

        Args:
          source: of which topic.
          offsets: the next one of each partition; None: those that were committed for the group, or the oldest.
        """
        self._source, self._offsets = source, offsets
        self._partitions: dict[int, _Partition] = {}
        self._moved: set[int] = set()
        self._current: _Record | None = None
        self._idle_since_s: float | None = None
        self._stopped = False
        self._last_answer_s = self._looked_s = time.monotonic()

    def start(self) -> bool:
        """Assigns the partitions."""
        source = self._source
        self._consumer = _consumer(source.servers, source.group)
        offsets = self._offsets if self._offsets is not None else self._committed()
        self._consumer.assign(
            [confluent_kafka.TopicPartition(source.topic, part, offset) for part, offset in offsets.items()]
        )
        for part, offset in offsets.items():
            self._partitions[part] = _Partition(source.settle_s)
            self._partitions[part].next_offset = offset
        self._look_for_more()
        return self.advance()

    def _committed(self) -> dict[int, int]:
        source = self._source
        partitions = source.partitions or source.all_partitions()
        asked = [confluent_kafka.TopicPartition(source.topic, part) for part in partitions]
        found = _retried(functools.partial(self._consumer.committed, asked, timeout=_ANSWER_S))()
        committed = {one.partition: one.offset for one in found}
        for part in [part for part, offset in committed.items() if offset < 0]:
            committed[part] = self._ends(part)[0]
        return committed

    def _ends(self, part: int) -> tuple[int, int]:
        """A partition's oldest offset, and the one that its next message will have."""
        partition = confluent_kafka.TopicPartition(self._source.topic, part)
        low, high = self._consumer.get_watermark_offsets(partition, timeout=_ANSWER_S)
        return low, high

    def advance(self) -> bool:
        """The next message; waits a moment for one."""
        if self._stopped:
            return False
        polled = self._consumer.poll(_WAIT_S)
        error = polled.error() if polled is not None else None
        if polled is None or error is not None:
            if error is not None:
                self._check(error)
            self._look_for_more()
            return False
        self._idle_since_s = None
        if time.monotonic() - self._looked_s > self._source.settle_s / 2:
            self._look_for_more()  # a partition without messages must not wait for one that is never without
        self._current = record = _record(polled, self._source.timestamp_header)
        partition = self._partitions[record.partition]
        partition.next_offset = record.next_offset
        partition.caught_up = False
        partition.watermark.add(record.event_time_s)
        self._moved.add(record.partition)
        return True

    def _check(self, error: confluent_kafka.KafkaError) -> None:
        if error.code() in (
            confluent_kafka.KafkaError.UNKNOWN_TOPIC_OR_PART,
            confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED,
        ):
            raise UserError(
                f"Kafka's topic {self._source.topic} cannot be read at {self._source.servers} ({error.str()}); "
                "expected a topic that exists and that the workers' account may read."
            )
        if error.fatal():
            raise confluent_kafka.KafkaException(error)
        _LOG.warning("Kafka at %s: %s; trying again", self._source.servers, error.str())

    def _look_for_more(self) -> None:
        """Asks which partitions have no message that was not read; their watermarks then follow the clock."""
        self._looked_s = time.monotonic()
        try:
            for part, partition in self._partitions.items():
                partition.caught_up = partition.next_offset >= self._ends(part)[1]
        except confluent_kafka.KafkaException as error:
            for partition in self._partitions.values():
                partition.caught_up = False  # perhaps much is there
            if time.monotonic() - self._last_answer_s > _PATIENCE_S:
                raise
            _LOG.warning("Kafka at %s: %s; trying again", self._source.servers, error)
            return
        self._last_answer_s = time.monotonic()
        if not all(partition.caught_up for partition in self._partitions.values()):
            self._idle_since_s = None
            return
        self._idle_since_s = self._idle_since_s or self._last_answer_s
        limit_s = self._source.stop_when_idle_s
        self._stopped = limit_s is not None and self._last_answer_s - self._idle_since_s >= limit_s

    def get_current(self) -> Message:  # noqa: D102
        assert self._current is not None
        return self._current.message

    def get_current_timestamp(self) -> Timestamp:  # noqa: D102
        assert self._current is not None
        return Timestamp.of(self._current.event_time_s)

    def get_watermark(self) -> Timestamp:
        """That of the partition that is furthest behind; the end of time when the source has stopped."""
        if self._stopped:
            return MAX_TIMESTAMP
        marks = [partition.watermark.advance(partition.caught_up) for partition in self._partitions.values()]
        watermark_s = min(marks, default=float("-inf"))
        return MIN_TIMESTAMP if watermark_s == float("-inf") else Timestamp.of(watermark_s)

    def get_checkpoint_mark(self) -> OffsetsMark:
        """Where each partition is read on."""
        source = self._source
        offsets = {part: partition.next_offset for part, partition in self._partitions.items()}
        mark = OffsetsMark(source.servers, source.group, source.topic, offsets, self._moved)
        self._moved.clear()
        return mark

    def close(self) -> None:
        """Disconnects; what no mark has is read again."""
        if hasattr(self, "_consumer"):
            self._consumer.close()


class ReadKafka(beam.PTransform):
    """A topic's messages, each at its event time."""

    def __init__(self, source: KafkaSource) -> None:
        super().__init__()
        self._source = source

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[Message]:  # noqa: D102
        return pipeline | "Read" >> ReadFromUnboundedSource(
            self._source, poll_interval=0.1, max_records_per_bundle=self._source.max_per_bundle
        ).with_output_types(Message)
