"""Which files a stream's rows come into: Beam's TestStream says when rows come and how far the watermark is."""

import dataclasses

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue

from beam_jobs import storage, tables
from beam_jobs.stream.window_tables import DeadLetter, WriteDeadLetters
from beam_jobs.stream.windowed_files import WindowFile, WindowSettings, WriteWindows

SETTINGS = WindowSettings(window_s=10, allowed_lateness_s=20)


def letter(video_id: str) -> DeadLetter:
    row = dict.fromkeys(tables.DEAD_LETTERS.column_names, "")
    return DeadLetter(row | {"video_id": video_id, "num_frames_kept": 0})


def at(second: float, video_id: str) -> TimestampedValue:
    return TimestampedValue(letter(video_id), second)


def write(stream_or_rows, output, settings=SETTINGS, runner="BundleBasedDirectRunner") -> dict[str, list[str]]:
    """The files' names, each with the rows in it."""
    with TestPipeline(runner, PipelineOptions(streaming=runner != "FnApiRunner")) as pipeline:
        _ = pipeline | stream_or_rows | WriteWindows(WriteDeadLetters(str(output)), settings)
    return {
        path.name.partition("_")[0] + "_" + path.name.split("_")[2]: pq.read_table(path)["video_id"].to_pylist()
        for path in sorted((output / "dead_letters").rglob("*.parquet"))
    }


def test_a_window_is_a_file_and_late_rows_are_files_of_their_own(tmp_path):
    stream = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements([at(9, "b"), at(1, "a"), at(11, "c")])
        .advance_watermark_to(10)  # the first window is over: its file is written
        .add_elements([at(2, "late")])
        .add_elements([at(3, "later")])
        .advance_watermark_to(29)
        .add_elements([at(4, "latest")])
        .advance_watermark_to_infinity()
    )
    assert write(stream, tmp_path) == {
        "19700101T000000Z-19700101T000010Z_pane-000": ["a", "b"],
        "19700101T000000Z-19700101T000010Z_pane-001": ["late"],
        "19700101T000000Z-19700101T000010Z_pane-002": ["later"],
        "19700101T000000Z-19700101T000010Z_pane-003": ["latest"],
        "19700101T000010Z-19700101T000020Z_pane-000": ["c"],
    }


def test_what_was_in_time_is_never_dropped_however_long_it_was_under_way(tmp_path):
    # Extracting a video may take hours; the watermark may be far ahead then.
    stream = TestStream().advance_watermark_to(86_400).add_elements([at(1, "a")]).advance_watermark_to_infinity()
    assert list(write(stream, tmp_path).values()) == [["a"]]


def test_early_files(tmp_path):
    settings = dataclasses.replace(SETTINGS, early_s=3)
    stream = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements([at(1, "a")])
        .advance_processing_time(5)
        .add_elements([at(2, "b")])
        .advance_watermark_to_infinity()
    )
    assert list(write(stream, tmp_path, settings).values()) == [["a"], ["b"]]


@pytest.mark.parametrize("runner", ["BundleBasedDirectRunner", "FnApiRunner"])
def test_a_source_that_ends_is_written_at_its_end_in_shards(tmp_path, runner):
    rows = beam.Create([letter(f"{number:02d}") for number in range(40)]) | beam.Map(
        lambda row: TimestampedValue(row, 5)
    )
    found = write(rows, tmp_path, dataclasses.replace(SETTINGS, num_shards=4), runner)
    # Four files of the same window and pane; the helper above keeps one.
    assert len(list((tmp_path / "dead_letters").rglob("*.parquet"))) == 4 and len(found) == 1
    assert storage.read_table(str(tmp_path), tables.DEAD_LETTERS).sort_by("video_id")["video_id"].to_pylist() == [
        f"{number:02d}" for number in range(40)
    ]


def test_the_same_rows_make_the_same_file(tmp_path):
    rows = [at(1, "a"), at(2, "b")]
    for order in (rows, rows[::-1]):  # a bundle that is done again may have them in another order
        write(beam.Create(order) | beam.Map(lambda row: row), tmp_path)
    write(beam.Create([at(1, "a")]) | beam.Map(lambda row: row), tmp_path)  # other rows, as of a job started anew
    files = sorted((tmp_path / "dead_letters").rglob("*.parquet"))
    assert sorted(pq.read_table(file)["video_id"].to_pylist() for file in files) == [["a"], ["a", "b"]]


def test_names_sort_by_time_and_say_their_day():
    file = WindowFile(1_795_780_800, 1_795_781_100, 1, 2, 3, "abc")
    assert file.name == ("date=2026-11-27/20261127T120000Z-20261127T120500Z_shard-001-of-002_pane-003_abc.parquet")


def test_every_file_has_its_end(tmp_path):
    # What Beam's WriteToParquet does not manage with several windows in a bundle.
    rows = beam.Create(list(range(60))) | beam.Map(lambda number: at(number, f"{number:02d}"))
    write(rows, tmp_path, dataclasses.replace(SETTINGS, num_shards=2), "FnApiRunner")
    read = [pq.read_table(file) for file in (tmp_path / "dead_letters").rglob("*.parquet")]
    assert len(read) == 12 and sorted(pa.concat_tables(read)["video_id"].to_pylist()) == [
        f"{number:02d}" for number in range(60)
    ]
