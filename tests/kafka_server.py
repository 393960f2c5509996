"""A real Kafka server of one node on loopback, for tests."""

import base64
import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from engines import free_port, started


def _classpath() -> str:
    jars = pathlib.Path(os.environ.get("KAFKA_JARS") or pathlib.Path(sys.prefix) / "kafka")
    if shutil.which("java") is None or not list(jars.glob("kafka_*.jar")):
        pytest.skip("Kafka's server is not here: `make kafka` fetches it, and needs Maven and Java")
    return f"{jars}/*"


@dataclasses.dataclass(frozen=True)
class Kafka:
    """A server that can be started again with the data that it has.

    Attributes:
      command: that runs it.
      port: where it listens.
      folder: of its data and log.
    """

    command: tuple[str, ...]
    port: int
    folder: pathlib.Path

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Runs it until the block ends; yields its address."""
        with started(self.command, self.port, self.folder / "kafka.log"):
            yield self.address


def _with_accounts(accounts: dict[str, str]) -> dict[str, str]:
    """Settings of a server that asks for a password; the first account is its own."""
    users = " ".join(f'user_{name}="{password}"' for name, password in accounts.items())
    name, password = next(iter(accounts.items()))
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    return {
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT",
        "inter.broker.listener.name": "SASL_PLAINTEXT",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config": f'{module} required username="{name}" '
        f'password="{password}" {users};',
    }


def new_kafka(folder: pathlib.Path, accounts: dict[str, str] | None = None) -> Kafka:
    """An empty server (KRaft, no ZooKeeper) with its data and log below `folder`; the test skips without its jars.

    Args:
      folder: where.
      accounts: passwords by name; None: everybody is let in.
    """
    classpath, port, controller_port = _classpath(), free_port(), free_port()
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"{'SASL_PLAINTEXT' if accounts else 'PLAINTEXT'}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": str(folder / "kafka"),
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        **(_with_accounts(accounts) if accounts else {}),
    }
    properties = folder / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    java = ["java", "-Xmx256m", "-cp", classpath]
    tool = [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
    subprocess.run(tool, check=True, capture_output=True)
    return Kafka((*java, "kafka.Kafka", str(properties)), port, folder)


@contextlib.contextmanager
def kafka_server(folder: pathlib.Path) -> Iterator[str]:
    """Runs a new server until the block ends; yields its address."""
    with new_kafka(folder).running() as address:
        yield address
