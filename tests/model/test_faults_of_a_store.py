"""What a store does wrong while bundles and tables are read from it and bundles are written to it."""

import asyncio
import json
import os

import pytest
from commands import run_command
from faulty_store import Fault, FaultyStore, faulty_store
from test_model_paths import put

from beam_jobs import storage
from beam_jobs.errors import UserError
from live.defaults import DEFAULT_BUNDLE
from model import bundle
from model.__main__ import main

pytestmark = pytest.mark.slow
QUICK = json.dumps({"network": {"filters": 8, "dense_units": 8, "dilations": [1]}, "training": {"epochs": 1}})


@pytest.fixture
def store(gcs_bucket, monkeypatch) -> FaultyStore:
    """The bucket through a proxy that fails as the test says."""
    with faulty_store(os.environ["STORAGE_EMULATOR_HOST"]) as (address, faulty):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
        yield faulty


@pytest.fixture
def without_waiting(monkeypatch):
    """The store's client does not wait before it tries again: 34 s, measured."""
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _: sleep(0))


@pytest.fixture
def tables(gcs_bucket, made_tables, tmp_path) -> str:
    return put(made_tables, f"{gcs_bucket}/{tmp_path.name}/tables")


@pytest.fixture
def made(gcs_bucket, made_bundle, tmp_path) -> str:
    """A bundle in the bucket."""
    return put(made_bundle, f"{gcs_bucket}/{tmp_path.name}/bundle")


def fails(capsys, *command: str) -> str:
    """The one line that a command that fails says."""
    capsys.readouterr()
    assert main([*command]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


def test_failures_that_pass_are_tried_again(store, tables, made, gcs_bucket, tmp_path):
    output = f"{gcs_bucket}/{tmp_path.name}/report"
    store.faults = [
        Fault("GET", r"bundle%2Fbundle\.json", 503, times=1),
        Fault("GET", r"bundle%2Ftransform_fn.*alt=media", 503, times=1),
        Fault("GET", r"final_features.*alt=media", 503, times=1),
        Fault("POST", r"upload", 503, times=1),
    ]
    assert main(["evaluate", "--bundle", made, "--tables", tables, "--output", output]) == 0
    assert [fault.times for fault in store.faults] == [0, 0, 0, 0]
    assert storage.exists(f"{output}/metrics.json")


@pytest.mark.parametrize("what", [r"tables%2Ffinal_features", r"bundle%2F(classifier|weights)", r"prefix=[^&]*bundle"])
def test_no_permission_is_said_in_a_line(store, tables, made, gcs_bucket, tmp_path, capsys, what):
    store.faults = [Fault("GET", what, 403)]
    output = f"{gcs_bucket}/{tmp_path.name}/out"
    for command in ("evaluate", "finetune"):
        said = fails(capsys, command, "--bundle", made, "--tables", tables, "--output", output)
        assert "the store refuses access (Forbidden" in said and "roles" in said
    if "tables" in what:
        assert "refuses access" in fails(capsys, "train", "--tables", tables, "--output", output)
    assert storage.list_files(output) == []


@pytest.mark.parametrize("what", ["bundle/classifier", "tables/final_features"])
def test_what_vanishes_while_it_is_read_is_said_in_a_line(store, tables, made, tmp_path, capsys, what):
    folder = f"{made.rpartition('/')[0]}/{what}"
    pattern = rf"{what.replace('/', '%2F')}.*alt=media"
    store.faults = [Fault("GET", pattern, times=1, before=lambda: storage.remove(folder))]
    said = fails(capsys, "evaluate", "--bundle", made, "--tables", tables, "--output", str(tmp_path / "out"))
    assert store.faults[0].times == 0
    assert "is not there" in said or "does not exist" in said


def test_a_bundle_that_is_replaced_while_it_is_read_is_not_mixed(store, made, made_bundle, capsys):
    def replace() -> None:
        metadata = json.loads(storage.read_text(f"{made_bundle}/bundle.json")) | {"temperature": 2.0}
        storage.write_text(f"{made}/bundle.json", json.dumps(metadata))

    store.faults = [Fault("GET", r"bundle%2Fclassifier.*alt=media", times=1, before=replace)]
    with pytest.raises(UserError, match="was replaced while it was read"):
        bundle.load(made)
    assert bundle.load(made).metadata["temperature"] == 2.0


def test_a_store_that_goes_on_failing_ends_the_command(store, tables, made, tmp_path, capsys, without_waiting):
    store.faults = [Fault("GET", r"bundle%2Fclassifier", 503), Fault("GET", r"tables%2Ffinal_features", 503)]
    output = str(tmp_path / "out")
    for command in (
        ("evaluate", "--bundle", made, "--tables", tables, "--output", output),
        ("train", "--tables", tables, "--output", output),
    ):
        store.requests.clear()
        assert "the store failed again and again" in fails(capsys, *command)
        assert len(store.requests) < 100


def test_a_bundle_whose_upload_fails_is_no_bundle(store, tables, made, capsys, without_waiting):
    """Also where a bundle stood before."""
    assert bundle.read_metadata(made)
    store.faults = [Fault("POST", "upload.*", None, times=3), Fault("POST", "upload", 503)]
    assert "the store failed" in fails(capsys, "train", "--tables", tables, "--output", made, "--config", QUICK)
    assert store.faults[0].times == 0
    store.faults = []
    with pytest.raises(UserError, match=r"has no bundle\.json"):
        bundle.load(made)
    said = fails(capsys, "evaluate", "--bundle", made, "--tables", tables, "--output", "out")
    assert "has no bundle.json" in said


def test_live_reads_its_bundle_from_a_store(store, gcs_bucket, athlete_videos, tmp_path):
    remote = put(str(DEFAULT_BUNDLE), f"{gcs_bucket}/{tmp_path.name}/bundle")
    video = str(sorted(athlete_videos.rglob("*.mp4"))[0])
    live = ("live", "--bundle", remote, "--source", video, "--json", "--num_frames", "3")
    store.faults = [Fault("GET", r"end_to_end\.tflite.*alt=media", 503, times=1)]
    assert run_command(*live).returncode == 0
    assert store.faults[0].times == 0
    for fault, expected in (
        (Fault("GET", r"bundle%2Fbundle\.json", 403), "refuses access"),
        (Fault("GET", r"end_to_end\.tflite", 403), "refuses access"),
        (Fault("GET", r"tflite.*alt=media", times=1, before=lambda: storage.remove(remote)), "is not there"),
    ):
        store.faults = [fault]
        done = run_command(*live)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert expected in done.stderr.splitlines()[-1]
    store.faults = []
    done = run_command(*live)
    assert done.returncode == 2 and "does not exist" in done.stderr
