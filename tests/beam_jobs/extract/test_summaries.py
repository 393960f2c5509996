"""The tables of one row a video: merged in constant memory, and by several jobs at once."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import time
import uuid

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from commands import REPOSITORY

from beam_jobs import storage, tables
from beam_jobs.extract import summaries
from beam_jobs.extract.extract_video import ExtractSettings
from beam_jobs.extract.pipeline import ExtractLandmarks, MatchVideos
from beam_jobs.extract.video_list import video_source


def quality(name, **values):
    return {"video_id": name, "landmarks_file": f"{name}.parquet", **values}


def letter(name):
    return {"video_id": name, "reason": "damaged", "num_frames_kept": 0}


def ids(output, table=tables.QUALITY):
    return storage.read_table(str(output), table)["video_id"].to_pylist()


def write_landmarks(output, names):
    for name in names:
        storage.write_text(storage.join(str(output), "landmarks", f"{name}.parquet"), "")


def merge(output, rows=(), letters=()):
    """A run of those rows."""
    staged = []
    for table, found in ((tables.QUALITY, rows), (tables.DEAD_LETTERS, letters)):
        if found:
            path = storage.join(str(output), f".test-{uuid.uuid4().hex}", "0.parquet")
            staged.append((table.name, summaries.write_sorted(path, table, found)))
    summaries.merge_tables(staged, str(output))


def test_a_run_replaces_the_rows_of_its_videos_and_keeps_the_others(tmp_path):
    write_landmarks(tmp_path, "abcdef")
    merge(tmp_path, [quality(name, codec="old") for name in "fbda"], [letter("x"), letter("b")])
    # b is whole now; d fails, and c is new.
    merge(tmp_path, [quality("b"), quality("c")], [letter("d")])
    rows = storage.read_table(str(tmp_path), tables.QUALITY).to_pylist()
    assert [(row["video_id"], row["codec"]) for row in rows] == [("a", "old"), ("b", None), ("c", None), ("f", "old")]
    assert ids(tmp_path, tables.DEAD_LETTERS) == ["d", "x"]
    merge(tmp_path)
    assert (ids(tmp_path), ids(tmp_path, tables.DEAD_LETTERS)) == (["a", "b", "c", "f"], ["d", "x"])


def test_a_video_whose_landmarks_were_deleted_leaves_the_quality_table(tmp_path):
    write_landmarks(tmp_path, ["former.mp4", "new.mp4"])
    merge(tmp_path, [quality("deleted.mp4"), quality("former.mp4")])
    merge(tmp_path, [quality("new.mp4")])
    assert ids(tmp_path) == ["former.mp4", "new.mp4"]


def test_a_quality_table_from_before_a_column_was_added_is_kept(tmp_path):
    columns = tuple(column for column in tables.QUALITY.columns if column.name != "mean_brightness")
    before = dataclasses.replace(tables.QUALITY, columns=columns)
    write_landmarks(tmp_path, ["a.mp4", "b.mp4"])
    path = storage.join(str(tmp_path), "quality", "quality.parquet")
    storage.write_table(path, before, pa.Table.from_pylist([quality("a.mp4")], schema=before.schema()))
    merge(tmp_path, [quality("b.mp4", mean_brightness=9.0)])
    rows = storage.read_table(str(tmp_path), tables.QUALITY).to_pylist()
    assert [(row["video_id"], row["mean_brightness"]) for row in rows] == [("a.mp4", None), ("b.mp4", 9.0)]


def test_a_table_that_is_not_in_order_is_put_in_order(tmp_path):
    write_landmarks(tmp_path, "abc")
    rows = pa.Table.from_pylist([quality("c"), quality("a")], schema=tables.QUALITY.schema())
    storage.write_table(storage.join(str(tmp_path), "quality", "quality.parquet"), tables.QUALITY, rows)
    merge(tmp_path, [quality("b")])
    assert ids(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize("num_shards", [1, 5])
def test_shards_of_a_run_become_one_table_in_order(tmp_path, num_shards):
    names = [f"{number * 7919 % 3000:04d}é" for number in range(3000)]
    write_landmarks(tmp_path, [*names[:2000], "former"])
    merge(tmp_path, [quality("former")])
    with beam.Pipeline("FnApiRunner") as run:
        rows = run | "Rows" >> beam.Create([quality(name) for name in names[:2000]])
        letters = run | "Letters" >> beam.Create([letter(name) for name in names[2000:]])
        _ = (rows, letters) | summaries.WriteSummaries(str(tmp_path), num_shards)
    assert ids(tmp_path) == [*sorted(names[:2000]), "former"]
    assert ids(tmp_path, tables.DEAD_LETTERS) == sorted(names[2000:])
    assert not list(tmp_path.glob(".summaries-*"))


def test_a_run_without_videos_in_one_of_the_tables_writes_both(tmp_path):
    with beam.Pipeline("FnApiRunner") as run:
        letters = run | "Letters" >> beam.Create([letter("a")])
        nothing = run | "Rows" >> beam.Create([])
        _ = (nothing, letters) | summaries.WriteSummaries(str(tmp_path))
    assert (ids(tmp_path), ids(tmp_path, tables.DEAD_LETTERS)) == ([], ["a"])


def test_rows_are_spread_evenly_over_shards():
    numbers = [summaries.shard_of({"video_id": str(number)}, 4) for number in range(4000)]
    assert all(850 < numbers.count(shard) < 1150 for shard in range(4))
    assert [summaries.num_shards(num) for num in (0, 1, 50_000, 50_001, 1_000_000)] == [1, 1, 1, 2, 20]


MERGE_MANY = """
import sys
sys.path[:0] = ["tests", "tests/beam_jobs/extract"]
from test_summaries import letter, merge, quality, write_landmarks
output, name = sys.argv[1:]
for number in range(5):
    video = f"{name}{number}"
    write_landmarks(output, [video])
    merge(output, [quality(video)], [letter(f"x{video}")])
"""


@pytest.mark.parametrize("where", ["local", "gs"])
@pytest.mark.slow
def test_jobs_that_write_at_the_same_time_lose_no_row_of_each_other(where, tmp_path, request):
    output = str(tmp_path) if where == "local" else f"{request.getfixturevalue('gcs_bucket')}/at_once"
    processes = [subprocess.Popen([sys.executable, "-c", MERGE_MANY, output, name], cwd=REPOSITORY) for name in "abcd"]
    assert [process.wait(timeout=240) for process in processes] == [0] * 4
    expected = sorted(f"{name}{number}" for name in "abcd" for number in range(5))
    assert ids(output) == expected
    assert ids(output, tables.DEAD_LETTERS) == [f"x{name}" for name in expected]


def extract(videos, output, *beam_args):
    command = [sys.executable, "-m", "beam_jobs", "extract", "--videos", videos, "--output", output, *beam_args]
    return subprocess.Popen(
        list(map(str, command)), cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.parametrize("where", ["local", "gs"])
@pytest.mark.slow
def test_two_jobs_in_one_folder_at_once(where, athlete_videos, tmp_path, request, pose_model_path):
    output = str(tmp_path / "tables") if where == "local" else f"{request.getfixturevalue('gcs_bucket')}/two_jobs"
    clips = sorted(athlete_videos.rglob("*.mp4"))[:4]
    jobs = []
    for number in range(2):
        folder = tmp_path / f"videos {number}"
        folder.mkdir()
        for clip in clips[2 * number : 2 * number + 2]:
            shutil.copy(clip, folder)
        (folder / f"broken {number}.mp4").write_text("no video")
        few_frames = ("--frame_rate_hz", "5")
        jobs.append(extract(folder, output, "--max_failed_share", "0.5", *few_frames, "--direct_num_workers=1"))
    printed = [job.communicate(timeout=300)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], printed
    assert ids(output) == sorted(clip.name for clip in clips)
    assert ids(output, tables.DEAD_LETTERS) == ["broken 0.mp4", "broken 1.mp4"]
    assert sorted(set(ids(output, tables.LANDMARKS))) == sorted(clip.name for clip in clips)


def test_staged_rows_of_a_killed_run_are_removed_a_week_later(tmp_path):
    storage.write_text(str(tmp_path / ".summaries-old" / "quality" / "0.parquet"), "")
    storage.write_text(str(tmp_path / ".summaries-new" / "quality" / "0.parquet"), "")
    week_ago = time.time() - 8 * 86_400
    os.utime(tmp_path / ".summaries-old" / "quality" / "0.parquet", (week_ago, week_ago))
    summaries.remove_abandoned(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [".summaries-new"]
    summaries.remove_abandoned(str(tmp_path / "not there"))


def description(folder: pathlib.Path) -> int:
    """The size of a job's description."""
    run = beam.Pipeline(options=PipelineOptions([]))
    settings = ExtractSettings(str(folder / "out"))
    _ = run | "MatchVideos" >> MatchVideos(video_source(str(folder))) | "Extract" >> ExtractLandmarks(settings)
    return run.to_runner_api().ByteSize()


def test_the_description_of_a_job_does_not_grow_with_the_number_of_videos(tmp_path):
    few, many = tmp_path / "few", tmp_path / "man"
    for folder, num in ((few, 10), (many, 3000)):
        folder.mkdir()
        for number in range(num):
            (folder / f"{number:05d}.mp4").touch()
    assert len(video_source(str(many)).listed) == 3000
    # Beam's own names in it differ a little from one pipeline to the next; 3,000 names of videos are 27,000 bytes.
    assert abs(description(many) - description(few)) < 2000
