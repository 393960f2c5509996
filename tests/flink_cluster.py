"""A Flink cluster on this machine, without Docker: a JobManager and TaskManagers, from the jars that PyPI has.

`make flink` fetches them (313 MB); Java 11 or 17 is needed. To have a cluster until Ctrl-C:

    python tests/flink_cluster.py --folder flink --port 8081
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from engines import Engine, free_port, started, worker_pool

_RESULT = "BASH_JAVA_UTILS_EXEC_RESULT:"
# What Flink's own configuration opens of Java 17 to it and to Beam's serialisers.
_OPENED = ("lang", "lang.invoke", "lang.reflect", "math", "net", "io", "nio", "text", "time", "util", "util.concurrent")
_OPENS = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED]
_LOGGING = """rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
appender.out.type = CONSOLE
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %-5p %c{1} %m%n
"""


def flink_home() -> pathlib.Path:
    """The folder with Flink's `lib`; the test skips where there is none."""
    home = pathlib.Path(os.environ.get("FLINK_HOME") or pathlib.Path(sys.prefix) / "flink" / "pyflink")
    if shutil.which("java") is None or not list(home.glob("lib/flink-dist*.jar")):
        pytest.skip("Flink is not here: `make flink` fetches it (313 MB), and needs Java")
    return home


class FlinkCluster:
    """A running cluster.

    Attributes:
      url: of its REST service, for --flink_master.
      task_managers: their processes.
    """

    def __init__(self, home: pathlib.Path, folder: pathlib.Path, rest_port: int) -> None:
        self._home, self._folder = home, folder
        self._rpc_port, self._rest_port = free_port(), rest_port
        self.url = f"http://127.0.0.1:{rest_port}"
        self.task_managers: list[subprocess.Popen] = []

    def write_configuration(self, num_slots: int, memory_mb: int) -> None:
        """Writes conf/ below the folder; everything listens on loopback alone."""
        settings = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": self._rpc_port,
            "jobmanager.bind-host": "127.0.0.1",
            "jobmanager.memory.process.size": "1024m",
            "taskmanager.host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.numberOfTaskSlots": num_slots,
            "taskmanager.memory.process.size": f"{memory_mb}m",
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": self._rest_port,
            "io.tmp.dirs": self._folder / "tmp",
            "execution.checkpointing.dir": f"file://{self._folder}/checkpoints",
            "restart-strategy.type": "fixed-delay",
            "restart-strategy.fixed-delay.attempts": 10,
            "restart-strategy.fixed-delay.delay": "2s",
            # A TaskManager that is gone is noticed in this time.
            "heartbeat.interval": 1000,
            "heartbeat.timeout": 10000,
        }
        conf = self._folder / "conf"
        conf.mkdir(parents=True, exist_ok=True)
        (self._folder / "tmp").mkdir(exist_ok=True)
        (conf / "config.yaml").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
        (conf / "log4j.properties").write_text(_LOGGING)

    def _memory(self, command: str) -> tuple[list[str], list[str]]:
        """What Flink's start scripts, which PyPI does not have, ask for: the JVM's arguments, and the program's."""
        jars = [self._home / "bin" / "bash-java-utils.jar", *self._home.glob("lib/flink-dist*.jar")]
        classpath = os.pathsep.join(map(str, [*jars, *self._home.glob("lib/log4j-*.jar")]))
        tool = ["java", "-cp", classpath, "org.apache.flink.runtime.util.bash.BashJavaUtils", command]
        done = subprocess.run(
            [*tool, "--configDir", str(self._folder / "conf")],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        found = [line.removeprefix(_RESULT) for line in done.stdout.splitlines() if line.startswith(_RESULT)]
        return found[0].split(), found[1].split()

    def environment(self) -> dict[str, str]:
        """Where Flink finds its parts."""
        folders = {"CONF": self._folder / "conf"} | {
            name: self._home / name.lower() for name in ("LIB", "PLUGINS", "OPT", "BIN")
        }
        return dict(os.environ) | {f"FLINK_{name}_DIR": str(path) for name, path in folders.items()}

    @contextlib.contextmanager
    def process(self, name: str, main: str, command: str, port: int | None) -> Iterator[subprocess.Popen]:
        """Runs a part of the cluster; its log is NAME.log in the folder."""
        of_jvm, of_program = self._memory(command)
        logging = f"-Dlog4j.configurationFile={self._folder / 'conf' / 'log4j.properties'}"
        classpath = str(self._home / "lib" / "*")
        java = ["java", *_OPENS, *of_jvm, logging, "-cp", classpath, main]
        line = [*java, "--configDir", str(self._folder / "conf"), *of_program]
        with started(line, port, self._folder / f"{name}.log", **self.environment()) as process:
            yield process

    def get(self, path: str) -> dict:
        """An answer of the REST service."""
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=10) as answer:
            return json.load(answer)

    def num_task_managers(self) -> int:
        """How many the JobManager knows with their slots, which they report a moment later."""
        found = self.get("taskmanagers")["taskmanagers"]
        return sum(one["slotsNumber"] > 0 for one in found)

    def wait_for_task_managers(self, num: int, within_s: float = 90) -> None:
        """Waits until the JobManager knows so many.

        Raises:
          RuntimeError: if it does not in time.
        """
        give_up = time.monotonic() + within_s
        while self.num_task_managers() != num:
            if time.monotonic() > give_up:
                raise RuntimeError(f"{self.num_task_managers()} TaskManagers after {within_s} s; expected {num}")
            time.sleep(0.2)


@contextlib.contextmanager
def flink_cluster(
    folder: pathlib.Path, num_task_managers: int = 2, num_slots: int = 2, memory_mb: int = 1024, rest_port: int = 0
) -> Iterator[FlinkCluster]:
    """Runs a cluster until the block ends.

    Args:
      folder: for configuration, logs and checkpoints.
      num_task_managers: how many.
      num_slots: of each.
      memory_mb: that each TaskManager may take.
      rest_port: 0: a free one.
    """
    cluster = FlinkCluster(flink_home(), folder.resolve(), rest_port or free_port())
    cluster.write_configuration(num_slots, memory_mb)
    runtime = "org.apache.flink.runtime"
    job_manager = f"{runtime}.entrypoint.StandaloneSessionClusterEntrypoint"
    task_manager = f"{runtime}.taskexecutor.TaskManagerRunner"
    with contextlib.ExitStack() as stack:
        rest = int(cluster.url.rpartition(":")[2])
        stack.enter_context(cluster.process("job_manager", job_manager, "GET_JM_RESOURCE_PARAMS", rest))
        for number in range(num_task_managers):
            part = cluster.process(f"task_manager_{number}", task_manager, "GET_TM_RESOURCE_PARAMS", None)
            cluster.task_managers.append(stack.enter_context(part))
        cluster.wait_for_task_managers(num_task_managers)
        yield cluster


def job_server_jar() -> str:
    """Beam's job server for Flink; the test skips where FLINK_JOB_SERVER_JAR does not name it."""
    jar = os.environ.get("FLINK_JOB_SERVER_JAR")
    if not jar:
        pytest.skip("FLINK_JOB_SERVER_JAR names no jar (Maven: org.apache.beam:beam-runners-flink-2.2-job-server)")
    return jar


@contextlib.contextmanager
def flink(folder: pathlib.Path) -> Iterator[tuple[FlinkCluster, Engine]]:
    """A cluster of two TaskManagers, and what a command is given to run on it with external workers.

    Beam's job server for Flink is a jar of its own, see `job_server_jar`.
    """
    jar = job_server_jar()
    with flink_cluster(folder / "flink") as cluster:
        args = (
            "--runner=FlinkRunner",
            f"--flink_master={cluster.url}",
            "--flink_version=2.2",
            f"--flink_job_server_jar={jar}",
            "--parallelism=2",
            "--checkpointing_interval=5000",
        )
        with worker_pool(folder, *args) as engine:
            yield cluster, engine


def main() -> None:
    """Runs a cluster until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("flink"), help="for logs and checkpoints")
    parser.add_argument("--port", type=int, default=8081, help="of the REST service (default 8081)")
    parser.add_argument("--num_task_managers", type=int, default=2)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with flink_cluster(args.folder, args.num_task_managers, rest_port=args.port) as cluster:
        print(f"{cluster.url} has {args.num_task_managers} TaskManagers; Ctrl-C stops it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
