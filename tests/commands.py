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
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    printed = f"{result.stdout}\n{result.stderr[-4000:]}\nexit code {result.returncode}"
    print(f"$ python -m {' '.join(map(str, args))}\n{printed}")
    return result
