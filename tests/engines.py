"""Beam's engines and their worker pools as processes of their own, on loopback."""

import contextlib
import dataclasses
import os
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest


def free_port() -> int:
    """A port that nothing listens on.

    Until a server listens on it, nothing else gets it by chance: it is none of those, from 32,768 on, that systems give
    to outgoing connections, and another process that runs tests hardly chooses the same of 20,000.
    """
    for port in random.SystemRandom().sample(range(12_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


def wait_for_port(port: int, process: subprocess.Popen, within_s: float = 60) -> None:
    """Waits until something listens on a port.

    Raises:
      RuntimeError: if the process ends, or does not listen in time.
    """
    give_up = time.monotonic() + within_s
    while process.poll() is None and time.monotonic() < give_up:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{process.args} does not listen on port {port}; exit code {process.poll()}")


@contextlib.contextmanager
def started(
    command: Sequence[str], port: int | None, log: pathlib.Path, **environment: str
) -> Iterator[subprocess.Popen]:
    """Runs a server until the block ends; its output goes to `log`. Waits for its port, if one is given."""
    with open(log, "ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environment)
    try:
        if port is not None:
            wait_for_port(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children(pid: int) -> list[int]:
    """The child processes of a process; none where it is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, pathlib.Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return found


@dataclasses.dataclass(frozen=True)
class Engine:
    """A running engine and its workers.

    Attributes:
      beam_args: what a command is given to run on it.
      pool: the process of the worker pool, whose children are the workers.
    """

    beam_args: tuple[str, ...]
    pool: subprocess.Popen

    def workers(self) -> list[int]:
        """The worker processes of the jobs that run, oldest first."""
        return sorted(children(self.pool.pid))


@contextlib.contextmanager
def worker_pool(folder: pathlib.Path, *beam_args: str, **environment: str) -> Iterator[Engine]:
    """A pool that starts a worker process whenever an engine asks for one.

    Args:
      folder: for its log.
      beam_args: of the engine.
      environment: of the workers, beside this process's.
    """
    port = free_port()
    command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
    # The pool starts `python` by that name.
    path = os.pathsep.join([str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", "")])
    with started(command, port, folder / "workers.log", **environment, PATH=path) as pool:
        workers = ("--environment_type=EXTERNAL", f"--environment_config=127.0.0.1:{port}")
        yield Engine((*beam_args, *workers), pool)


def _portable(job_port: int) -> tuple[str, str]:
    return "--runner=PortableRunner", f"--job_endpoint=127.0.0.1:{job_port}"


@contextlib.contextmanager
def job_service(folder: pathlib.Path, **environment: str) -> Iterator[Engine]:
    """Beam's own job service (the FnApiRunner behind the portable protocol) with two external workers a job.

    Args:
      folder: for logs.
      environment: of the workers, beside this process's.
    """
    port = free_port()
    command = [sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main", f"--port={port}"]
    with (
        started(command, port, folder / "job_service.log"),
        worker_pool(folder, *_portable(port), "--direct_num_workers=2", **environment) as engine,
    ):
        yield engine


def prism_binary() -> str:
    """Where Prism is; the test skips where it was not built."""
    found = os.environ.get("PRISM") or shutil.which("prism", path=str(pathlib.Path(sys.executable).parent))
    if found is None:
        pytest.skip("Prism is not here: `make prism` builds it, and needs Go")
    return found


@contextlib.contextmanager
def prism(folder: pathlib.Path, **environment: str) -> Iterator[Engine]:
    """Prism, the portable engine of Beam's Go SDK, with an external worker pool: one worker process a job.

    Args:
      folder: for logs.
      environment: of the workers, beside this process's.
    """
    port = free_port()
    command = [prism_binary(), f"--job_port={port}", "--serve_http=false", "--log_kind=text"]
    with started(command, port, folder / "prism.log"), worker_pool(folder, *_portable(port), **environment) as engine:
        yield engine


ENGINES = {"job_service": job_service, "prism": prism}
