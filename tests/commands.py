"""Runs the project's commands as a user would."""

import os
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def run_command(*args: str, timeout_s: float = 600, **environment: str) -> subprocess.CompletedProcess:
    """Runs `python -m …` as a user would, in a process of its own; says what it printed if a test then fails."""
    result = subprocess.run(
        [sys.executable, "-m", *map(str, args)],
        cwd=REPOSITORY,
        env={**_users_environment(), **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    printed = f"{result.stdout}\n{result.stderr[-4000:]}\nexit code {result.returncode}"
    print(f"$ python -m {' '.join(map(str, args))}\n{printed}")
    return result


def start_command(*args: object) -> subprocess.Popen:
    """Starts `python -m …` with processes of its own group, so that a test can stop it in the middle."""
    return subprocess.Popen(
        [sys.executable, "-m", *map(str, args)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run_python(code: str) -> list[str]:
    """The lines that a piece of Python prints, run in the repository by an interpreter of its own."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=REPOSITORY, env=_users_environment(), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def _users_environment() -> dict[str, str]:
    # Importing TFT, as a test of this process may have, sets this for children too; a user's shell does not have it.
    return {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
