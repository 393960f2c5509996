"""The whole `stream` command on real engines, with a bucket and a queue on loopback: files while the source runs."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import confluent_kafka
import confluent_kafka.admin
import engines
import fsspec
import pyarrow.compute as pc
import pytest
from cloud import Topic, announcing_store, pubsub_emulator
from commands import REPOSITORY, run_command
from flink_cluster import flink
from kafka_server import kafka_server

from beam_jobs import storage, tables

pytestmark = pytest.mark.slow
BUNDLE = REPOSITORY / "live" / "default_bundle"
TABLES = (tables.LANDMARKS, tables.QUALITY, tables.FINAL_FEATURES, tables.PREDICTIONS)


@pytest.fixture
def queue(tmp_path):
    """A topic to which a bucket, gs://clips, announces its objects; for this process and all it starts."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        address = stack.enter_context(pubsub_emulator())
        patch.setenv("PUBSUB_EMULATOR_HOST", address)
        topic = Topic()
        store = stack.enter_context(announcing_store(address, topic.short_name))
        patch.setenv("STORAGE_EMULATOR_HOST", store)
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        fsspec.filesystem("gs", skip_instance_cache=True).mkdir("clips")
        yield topic


def upload(videos):
    fs = fsspec.filesystem("gs", skip_instance_cache=True)
    for video in videos:
        fs.put_file(str(video), f"clips/videos/{video.name}")


def forward(queue, servers, kafka_topic):
    """What a bridge from Pub/Sub to Kafka does: the same bodies, without attributes."""
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "log_level": 0})
    for message in queue.pull(1):
        producer.produce(kafka_topic, message.data)
    assert producer.flush(30) == 0


def flags(output, source, *more):
    what = ("--videos", "gs://clips/videos", "--bundle", BUNDLE, "--window_s", "5")
    return ("beam_jobs", "stream", "--source", source, *what, "--output", output, *more)


def pull(queue):
    return ("pubsub_pull", "--subscription", queue.subscription)


class Stream:
    """The command, while it runs; `source` is the source's name and flags."""

    def __init__(self, source, output, engine, log):
        self._log = log
        with open(log, "w") as file:
            args = flags(output, *source, "--shared_disk", *engine.beam_args)
            command = [sys.executable, "-m", *map(str, args)]
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=file, stderr=file)

    def wait_for(self, condition, seconds=120.0):
        """Waits until something holds, while the command still runs."""
        give_up = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < give_up, self.said()
            time.sleep(0.1)

    def said(self):
        return pathlib.Path(self._log).read_text()


def video_ids(output, table):
    return sorted(set(storage.read_table(str(output), table, ["video_id"])["video_id"].to_pylist()))


def written(output, table):
    return video_ids(output, table) if storage.table_files(str(output), table) else []


def rows(output, table):
    """A table in the order of its keys."""
    found = storage.read_table(str(output), table)
    keys = [name for name in ("video_id", "person_id", "frame_id", "timestamp_ms") if name in found.column_names]
    return found.sort_by([(name, "ascending") for name in keys])


def stop(stream):
    stream.process.send_signal(signal.SIGTERM)
    assert stream.process.wait(60) == 0, stream.said()


def assert_same_as_files(output, tmp_path):
    """The rows are those that a batch of the same files writes."""
    expected = tmp_path / "expected"
    assert run_command(*flags(expected, "files")).returncode == 0
    for table in TABLES:
        assert rows(output, table).equals(rows(expected, table)), table.name


def test_files_appear_while_the_source_runs_and_a_killed_worker_s_videos_are_found_again(
    queue, athlete_videos, tmp_path
):
    videos = sorted(athlete_videos.glob("*/*.mp4"))
    first, second = videos[:3], videos[3:]
    output = tmp_path / "output"
    with engines.prism(tmp_path) as engine:
        stream = Stream(pull(queue), output, engine, tmp_path / "log")
        upload(first)
        queue.publish(b"no notification")
        stream.wait_for(lambda: len(written(output, tables.FINAL_FEATURES)) == len(first))
        stream.wait_for(lambda: written(output, tables.DEAD_LETTERS))

        upload(second)
        done = len(first)
        stream.wait_for(lambda: len(storage.list_files(str(output / "landmarks"))) > done)
        os.kill(engine.workers()[0], signal.SIGKILL)
        # Prism starts no other worker, and keeps nothing that is under way: the job fails.
        assert stream.process.wait(60) == 1
        assert "lost a worker" in stream.said().splitlines()[-1]

        stream = Stream(pull(queue), output, engine, tmp_path / "log_2")
        stream.wait_for(lambda: engine.workers())
        stop(stream)
    assert run_command(*flags(output, "files")).returncode == 0
    assert_same_as_files(output, tmp_path)
    letters = storage.read_table(str(output), tables.DEAD_LETTERS)
    assert pc.all(pc.equal(letters["reason"], "not_a_notification")).as_py()


def test_notifications_from_kafka(queue, athlete_videos, tmp_path):
    output = tmp_path / "output"
    videos = sorted(athlete_videos.glob("*/*.mp4"))[:1]
    with kafka_server(tmp_path) as servers, engines.prism(tmp_path) as engine:
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": servers, "log_level": 0})
        admin.create_topics([confluent_kafka.admin.NewTopic("videos", 2, 1)])["videos"].result(30)
        stream = Stream(
            ("kafka", "--kafka_servers", servers, "--kafka_topic", "videos"), output, engine, tmp_path / "log"
        )
        upload(videos)
        forward(queue, servers, "videos")
        stream.wait_for(lambda: written(output, tables.FINAL_FEATURES))
        stop(stream)
    assert_same_as_files(output, tmp_path)


def test_a_killed_task_manager_of_flink_loses_nothing(queue, athlete_videos, tmp_path):
    videos = sorted(athlete_videos.glob("*/*.mp4"))
    output = tmp_path / "output"
    with flink(tmp_path) as (cluster, engine):
        stream = Stream(pull(queue), output, engine, tmp_path / "log")
        upload(videos[:3])
        stream.wait_for(lambda: storage.list_files(str(output / "landmarks")), seconds=300)
        os.kill(cluster.task_managers[0].pid, signal.SIGKILL)
        upload(videos[3:])
        stream.wait_for(lambda: len(written(output, tables.FINAL_FEATURES)) == len(videos), seconds=300)
        stop(stream)
    assert_same_as_files(output, tmp_path)
