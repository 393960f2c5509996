"""What is written of a window's videos, and what not: real landmarks, the released transform graph."""

import os
import shutil

import apache_beam as beam
import pyarrow.parquet as pq
import pytest

from beam_jobs import storage, tables, transform_graph
from beam_jobs.stream.window_tables import VideoResult, WriteVideos
from beam_jobs.stream.windowed_files import WindowFile
from live.defaults import DEFAULT_BUNDLE


@pytest.fixture
def stream_folder(athlete_tables, tmp_path):
    """A folder with landmarks alone, as the stream job's first step leaves it."""
    shutil.copytree(athlete_tables / "landmarks", tmp_path / "landmarks")
    return tmp_path


@pytest.fixture
def results(athlete_tables):
    rows = storage.read_table(str(athlete_tables), tables.QUALITY).to_pylist()
    return [VideoResult(row) for row in rows]


@pytest.fixture
def write(stream_folder, athlete_tables):
    fingerprint = storage.fingerprint(storage.table_files(str(athlete_tables), tables.LANDMARKS)[0])
    graph = transform_graph.find(DEFAULT_BUNDLE, fingerprint)
    writer = WriteVideos(str(stream_folder), graph, fingerprint, {})

    def write(results, pane: int = 0, content: str = "a", shard: int = 0):
        return list(writer(WindowFile(0, 300, shard, 2, pane, content), results))

    return write


def video_ids(folder, table: tables.Table) -> list[str]:
    found = storage.read_table(str(folder), table, ["video_id"])["video_id"].to_pylist()
    return sorted(found if table is tables.QUALITY else set(found))


def num_rows(folder) -> int:
    return storage.read_table(str(folder), tables.FINAL_FEATURES).num_rows


def test_a_video_is_written_once_for_its_window(stream_folder, results, write):
    write(results[:2])
    rows = num_rows(stream_folder)
    # The job was started anew, and some notifications came again: in another pane, or in another shard.
    write(results[1:3], 0, "b")
    assert video_ids(stream_folder, tables.QUALITY) == [result.quality["video_id"] for result in results[:3]]
    assert write(results[:3], 1, "c") == write(results[:3], 0, "d", shard=1) == []
    assert num_rows(stream_folder) == rows + results[2].quality["num_frames_sampled"]


def test_a_bundle_that_is_done_again_writes_the_same(stream_folder, results, write):
    (path,) = write(results[:2])
    first = pq.read_table(path)
    assert write(results[:2]) == [path] and pq.read_table(path).equals(first)
    assert len(storage.table_files(str(stream_folder), tables.FINAL_FEATURES)) == 1


def test_what_a_killed_worker_left_is_removed_when_it_is_old(stream_folder, results, write):
    for age_s, content in ((3600, "old"), (5, "young")):
        (quality,) = write(results[:1], 0, content)
        os.remove(quality)  # it is written last: the worker did not come so far
        for table in (tables.FINAL_FEATURES, tables.VELOCITY):
            for file in storage.table_files(str(stream_folder), table):
                if content in file:
                    os.utime(file, (os.stat(file).st_mtime - age_s,) * 2)
    write(results[:2], 0, "whole")
    left = {file.rsplit("_", 1)[1] for file in storage.table_files(str(stream_folder), tables.FINAL_FEATURES)}
    assert left == {"young.parquet", "whole.parquet"}


def test_a_video_that_was_overwritten_meanwhile_is_a_dead_letter(stream_folder, results, write):
    first, second = results[:2]
    file = stream_folder / "landmarks" / first.quality["landmarks_file"]
    shutil.copy(stream_folder / "landmarks" / second.quality["landmarks_file"], file)
    letter, _ = write(results[:2])
    assert isinstance(letter, beam.pvalue.TaggedOutput)
    assert (letter.value["video_id"], letter.value["reason"]) == (first.quality["video_id"], "overwritten")
    assert video_ids(stream_folder, tables.QUALITY) == video_ids(stream_folder, tables.FINAL_FEATURES)
