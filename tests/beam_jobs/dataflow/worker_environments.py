"""Environments of workers, made from nothing: by the Dockerfile's lines, and as a worker with Beam alone makes its own.

Packages are installed by uv, which does in seconds what pip does in minutes, with the same arguments.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator

import engines
import pytest
from commands import REPOSITORY

# Of another Python's or another environment's.
_NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "XDG_CACHE_HOME", "EXERCISE_RECOGNITION_WORKER_EXTRAS")


@dataclasses.dataclass(frozen=True)
class WorkerEnvironment:
    """A virtual environment without pip, and the environment variables that its image sets."""

    folder: pathlib.Path
    variables: dict[str, str]

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    def run(self, *command: str, cwd: pathlib.Path | None = None) -> None:
        """Runs a command as in a container: `pip` and `python` are the environment's own.

        Skips the test where no package index is within reach, and fails it for any other error.
        """
        if command[0] == "pip":
            cached = [part for part in command[1:] if part != "--no-cache-dir"]
            command = (sys.executable, "-m", "uv", "pip", *cached, "--python", self.python)
        elif command[0] == "python":
            command = (self.python, *command[1:])
        done = subprocess.run(command, cwd=cwd, env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode and "error sending request" in done.stderr:
            pytest.skip("no package index is within reach")
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        # A pool of workers starts `python` by that name; the checkout that it is started in is not to be imported.
        path = f"{self.folder}/bin{os.pathsep}{inherited['PATH']}"
        return inherited | self.variables | {"PATH": path, "PYTHONSAFEPATH": "1"}

    @contextlib.contextmanager
    def workers(self, log: pathlib.Path) -> Iterator[str]:
        """Runs a pool of external workers; yields its address. Everything it imports is the environment's."""
        port = engines.free_port()
        command = [self.python, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
        removed = {name: os.environ.pop(name) for name in _NOT_INHERITED if name in os.environ}
        try:
            with engines.started(command, port, log, **self.environment()):
                yield f"127.0.0.1:{port}"
        finally:
            os.environ.update(removed)


def new_environment(folder: pathlib.Path, variables: dict[str, str] | None = None) -> WorkerEnvironment:
    made = WorkerEnvironment(folder, {} if variables is None else variables)
    subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, folder], check=True)
    return made


def dockerfile_lines(stage: str) -> list[tuple[str, str]]:
    """The instructions of a stage of the Dockerfile, each with its arguments."""
    text = re.sub(r"\\\n", " ", (REPOSITORY / "Dockerfile").read_text())
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    found: list[tuple[str, str]] = []
    inside = False
    for instruction, arguments in lines:
        inside = arguments.endswith(f" AS {stage}") if instruction == "FROM" else inside
        if inside:
            found.append((instruction, arguments))
    return found


def from_dockerfile(folder: pathlib.Path) -> WorkerEnvironment:
    """An environment made by the lines of the Dockerfile's stage "worker"; the system's packages are left out."""
    variables: dict[str, str] = {}
    made = new_environment(folder / "environment", variables)
    tree = folder / "tree"
    tree.mkdir()
    for instruction, arguments in dockerfile_lines("worker"):
        words = shlex.split(arguments)
        if instruction == "COPY":
            *sources, target = words
            for source in sources:
                copy(REPOSITORY / source, tree / target if len(sources) == 1 and target != "." else tree / source)
        elif instruction == "ENV":
            name, _, value = arguments.partition("=")
            variables[name] = value.replace("/opt/cache", str(folder / "cache"))
        elif instruction == "RUN" and words[0] != "apt-get":
            made.run(*words, cwd=tree)
        else:
            assert instruction in ("FROM", "WORKDIR", "RUN"), f"the test does not know {instruction}"
    return made


def copy(source: pathlib.Path, target: pathlib.Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    else:
        shutil.copy(source, target)


def from_source_distribution(folder: pathlib.Path, archive: pathlib.Path) -> WorkerEnvironment:
    """An environment with Beam alone, in which a worker has installed what was staged."""
    made = new_environment(folder / "environment")
    (locked,) = re.findall(r"^apache-beam\S*==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    made.run("pip", "install", f"apache-beam[gcp]=={locked}")
    made.run("pip", "install", str(archive))
    return made
