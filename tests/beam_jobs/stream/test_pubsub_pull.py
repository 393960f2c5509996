"""The pull source against a Pub/Sub emulator: on its own, and on engines."""

import datetime
import os
import sys
import time

import apache_beam as beam
import engines
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP
from cloud import PROJECT, Topic, pubsub_emulator
from google.api_core import exceptions

from beam_jobs.errors import UserError
from beam_jobs.stream.messages import Message
from beam_jobs.stream.sources import pubsub_pull
from beam_jobs.stream.sources.pubsub_pull import PubSubPullSource, PullMessages

pytestmark = pytest.mark.slow
NOON_S = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC).timestamp()


@pytest.fixture(scope="module")
def emulator():
    with pubsub_emulator() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        pubsub_pull._client.cache_clear()
        yield address
        pubsub_pull._client.cache_clear()


@pytest.fixture
def topic(emulator):
    return Topic()


def event_time(second):
    return datetime.datetime.fromtimestamp(NOON_S + second, datetime.UTC).isoformat().replace("+00:00", "Z")


def publish(topic, numbers):
    for number in numbers:
        topic.publish(str(number).encode(), eventTime=event_time(number))


def left(topic):
    """What is delivered when the shortest deadline that there is, ten seconds, is over."""
    give_up, found = time.monotonic() + 12, []
    while time.monotonic() < give_up:
        try:
            answer = topic.subscriber.pull(subscription=topic.subscription, max_messages=100, timeout=2, retry=None)
            found += answer.received_messages
        except exceptions.DeadlineExceeded:
            pass
    return found


def read(reader, num, seconds=20.0):
    """So many messages, as (body, seconds after noon)."""
    found = []
    give_up = time.monotonic() + seconds
    has_data = reader.start()
    while time.monotonic() < give_up:
        if has_data:
            found.append((int(reader.get_current().data), float(reader.get_current_timestamp()) - NOON_S))
        if len(found) == num:
            break
        has_data = reader.advance()
    return sorted(found)


def test_messages_come_with_their_attributes_at_their_event_time(topic):
    topic.publish(b"body", eventTime=event_time(5), objectId="a.mp4")
    reader = PubSubPullSource(topic.subscription).create_reader(None, None)
    while not reader.advance():
        pass
    message = reader.get_current()
    assert (message.data, message.attributes["objectId"]) == (b"body", "a.mp4")
    assert message.message_id
    assert float(reader.get_current_timestamp()) == NOON_S + 5
    reader.close()


@pytest.mark.parametrize("attributes", [{}, {"eventTime": "yesterday"}])
def test_without_a_time_of_the_event_that_of_publication_counts(topic, attributes):
    before_s = time.time()
    topic.publish(b"0", **attributes)
    reader = PubSubPullSource(topic.subscription).create_reader(None, None)
    while not reader.advance():
        pass
    assert before_s - 1 <= float(reader.get_current_timestamp()) <= time.time() + 1
    reader.close()


def test_what_a_mark_has_is_acknowledged_and_the_rest_given_back_when_the_reader_closes(topic):
    publish(topic, range(5))
    source = PubSubPullSource(topic.subscription, ack_deadline_s=10)
    coder = source.get_checkpoint_mark_coder()
    reader = source.create_reader(None, None)
    first = read(reader, 2)
    mark = reader.get_checkpoint_mark()
    coder.decode(coder.encode(mark)).finalize_checkpoint()
    handed_on_without_a_mark = reader.advance()
    assert handed_on_without_a_mark
    reader.close()

    other = source.create_reader(None, None)
    rest = read(other, 3)
    assert sorted(first + rest) == [(number, number) for number in range(5)]
    other.get_checkpoint_mark().finalize_checkpoint()
    assert not left(topic)


def test_what_was_not_finalised_is_delivered_again_after_the_deadline(topic):
    publish(topic, range(3))
    source = PubSubPullSource(topic.subscription, ack_deadline_s=10)
    lost = source.create_reader(None, None)
    assert len(read(lost, 3)) == 3
    lost.get_checkpoint_mark()  # and its worker is gone
    assert [number for number, _ in read(source.create_reader(None, None), 3, seconds=40)] == [0, 1, 2]


def test_an_empty_mark_asks_nobody(topic, monkeypatch):
    reader = PubSubPullSource(topic.subscription).create_reader(None, None)
    assert not reader.start()
    mark = reader.get_checkpoint_mark()
    monkeypatch.setattr(pubsub_pull, "_client", lambda: pytest.fail("the service was called"))
    mark.finalize_checkpoint()
    reader.close()


def test_readers_side_by_side_have_marks_and_caches_of_their_own(topic):
    sources = PubSubPullSource(topic.subscription, max_held=10, num_readers=3).split(20)
    assert len(set(sources)) == 3
    publish(topic, range(30))
    numbers = set()
    for source in sources:
        reader = source.create_reader(None, None)
        numbers |= {number for number, _ in read(reader, 10)}
        reader.get_checkpoint_mark().finalize_checkpoint()
    assert numbers == set(range(30))


def test_a_source_that_may_stop_does_so_when_nothing_comes(topic):
    reader = PubSubPullSource(topic.subscription, stop_when_idle_s=1).create_reader(None, None)
    assert reader.get_watermark() < MAX_TIMESTAMP
    give_up = time.monotonic() + 30
    while reader.get_watermark() < MAX_TIMESTAMP and time.monotonic() < give_up:
        assert not reader.advance()
    assert reader.get_watermark() == MAX_TIMESTAMP


def test_no_subscription_is_an_error_that_names_it(emulator):
    reader = PubSubPullSource(f"projects/{PROJECT}/subscriptions/nowhere").create_reader(None, None)
    with pytest.raises(UserError, match=r"subscriptions/nowhere.*subscriber"):
        reader.start()


def test_a_service_out_of_reach_is_not_taken_for_an_empty_one(monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{engines.free_port()}")
    pubsub_pull._client.cache_clear()
    reader = PubSubPullSource("projects/p/subscriptions/s", stop_when_idle_s=0).create_reader(None, None)
    assert not reader.start()
    assert not reader.advance()
    assert reader.get_watermark() == MIN_TIMESTAMP  # by the clock, windows would close before their messages come
    monkeypatch.setattr(pubsub_pull, "_PATIENCE_S", 0)
    with pytest.raises(exceptions.ServiceUnavailable):
        reader.advance()
    pubsub_pull._client.cache_clear()


class Note(beam.DoFn):
    """Appends each message to a file, with its time."""

    def __init__(self, file):
        self._file = file

    def process(self, message: Message, timestamp=beam.DoFn.TimestampParam):
        with open(self._file, "a") as file:
            file.write(f"{message.data.decode()} {float(timestamp) - NOON_S:g}\n")


@pytest.mark.parametrize("name", ["FnApiRunner", "job_service", "prism"])
def test_every_message_once_at_its_time_and_nothing_left(name, topic, tmp_path):
    publish(topic, range(40))
    file = tmp_path / "read"
    source = PubSubPullSource(topic.subscription, ack_deadline_s=10, max_held=10, num_readers=2, stop_when_idle_s=3)
    if name == "FnApiRunner":
        run(source, file, ["--runner=FnApiRunner"])
    else:
        with engines.ENGINES[name](tmp_path, PYTHONPATH=os.pathsep.join(sys.path)) as engine:
            run(source, file, [*engine.beam_args, "--streaming"])
    lines = [line.split() for line in file.read_text().splitlines()]
    assert sorted((int(number), int(second)) for number, second in lines) == [(number, number) for number in range(40)]
    assert not left(topic)


def run(source, file, beam_args):
    pipeline = beam.Pipeline(options=PipelineOptions(beam_args))
    _ = pipeline | PullMessages(source) | beam.Reshuffle() | beam.ParDo(Note(str(file)))
    assert pipeline.run().wait_until_finish() == "DONE"
