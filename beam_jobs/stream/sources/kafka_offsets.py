"""Where Kafka's partitions are read on: a reader's checkpoint mark, which commits when its bundle is durable."""

import functools
import json
from collections.abc import Iterable

import confluent_kafka
from apache_beam import coders
from apache_beam.io.unbounded_source import CheckpointMark

from beam_jobs.stream.sources.kafka_client import consumer, retried


@functools.cache
def committer(servers: str, group: str, config_file: str | None) -> confluent_kafka.Consumer:
    """One connection a process for commits; marks outlive their readers."""
    return consumer(servers, group, config_file)


class OffsetsMark(CheckpointMark):
    """The next offset of each partition, and which of them this bundle has moved."""

    def __init__(
        self,
        servers: str,
        group: str,
        config_file: str | None,
        topic: str,
        next_offsets: dict[int, int],
        moved: Iterable[int],
    ) -> None:
        self.servers, self.group, self.config_file, self.topic = servers, group, config_file, topic
        self.next_offsets, self.moved = dict(next_offsets), sorted(moved)

    def finalize_checkpoint(self) -> None:
        """Commits the offsets; costs nothing where nothing was read."""
        if self.moved:
            offsets = [confluent_kafka.TopicPartition(self.topic, part, self.next_offsets[part]) for part in self.moved]
            commit = committer(self.servers, self.group, self.config_file).commit
            retried(functools.partial(commit, offsets=offsets, asynchronous=False))()


class MarkCoder(coders.Coder):
    """Equal marks have equal bytes (readers are kept under them), which pickle does not promise."""

    def encode(self, value: OffsetsMark) -> bytes:  # noqa: D102
        offsets = sorted(value.next_offsets.items())
        where = [value.servers, value.group, value.config_file, value.topic]
        return json.dumps([*where, offsets, value.moved]).encode()

    def decode(self, encoded: bytes) -> OffsetsMark:  # noqa: D102
        servers, group, config_file, topic, offsets, moved = json.loads(encoded)
        return OffsetsMark(servers, group, config_file, topic, dict(offsets), moved)

    def is_deterministic(self) -> bool:  # noqa: D102
        return True
