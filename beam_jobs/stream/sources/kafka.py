"""A Kafka topic, read by every runner that can read an unbounded source written in Python; needs no Java.

Readers assign partitions to themselves; no consumer group is joined. The offsets of a reader are in its checkpoint
mark, where the runner keeps them. They are also committed for the group when the bundle is durable
(`finalize_checkpoint`), so that a job that starts anew goes on there, and Kafka's own tools show how far it is behind.
"""

import dataclasses
import functools
import logging
import time
from collections.abc import Iterable
from typing import Any, cast

import apache_beam as beam
import confluent_kafka
from apache_beam import coders
from apache_beam.io.unbounded_source import CheckpointMark, ReadFromUnboundedSource, UnboundedReader, UnboundedSource
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp
from google.api_core.exceptions import RetryError

from beam_jobs.errors import UserError
from beam_jobs.stream.event_time import event_time_s
from beam_jobs.stream.messages import Message
from beam_jobs.stream.sources.arrival_watermark import ArrivalWatermark
from beam_jobs.stream.sources.kafka_client import consumer, retried
from beam_jobs.stream.sources.kafka_offsets import MarkCoder, OffsetsMark

# A reader without messages waits so long for one.
_WAIT_S = 1.0
# The longest wait for an answer to a question, such as where a partition ends.
_ANSWER_S = 10.0
# How long no broker may answer before the job fails.
_PATIENCE_S = 300.0
_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class KafkaSource(UnboundedSource):
    """A topic as an unbounded source; partitions that are added while a job runs are found.

    Attributes:
      servers: HOST:PORT, several with commas between.
      topic: its name.
      group: for which offsets are committed. A first job begins with the oldest message.
      timestamp_header: the header with the event time, in RFC 3339; where it is missing or no time, the record's own
        timestamp counts.
      settle_s: how late a message may come without being late data; the watermark is so far behind.
      max_per_bundle: how many messages a bundle has.
      stop_when_idle_s: ends the source when nothing has come for so long; None: it never ends.
      config_file: of the client's properties, see `kafka_client.read_config`. A job's description has its path alone.
      look_every_s: how often to look for partitions that were added.
      share: (i, n): this reader has every partition whose number leaves i when divided by n.
    """

    servers: str
    topic: str
    group: str
    timestamp_header: str = "eventTime"
    settle_s: float = 10.0
    max_per_bundle: int = 100
    stop_when_idle_s: float | None = None
    config_file: str | None = None
    look_every_s: float = 30.0
    share: tuple[int, int] = (0, 1)

    def all_partitions(self) -> list[int]:
        """The topic's partitions, of every reader.

        Raises:
          UserError: if no server answers, or the topic does not exist.
        """
        asking = consumer(self.servers, self.group, self.config_file)
        try:
            return self.partitions_seen_by(asking)
        except confluent_kafka.KafkaException as error:
            config = f" with the account of {self.config_file}" if self.config_file else ""
            raise UserError(
                f"Kafka's topic {self.topic} cannot be read at {self.servers} ({error.args[0].str()}); expected a "
                f"topic that exists, on servers that the workers reach{config}."
            ) from None
        finally:
            asking.close()

    def partitions_seen_by(self, asking: confluent_kafka.Consumer) -> list[int]:
        """The same by a connection that is open.

        Raises:
          confluent_kafka.KafkaException: if there is no answer.
        """
        found = asking.list_topics(self.topic, timeout=_ANSWER_S).topics[self.topic]
        if found.error is not None:
            raise confluent_kafka.KafkaException(found.error)
        return sorted(found.partitions)

    def own(self, partitions: Iterable[int]) -> list[int]:
        """Those of this reader."""
        index, num_sources = self.share
        return [part for part in partitions if part % num_sources == index]

    def split(self, desired_num_splits: int, options: Any = None) -> list["KafkaSource"]:
        """A source for each partition; where there are more than wanted, for several."""
        num_sources = min(len(self.all_partitions()), max(1, desired_num_splits))
        return [dataclasses.replace(self, share=(index, num_sources)) for index in range(num_sources)]

    def create_reader(self, options: Any, checkpoint_mark: CheckpointMark | None) -> "KafkaReader":  # noqa: D102
        offsets = checkpoint_mark.next_offsets if isinstance(checkpoint_mark, OffsetsMark) else None
        return KafkaReader(self, offsets)

    def get_checkpoint_mark_coder(self) -> coders.Coder:  # noqa: D102
        return MarkCoder()


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
        self._last_answer_s = self._looked_s = self._looked_for_partitions_s = time.monotonic()

    def start(self) -> bool:
        """Assigns the partitions."""
        source = self._source
        self._consumer = consumer(source.servers, source.group, source.config_file)
        own = source.own(source.all_partitions())
        offsets = self._offsets if self._offsets is not None else {}
        self._assign(offsets | self._committed([part for part in own if part not in offsets]))
        self._look_for_more()
        return self.advance()

    def _assign(self, offsets: dict[int, int]) -> None:
        """Reads further partitions beside those that are read, from these offsets on."""
        for part, offset in offsets.items():
            self._partitions[part] = _Partition(self._source.settle_s)
            self._partitions[part].next_offset = offset
        topic = self._source.topic
        self._consumer.assign(
            [confluent_kafka.TopicPartition(topic, part, one.next_offset) for part, one in self._partitions.items()]
        )

    def _committed(self, partitions: Iterable[int]) -> dict[int, int]:
        """The group's next offsets; of a partition without one the oldest."""
        source = self._source
        asked = [confluent_kafka.TopicPartition(source.topic, part) for part in partitions]
        found = retried(functools.partial(self._consumer.committed, asked, timeout=_ANSWER_S))() if asked else []
        for one in found:
            if one.error is not None:  # else it would be taken for a partition that nobody has read
                raise confluent_kafka.KafkaException(one.error)
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
            if self._looked_s - self._looked_for_partitions_s > self._source.look_every_s:
                self._look_for_partitions()
            for part, partition in self._partitions.items():
                partition.caught_up = partition.next_offset >= self._ends(part)[1]
        except (confluent_kafka.KafkaException, RetryError) as error:
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

    def _look_for_partitions(self) -> None:
        """Reads partitions that were added."""
        own = self._source.own(self._source.partitions_seen_by(self._consumer))
        added = [part for part in own if part not in self._partitions]
        if added:
            self._assign(self._committed(added))
        self._looked_for_partitions_s = time.monotonic()

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
        mark = OffsetsMark(source.servers, source.group, source.config_file, source.topic, offsets, self._moved)
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
