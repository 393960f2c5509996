"""The Kafka source against a real Kafka server: on its own, and on engines."""

import datetime
import os
import pickle
import sys
import time
import uuid

import apache_beam as beam
import confluent_kafka
import confluent_kafka.admin
import engines
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.timestamp import MAX_TIMESTAMP
from kafka_server import kafka_server, new_kafka

from beam_jobs.errors import UserError
from beam_jobs.stream.messages import Message
from beam_jobs.stream.sources import kafka_client, kafka_offsets
from beam_jobs.stream.sources.kafka import KafkaSource, ReadKafka

pytestmark = pytest.mark.slow
NOON_S = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC).timestamp()
NUM_PARTITIONS = 3


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with kafka_server(tmp_path_factory.mktemp("kafka")) as address:
        yield address
    kafka_offsets.committer.cache_clear()


class Topic:
    """A new topic of three partitions."""

    def __init__(self, servers, config=None):
        self.servers, self.name = servers, f"topic-{uuid.uuid4().hex[:12]}"
        self._client = {"bootstrap.servers": servers, **(config or {})}
        new = confluent_kafka.admin.NewTopic(self.name, num_partitions=NUM_PARTITIONS, replication_factor=1)
        admin = confluent_kafka.admin.AdminClient(self._client)
        admin.create_topics([new])[self.name].result(30)
        self._producer = confluent_kafka.Producer(self._client)

    def publish(self, numbers, partition=None):
        """Numbers as bodies, at so many seconds after noon, in turn to the partitions or all to one."""
        for number in numbers:
            self._producer.produce(
                self.name,
                str(number).encode(),
                partition=number % NUM_PARTITIONS if partition is None else partition,
                timestamp=round((NOON_S + number) * 1000),
            )
        assert self._producer.flush(30) == 0

    def source(self, **settings):
        return KafkaSource(self.servers, self.name, "group", **settings)

    def committed(self):
        """The group's next offset in each partition; 0 where none was committed."""
        consumer = confluent_kafka.Consumer({**self._client, "group.id": "group"})
        asked = [confluent_kafka.TopicPartition(self.name, part) for part in range(NUM_PARTITIONS)]
        found = [max(one.offset, 0) for one in consumer.committed(asked, timeout=20)]
        consumer.close()
        return found


@pytest.fixture
def topic(servers):
    return Topic(servers)


def read(reader, num, seconds=20.0):
    """So many messages, as (body, seconds after noon)."""
    found, give_up = [], time.monotonic() + seconds
    has_data = reader.advance() if reader._partitions else reader.start()
    while True:
        if has_data:
            found.append((int(reader.get_current().data), float(reader.get_current_timestamp()) - NOON_S))
        if len(found) == num or time.monotonic() > give_up:
            return sorted(found)
        has_data = reader.advance()


def test_a_message_with_headers(topic):
    topic._producer.produce(topic.name, b"body", headers={"eventTime": "2026-11-27T12:00:05Z", "kind": b"\xff"})
    topic._producer.flush(30)
    reader = topic.source().create_reader(None, None)
    assert read_one(reader).data == b"body"
    message = reader.get_current()
    assert message.attributes == {"eventTime": "2026-11-27T12:00:05Z", "kind": "\ufffd"}
    assert message.message_id.startswith(f"{topic.name}/")
    assert float(reader.get_current_timestamp()) == NOON_S + 5
    reader.close()


def read_one(reader):
    has_data = reader.start()
    while not has_data:
        has_data = reader.advance()
    return reader.get_current()


def test_a_mark_is_where_the_next_reader_begins_and_what_is_committed(topic):
    topic.publish(range(9))
    source = topic.source()
    coder = source.get_checkpoint_mark_coder()
    first = source.create_reader(None, None)
    begun = read(first, 4)
    mark = coder.decode(coder.encode(first.get_checkpoint_mark()))
    assert coder.encode(mark) == coder.encode(coder.decode(coder.encode(mark)))
    read(first, 2)  # by no mark: lost with this reader
    first.close()
    assert topic.committed() == [0, 0, 0]
    mark.finalize_checkpoint()
    assert sum(topic.committed()) == 4

    second = source.create_reader(None, mark)
    assert sorted(begun + read(second, 5)) == [(number, number) for number in range(9)]
    second.close()
    # A job that knows no mark goes on where the group is.
    third = source.create_reader(None, None)
    assert sorted(begun + read(third, 5)) == [(number, number) for number in range(9)]
    third.close()


def test_an_empty_mark_asks_nobody(topic, monkeypatch):
    reader = topic.source().create_reader(None, None)
    assert not reader.start()
    mark = reader.get_checkpoint_mark()
    monkeypatch.setattr(kafka_offsets, "committer", lambda *_: pytest.fail("a server was called"))
    mark.finalize_checkpoint()
    reader.close()


def test_partitions_are_shared_out(topic):
    assert [source.own(range(5)) for source in topic.source().split(20)] == [[0, 3], [1, 4], [2]]
    assert [source.own(range(5)) for source in topic.source().split(2)] == [[0, 2, 4], [1, 3]]


def test_partitions_that_are_added_are_found(topic):
    topic.publish(range(3))
    first, second = (source.create_reader(None, None) for source in topic.source(look_every_s=1).split(2))
    assert len(read(first, 2)) == 2 and len(read(second, 1)) == 1
    mark = second.get_checkpoint_mark()
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": topic.servers})
    admin.create_partitions([confluent_kafka.admin.NewPartitions(topic.name, 5)])[topic.name].result(30)
    topic._producer = confluent_kafka.Producer(topic._client)  # the former one knows of no new partition yet
    while len(topic._producer.list_topics(topic.name).topics[topic.name].partitions) < 5:
        time.sleep(0.1)
    topic.publish([103], partition=3)
    topic.publish([104], partition=4)
    assert read(first, 1, seconds=40) == [(104, 104)]
    assert read(second, 1, seconds=40) == [(103, 103)]
    for reader in (first, second):
        reader.close()
    # One that goes on from a mark of before they were added, too.
    later = topic.source(look_every_s=1, share=(1, 2)).create_reader(None, mark)
    assert read(later, 1) == [(103, 103)]
    later.close()


def test_the_watermark_waits_for_the_partition_that_is_behind_and_for_no_empty_one(topic):
    topic.publish([100, 200, 300], partition=0)
    topic.publish([50, 400], partition=1)
    reader = topic.source(settle_s=2).create_reader(None, None)
    assert len(read(reader, 5)) == 5
    assert float(reader.get_watermark()) <= NOON_S + 100
    give_up = time.monotonic() + 30
    while float(reader.get_watermark()) < time.time() - 5 and time.monotonic() < give_up:
        assert not reader.advance()
    assert float(reader.get_watermark()) >= time.time() - 5  # all is read: by the clock
    reader.close()


def test_a_server_that_is_started_again_is_read_on(tmp_path):
    server = new_kafka(tmp_path)
    with server.running():
        topic = Topic(server.address)
        topic.publish(range(3))
        reader = topic.source(settle_s=1).create_reader(None, None)
        begun = read(reader, 3)
    assert not reader.advance()
    watermark = reader.get_watermark()
    time.sleep(2)
    assert not reader.advance()
    assert reader.get_watermark() == watermark  # by the clock, windows would close before their messages come
    with server.running():
        topic.publish(range(3, 6))
        assert begun + read(reader, 3, seconds=60) == [(number, number) for number in range(6)]
    reader.close()


@pytest.fixture
def account(tmp_path):
    file = tmp_path / "client.properties"
    file.write_text(
        "# an account\nsecurity.protocol = SASL_PLAINTEXT\nsasl.mechanisms=PLAIN\n\nsasl.username=reader\n"
        "sasl.password=pass=word\n"
    )
    return file


def test_an_account_with_a_password(tmp_path, account, capfd):
    with new_kafka(tmp_path, accounts={"admin": "admin-secret", "reader": "pass=word"}).running() as servers:
        topic = Topic(servers, kafka_client.read_config(str(account)))
        topic.publish(range(3))
        source = topic.source(config_file=str(account))
        assert b"pass=word" not in pickle.dumps(source)
        reader = source.create_reader(None, None)
        assert len(read(reader, 3)) == 3
        mark = source.get_checkpoint_mark_coder().decode(
            source.get_checkpoint_mark_coder().encode(reader.get_checkpoint_mark())
        )
        mark.finalize_checkpoint()
        reader.close()
        assert sum(topic.committed()) == 3
        account.write_text(account.read_text().replace("pass=word", "wrong-password"))
        with pytest.raises(UserError, match=r"cannot be read.*with the account of") as raised:
            source.create_reader(None, None).start()
    kafka_offsets.committer.cache_clear()
    assert "password" not in str(raised.value)
    assert "pass=word" not in (said := "".join(capfd.readouterr())) and "wrong-password" not in said


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sasl.password", "line 1 has no ="),
        ("group.id=other", "has group.id, which stream sets"),
        ("sasl.passwort=secret", 'refuses .*"sasl.passwort"'),
        ("security.protocol=secret", r"refuses .*security\.protocol"),
    ],
)
def test_a_wrong_file_of_properties(tmp_path, line, expected):
    file = tmp_path / "client.properties"
    file.write_text(line)
    with pytest.raises(UserError, match=expected) as raised:
        kafka_client.consumer("127.0.0.1:1", "group", str(file))
    assert "secret" not in str(raised.value)


def test_no_topic_is_an_error_that_names_it(servers):
    with pytest.raises(UserError, match=r"nowhere.*exists"):
        KafkaSource(servers, "nowhere", "group").create_reader(None, None).start()


class Note(beam.DoFn):
    """Appends each message to a file, with its time."""

    def __init__(self, file):
        self._file = file

    def process(self, message: Message, timestamp=beam.DoFn.TimestampParam):
        with open(self._file, "a") as file:
            file.write(f"{message.data.decode()} {float(timestamp) - NOON_S:g}\n")


@pytest.mark.parametrize("name", ["FnApiRunner", "job_service", "prism"])
def test_every_message_once_at_its_time_and_all_committed(name, topic, tmp_path):
    topic.publish(range(40))
    file = tmp_path / "read"
    source = topic.source(stop_when_idle_s=3, max_per_bundle=10)
    if name == "FnApiRunner":
        run(source, file, ["--runner=FnApiRunner"])
    else:
        with engines.ENGINES[name](tmp_path, PYTHONPATH=os.pathsep.join(sys.path)) as engine:
            run(source, file, [*engine.beam_args, "--streaming"])
    lines = [line.split() for line in file.read_text().splitlines()]
    assert sorted((int(number), int(second)) for number, second in lines) == [(number, number) for number in range(40)]
    assert topic.committed() == [14, 13, 13]


def run(source, file, beam_args):
    pipeline = beam.Pipeline(options=PipelineOptions(beam_args))
    _ = pipeline | ReadKafka(source) | beam.Reshuffle() | beam.ParDo(Note(str(file)))
    assert pipeline.run().wait_until_finish() == "DONE"


def test_a_source_that_may_stop_does_so_when_nothing_comes(topic):
    reader = topic.source(stop_when_idle_s=1).create_reader(None, None)
    give_up = time.monotonic() + 30
    has_data = reader.start()
    while reader.get_watermark() < MAX_TIMESTAMP and time.monotonic() < give_up:
        assert not has_data
        has_data = reader.advance()
    assert reader.get_watermark() == MAX_TIMESTAMP
    reader.close()
