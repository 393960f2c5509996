"""`extract` and `features` on engines whose workers are processes of their own, by Beam's portable protocol."""

import csv
import os
import signal
import subprocess
import sys
import time

import engines
import pytest
from commands import REPOSITORY, run_command
from same_rows import assert_same_rows

from beam_jobs import storage, tables
from beam_jobs.features.pipeline import WRITTEN

pytestmark = pytest.mark.slow
REAL_CLIPS = ("squat/squat_23.mp4", "squat/squat_21.mp4", "deadlift/deadlift_03.mp4")


@pytest.fixture(scope="module")
def videos(athlete_videos, tmp_path_factory):
    """Drawn people, and short clips of real ones where they are here, as a CSV file with labels."""
    with open(athlete_videos / "labels.csv", newline="") as file:
        rows = [{**row, "video": athlete_videos / row["video"]} for row in csv.DictReader(file)]
    clips = REPOSITORY.parent / "shared" / "data" / "clips"
    if clips.is_dir():
        rows = rows[::2]  # a clip of each split
    for name in REAL_CLIPS if clips.is_dir() else ():
        rows.append({"video": clips / name, "label": name.split("/")[0], "group": name, "split": "train"})
    path = tmp_path_factory.mktemp("videos") / "videos.csv"
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, ["video", "label", "group", "split"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def features(folder, *beam_args):
    return run_command("beam_jobs", "features", "--input", folder, "--output", folder, *beam_args)


@pytest.fixture(scope="module")
def expected(videos, tmp_path_factory, pose_model_path):
    """The tables as this machine's own runner writes them."""
    folder = tmp_path_factory.mktemp("expected") / "tables"
    assert run_command("beam_jobs", "extract", "--videos", videos, "--output", folder).returncode == 0
    assert features(folder).returncode == 0
    return folder


def extract_until_a_worker_is_killed(command, engine, folder) -> subprocess.CompletedProcess:
    """Runs a job, and kills a worker by -9 when the first video is done."""
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not storage.list_files(str(folder / "landmarks")):
        time.sleep(0.05)
    # Of two, one with a decoder's process: it is at work on a video.
    at_work = [worker for worker in engine.workers() if engines.children(worker)]
    if process.poll() is None:
        os.kill(at_work[0], signal.SIGKILL)
    output, errors = process.communicate(timeout=300)
    print(output, errors)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


@pytest.mark.parametrize("name", engines.ENGINES)
def test_a_worker_is_killed_and_the_next_run_ends_with_the_rows_of_a_local_one(name, videos, expected, tmp_path):
    num_videos = len(storage.list_files(str(expected / "landmarks")))
    folder = tmp_path / "tables"
    with engines.ENGINES[name](tmp_path) as engine:
        shared = ("--shared_disk", *engine.beam_args)
        command = ("beam_jobs", "extract", "--videos", videos, "--output", folder, *shared)
        killed = extract_until_a_worker_is_killed(command, engine, folder)
        # Neither engine tries again: the job fails, in one line.
        assert killed.returncode == 1
        assert "lost a worker" in killed.stderr.splitlines()[-1]
        assert "Traceback" not in killed.stderr.splitlines()[-2:]
        done = {file: os.stat(file).st_mtime_ns for file in storage.list_files(str(folder / "landmarks"))}
        assert 0 < len(done) < num_videos

        assert run_command(*command).returncode == 0
        assert len(storage.list_files(str(folder / "landmarks"))) == num_videos
        assert done == {file: os.stat(file).st_mtime_ns for file in done}  # not made again
        assert features(folder, *shared).returncode == 0
        for table in (tables.LANDMARKS, tables.QUALITY, tables.DEAD_LETTERS, *WRITTEN):
            assert_same_rows(folder, expected, table)
        assert run_command("beam_jobs", "compact", "--input", folder, *shared).returncode == 0
    assert len(storage.list_files(str(folder / "landmarks"))) == 1
    assert_same_rows(folder, expected, tables.LANDMARKS)
