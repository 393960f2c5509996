"""`segments` says of videos what live says of them: real tables, the shipped bundle, TensorFlow against LiteRT."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from commands import run_command

from beam_jobs import storage, tables
from beam_jobs.__main__ import main
from beam_jobs.errors import UserError
from beam_jobs.find_segments import command
from beam_jobs.pose.estimator import Pose
from beam_jobs.table_options import SegmentsArgs
from live.defaults import DEFAULT_BUNDLE
from live.recognizer import PersonRecognizer
from model import exported_bundle

pytestmark = pytest.mark.slow

NAMES = ["exercise", "start_ms", "end_ms", "num_windows", "repetitions", "held_s"]


@pytest.fixture(scope="module")
def landmarks(athlete_tables, tmp_path_factory):
    """The landmarks and quality of athletes alone."""
    folder = tmp_path_factory.mktemp("landmarks")
    for table in (tables.LANDMARKS, tables.QUALITY, tables.DEAD_LETTERS):
        shutil.copytree(athlete_tables / table.name, folder / table.name)
    return folder


@pytest.fixture(scope="module")
def found(landmarks, tmp_path_factory) -> str:
    """The output of the job, run as a person would."""
    output = str(tmp_path_factory.mktemp("segments"))
    done = run_command("beam_jobs", "segments", "--input", landmarks, "--bundle", DEFAULT_BUNDLE, "--output", output)
    assert done.returncode == 0, done.stderr
    assert "segments in 6 videos" in done.stdout
    return output


def poses(rows) -> list[tuple[Pose, int]]:
    """The poses of a video's rows, in order."""
    world, image = (
        np.stack([rows[name].to_numpy() for name in tables.landmark_columns(space)], axis=1).reshape(-1, 33, 3)
        for space in ("world", "image")
    )
    nothing = np.full((len(rows), 33), np.nan, np.float32)
    parts = zip(world, image, nothing, nothing, strict=True)
    return [(Pose(*part), ms) for part, ms in zip(parts, rows["timestamp_ms"].to_pylist(), strict=True)]


def test_the_table_is_what_live_says(landmarks, found):
    bundle = exported_bundle.load(DEFAULT_BUNDLE)
    expected = []
    for file in storage.table_files(str(landmarks), tables.LANDMARKS):
        rows = pq.read_table(file)
        person = PersonRecognizer(bundle)
        for pose, timestamp_ms in poses(rows):
            person.update(pose, timestamp_ms)
        for segment in person.segments():
            expected.append((rows["video_id"][0].as_py(), *(getattr(segment, name) for name in NAMES)))
    written = storage.read_table(found, tables.SEGMENTS).to_pylist()
    assert [(row["session_id"], *(row[name] for name in NAMES)) for row in written] == expected
    assert len(expected) >= 4
    # Clips of five to eight seconds.
    assert all(1 <= row["repetitions"] <= 9 for row in written if row["end_ms"] - row["start_ms"] > 2500)
    assert {(row["person_id"], row["started_at"]) for row in written} == {(0, None)}


def test_a_former_table_is_replaced_whole(landmarks, found):
    before = storage.read_table(found, tables.SEGMENTS)
    assert command.run(SegmentsArgs(str(landmarks), DEFAULT_BUNDLE, found, min_probability=0.95), []) == 0
    after = storage.read_table(found, tables.SEGMENTS)
    # Less is as probable as that.
    assert sum(after["num_windows"].to_pylist()) < sum(before["num_windows"].to_pylist())
    assert [name for name in storage.list_files(found) if "segments/" not in name] == []
    assert command.run(SegmentsArgs(str(landmarks), DEFAULT_BUNDLE, found), []) == 0
    assert storage.read_table(found, tables.SEGMENTS) == before


def test_of_compacted_landmarks_too(landmarks, found, tmp_path):
    copy = shutil.copytree(landmarks, tmp_path / "copy")
    assert main(["compact", "--input", str(copy)]) == 0
    assert main(["segments", "--input", str(copy), "--bundle", DEFAULT_BUNDLE, "--output", str(copy)]) == 0
    assert storage.read_table(str(copy), tables.SEGMENTS) == storage.read_table(found, tables.SEGMENTS)


def test_a_job_that_fails_leaves_the_former_table(landmarks, found, tmp_path):
    copy = shutil.copytree(landmarks, tmp_path / "copy")
    before = storage.read_table(found, tables.SEGMENTS)
    file = storage.table_files(str(copy), tables.LANDMARKS)[3]
    with open(file, "r+b") as damaged:
        damaged.truncate(1000)
    with pytest.raises(UserError, match="not a readable Parquet file"):
        command.run(SegmentsArgs(str(copy), DEFAULT_BUNDLE, found), [])
    assert storage.read_table(found, tables.SEGMENTS) == before
    assert [name for name in (tmp_path / "copy").iterdir() if name.name.startswith(".")] == []


def test_a_bundle_of_other_landmarks_is_refused(landmarks, tmp_path):
    bundle = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle")
    text = (bundle / "bundle.json").read_text().replace('"frame_rate_hz": 15.0', '"frame_rate_hz": 10.0')
    (bundle / "bundle.json").write_text(text)
    with pytest.raises(UserError, match="frame_rate_hz"):
        command.run(SegmentsArgs(str(landmarks), str(bundle), str(tmp_path / "out")), [])
    assert not (tmp_path / "out" / "segments").exists()


def test_a_folder_with_other_files_is_not_replaced(landmarks, tmp_path):
    (tmp_path / "segments").mkdir()
    (tmp_path / "segments" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"notes\.txt"):
        command.run(SegmentsArgs(str(landmarks), DEFAULT_BUNDLE, str(tmp_path)), [])


@pytest.mark.parametrize("value", ["-0.1", "1.1", "much"])
def test_a_probability_out_of_range_is_a_mistake(landmarks, value, capsys):
    line = ["segments", "--input", str(landmarks), "--bundle", DEFAULT_BUNDLE, "--output", "x"]
    with pytest.raises(SystemExit) as end:
        main([*line, f"--min_probability={value}"])
    assert end.value.code == 2
    assert "--min_probability" in capsys.readouterr().err
