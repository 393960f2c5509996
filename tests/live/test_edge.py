"""The lines of live/edge.md, run where this package is not, say what live says."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from commands import REPOSITORY

from beam_jobs import storage, tables
from beam_jobs.pose.estimator import Pose
from live.defaults import DEFAULT_BUNDLE
from live.recognizer import PersonRecognizer
from model import exported_bundle


def page_lines() -> str:
    (code,) = re.findall(r"^```python\n(.*?)^```", (REPOSITORY / "live" / "edge.md").read_text(), re.M | re.S)
    return code


def test_the_page_has_few_lines():
    assert len([line for line in page_lines().splitlines() if line.strip()]) <= 25


@pytest.fixture(scope="module")
def recorded(athlete_tables):
    """World landmarks and times of a drawn athlete, with a second in which nobody is in view."""
    rows = pq.read_table(storage.table_files(str(athlete_tables), tables.LANDMARKS)[0])
    world = np.stack([rows[name].to_numpy() for name in tables.landmark_columns("world")], axis=1).reshape(-1, 33, 3)
    world = world.astype(np.float32)
    world[30:45] = np.nan
    return world, rows["timestamp_ms"].to_numpy()


def test_the_lines_say_what_live_says(recorded, tmp_path):
    world, times = recorded
    (tmp_path / "edge.py").write_text(page_lines())
    np.savez(tmp_path / "rows.npz", landmarks=world, timestamps_ms=times)
    for name in ("bundle.json", "end_to_end.tflite"):
        shutil.copy(f"{DEFAULT_BUNDLE}/{name}", tmp_path / name)

    def run(*args: str) -> subprocess.CompletedProcess:
        # -I: neither the working directory nor PYTHONPATH is looked into for modules.
        command = [sys.executable, "-I", *args]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    if run("-c", "import beam_jobs").returncode == 0:
        pytest.skip("this package is installed in the environment")
    done = run("edge.py", str(tmp_path), "rows.npz")
    assert done.returncode == 0, done.stderr

    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    person = PersonRecognizer(bundle)
    nothing = np.full(33, np.nan, np.float32)
    expected = []
    for row, timestamp_ms in zip(world, times.tolist(), strict=True):
        answer = person.update(Pose(row, row, nothing, nothing), timestamp_ms)
        if answer.due and answer.probabilities is not None:
            best = int(answer.probabilities.argmax())
            expected.append((timestamp_ms, bundle.labels[best], f"{answer.probabilities[best]:.6f}"))
    found = [(int(ms), label, probability) for ms, label, probability in map(str.split, done.stdout.splitlines())]
    assert found == expected
    assert len(expected) > 15
