"""A rehearsal of Dataflow's workers: environments made from nothing run the staged jobs over real clips."""

import pathlib

import pytest
import worker_environments
from commands import run_command
from google_apis import tensorflow_in_bucket
from run_staged_job import staged_files
from test_dataflow import IMAGE, submitted

from beam_jobs import storage, tables
from beam_jobs.__main__ import main

pytestmark = pytest.mark.slow

SETUP_FILE = "--setup_file=./setup.py"


@pytest.fixture(scope="module")
def clips(gcs_bucket, athlete_videos) -> str:
    """Two short clips in a bucket: of real people, or of drawn ones where there are none."""
    real = pathlib.Path(__file__).resolve().parents[3].parent / "shared" / "data" / "clips"
    found = sorted(real.rglob("*.mp4"), key=lambda path: path.stat().st_size)[:2]
    folder = f"{gcs_bucket}/workers/videos"
    for path in found or sorted(athlete_videos.rglob("*.mp4"))[:2]:
        fs, name = storage.filesystem(f"{folder}/{path.name}")
        fs.put_file(str(path), name)
    return folder


def run_on(service, environment, folder: pathlib.Path, *args: str) -> None:
    """Submits a job, which the workers of an environment run."""
    with tensorflow_in_bucket(folder), environment.workers(folder / "workers.log") as address:
        service.worker_pool = address
        try:
            done = run_command("beam_jobs", *args)
        finally:
            service.worker_pool = None
    assert done.returncode == 0, (folder / "workers.log").read_text()[-4000:]


def check_tables(output: str) -> None:
    rows = storage.read_table(output, tables.LANDMARKS)
    assert rows.num_rows > 20 and sum(rows["detected"].to_pylist()) > 0.5 * rows.num_rows
    assert storage.read_table(output, tables.DEAD_LETTERS).num_rows == 0
    assert storage.read_table(output, tables.FINAL_FEATURES).num_rows == rows.num_rows


def test_workers_of_the_dockerfile_run_both_jobs(dataflow, clips, gcs_bucket, tmp_path, pose_model_path):
    service, flags = dataflow
    environment = worker_environments.from_dockerfile(tmp_path)
    assert list((tmp_path / "cache").rglob("*.task")), "the image holds the pose model"
    output = f"{gcs_bucket}/workers/by_image"
    labels = f"{gcs_bucket}/workers/labels.csv"
    write_labels(clips, labels)
    extract = ("extract", "--videos", clips, "--labels", labels, "--output", output)
    run_on(service, environment, tmp_path, *extract, *flags, IMAGE)
    run_on(service, environment, tmp_path, "features", "--input", output, "--output", output, *flags, IMAGE)
    check_tables(output)


def write_labels(clips: str, path: str) -> None:
    names = [storage.relative_path(clips, file) for file in storage.list_files(clips)]
    storage.write_text(path, "video,label,split\n" + "".join(f"{name},squat,train\n" for name in names))


def test_workers_with_beam_alone_install_what_is_staged_and_run_both_jobs(
    dataflow, clips, gcs_bucket, tmp_path, pose_model_path
):
    service, flags = dataflow
    output = f"{gcs_bucket}/workers/by_setup_file"
    labels = f"{gcs_bucket}/workers/labels.csv"
    write_labels(clips, labels)
    jobs = {
        "extract": ("--videos", clips, "--labels", labels, "--output", output),
        "features": ("--input", output, "--output", output),
    }
    for command, args in jobs.items():
        folder = tmp_path / command
        folder.mkdir()
        environment = worker_environments.from_source_distribution(
            folder, staged_by(service, command, args, flags, folder)
        )
        run_on(service, environment, folder, command, *args, *flags, SETUP_FILE)
    check_tables(output)


def staged_by(service, command: str, args: tuple[str, ...], flags: list[str], folder: pathlib.Path) -> pathlib.Path:
    """What a job stages for its workers; it is submitted and not run."""
    service.runs_jobs = False
    try:
        with tensorflow_in_bucket(folder):
            assert main([command, *args, *flags, SETUP_FILE, "--no_wait_until_finish"]) == 0
    finally:
        service.runs_jobs = True
    archive = folder / "workflow.tar.gz"
    with storage.open_input(staged_files(submitted(service))["workflow.tar.gz"]) as file:
        archive.write_bytes(file.read())
    return archive
