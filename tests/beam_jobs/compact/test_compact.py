"""Many files of landmarks become few: the same rows for every reader, whenever the job is stopped."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import REPOSITORY, run_command
from landmark_tables import FINGERPRINT, IN_MEMORY, default_clips, make_clip, write_landmarks

from beam_jobs import compacted, storage, tables
from beam_jobs.compact import command
from beam_jobs.compact import pipeline as compact_pipeline
from beam_jobs.errors import UserError
from beam_jobs.features import command as features_command
from beam_jobs.features import shards as features_shards
from beam_jobs.features.pipeline import WRITTEN
from beam_jobs.features.plan import PlanWriter
from beam_jobs.import_landmarks import command as import_command
from beam_jobs.options import CompactArgs, FeaturesArgs, ImportArgs
from beam_jobs.stream_options import STREAM_FILE


def compact(folder, rows_per_file=100, remove=None) -> None:
    assert command.run(CompactArgs(str(folder), rows_per_file, remove), list(IN_MEMORY)) == 0


def read(folder, table=tables.LANDMARKS) -> pa.Table:
    return storage.read_table(str(folder), table)


def without_labels(rows: pa.Table) -> pa.Table:
    """Rows but for what compacting brings up to date."""
    return rows.drop_columns([column.name for column in tables.LABEL_COLUMNS])


def same(found: pa.Table, expected: pa.Table) -> bool:
    """Whether tables are equal; nothing is equal to NaN."""
    names = expected.column_names
    return found.column_names == names and all(
        np.array_equal(found[name].to_numpy(), expected[name].to_numpy(), equal_nan=True)
        if pa.types.is_floating(expected[name].type)
        else found[name].equals(expected[name])
        for name in names
    )


def files(folder) -> list[str]:
    return sorted(storage.file_names(storage.join(str(folder), "landmarks")))


def feature_inputs(folder) -> tuple[pa.Table, np.ndarray]:
    """What features are computed from."""
    parts = list(features_shards.read_rows(features_shards.read_videos(str(folder)), "world", 50))
    inputs = [batch for part in parts for batch in part.graph_inputs(1000)]
    return (
        pa.concat_tables([part.keys for part in parts]),
        *(np.concatenate([batch[name] for batch in inputs]) for name in ("landmarks", "timestamp_ms")),
    )


def assert_same_inputs(found, expected) -> None:
    assert found[0].equals(expected[0])
    for one, other in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(params=["local", pytest.param("gs", marks=pytest.mark.slow)])
def folder(request, tmp_path) -> str:
    if request.param == "local":
        return write_landmarks(tmp_path / "tables", default_clips())
    return write_landmarks(f"{request.getfixturevalue('gcs_bucket')}/{tmp_path.name}", default_clips())


def test_rows_are_the_same_in_fewer_files(folder, capsys):
    before, inputs = without_labels(read(folder)), feature_inputs(folder)
    keys = [(row["video_id"], row["frame_id"]) for row in before.select(["video_id", "frame_id"]).to_pylist()]
    assert keys == sorted(keys) and len(keys) == 320
    compact(folder)
    assert "8 videos, 320 rows in 4 files; 8 files of one video removed" in capsys.readouterr().out
    assert len(files(folder)) == 4 and all(map(compacted.is_compacted, files(folder)))
    assert same(without_labels(read(folder)), before)
    assert_same_inputs(feature_inputs(folder), inputs)
    # The labels are those of quality now.
    assert set(read(folder)["label"].to_pylist()) == {"squat"}
    quality = read(folder, tables.QUALITY).to_pylist()
    assert [row["landmarks_file"] for row in quality] == [name for name in files(folder) for _ in range(2)]
    fs, name = storage.filesystem(folder)
    fs.invalidate_cache()
    assert not [path for path in fs.find(name) if "/." in path], "nothing hidden is left"
    for file in files(folder):
        assert storage.fingerprint(storage.join(folder, "landmarks", file)) == FINGERPRINT
    left = files(folder)
    compact(folder)
    assert "nothing to do" in capsys.readouterr().out
    assert files(folder) == left
    # Another size, of files that are compact already.
    compact(folder, rows_per_file=1000)
    assert len(files(folder)) == 1
    assert same(without_labels(read(folder)), before)
    assert_same_inputs(feature_inputs(folder), inputs)


def test_columns_and_filters_of_a_compact_table(tmp_path):
    folder = write_landmarks(tmp_path, default_clips())
    compact(folder)
    add_video(folder, "c2.mp4", 9)
    wanted = pa.compute.field("video_id").isin(["c.mp4", "c2.mp4", "é.mp4"])
    rows = storage.read_table(folder, tables.LANDMARKS, ["nose_world_x_m"], filter=wanted)
    assert (rows.column_names, rows.num_rows) == (["nose_world_x_m"], 120)
    clips = [default_clips()["c.mp4"][0], make_clip(9)[0], default_clips()["é.mp4"][0]]
    np.testing.assert_array_equal(rows["nose_world_x_m"].to_numpy(), np.concatenate(clips)[:, 0, 0])


def add_video(folder, video_id, seed) -> None:
    """What `extract` does with a new or a changed video."""
    clip, frames = make_clip(seed)
    quality = read(folder, tables.QUALITY).to_pylist()
    write_landmarks(folder, {video_id: (clip, frames, "train")})
    (row,) = read(folder, tables.QUALITY).to_pylist()
    rows = sorted([*(one for one in quality if one["video_id"] != video_id), row], key=lambda one: one["video_id"])
    path = storage.join(str(folder), "quality", "quality.parquet")
    storage.write_table(path, tables.QUALITY, pa.Table.from_pylist(rows, tables.QUALITY.schema()))


def test_a_changed_and_a_new_video_are_read_once_and_compacted_with_the_others(tmp_path):
    folder = write_landmarks(tmp_path, default_clips())
    compact(folder)
    add_video(folder, "c.mp4", 77)
    add_video(folder, "cc.mp4", 78)
    expected = write_landmarks(
        tmp_path / "expected",
        default_clips() | {name: (*make_clip(seed), "train") for name, seed in (("c.mp4", 77), ("cc.mp4", 78))},
    )
    for _ in range(2):
        assert same(without_labels(read(folder)), without_labels(read(expected)))
        assert_same_inputs(feature_inputs(folder), feature_inputs(expected))
        compact(folder)
    assert len(files(folder)) == 5 and all(map(compacted.is_compacted, files(folder)))


@pytest.mark.parametrize("stopped", ["before it counts", "before files are removed"])
def test_a_job_that_is_stopped_has_changed_nothing_or_everything(folder, tmp_path, stopped, capsys):
    before, inputs = without_labels(read(folder)), feature_inputs(folder)
    settings = compact_pipeline.CompactSettings(folder, "stopped", FINGERPRINT)
    with PlanWriter(str(tmp_path / "plan.parquet"), 100) as writer:
        for video in features_shards.read_videos(folder):
            writer.add(video)
    write = compact_pipeline._WriteFile(settings)
    names = [next(iter(write.process(planned))) for planned in writer.plan().shards()]
    if stopped == "before files are removed":
        for _ in range(2):  # a runner may repeat a step
            compact_pipeline.point_quality_at_new_files(None, names, writer.plan(), settings)
    assert len(files(folder)) == 12
    assert same(without_labels(read(folder)), before)
    assert_same_inputs(feature_inputs(folder), inputs)
    compact(folder)
    assert "8 files of one video removed" in capsys.readouterr().out
    assert len(files(folder)) == 4 and not [name for name in files(folder) if "stopped" in name]
    assert same(without_labels(read(folder)), before)
    assert_same_inputs(feature_inputs(folder), inputs)


def test_a_file_that_changes_while_it_is_compacted_stays(folder, tmp_path):
    """As by a job of extract: its quality row comes later."""
    path = storage.landmarks_file(folder, "c.mp4")
    settings = compact_pipeline.CompactSettings(folder, "one", FINGERPRINT)
    with PlanWriter(str(tmp_path / "plan.parquet"), 1000) as writer:
        for video in features_shards.read_videos(folder):
            writer.add(video)
    (planned,) = writer.plan().shards()
    name, *merged = compact_pipeline._WriteFile(settings).process(planned)
    clip, frames = make_clip(5)
    with storage.open_input(storage.join(folder, "quality", "quality.parquet")) as source:
        quality = pq.read_table(source)
    write_landmarks(folder, {"c.mp4": (clip, frames, "test")})
    storage.write_table(storage.join(folder, "quality", "quality.parquet"), tables.QUALITY, quality)
    compact_pipeline.point_quality_at_new_files(None, [name], writer.plan(), settings)
    for one in merged:
        compact_pipeline.remove_single_files(one.value, [])
    assert files(folder) == sorted([path.rsplit("/", 1)[-1], name])


@pytest.mark.parametrize("as_csv", [False, True])
def test_videos_are_removed(tmp_path, as_csv):
    folder = write_landmarks(tmp_path / "tables", default_clips())
    compact(folder)
    removed = ["b/squat 2.mp4", "g.mp4"] if as_csv else ["g.mp4"]
    (tmp_path / "remove.csv").write_text("video\n" + "\n".join(removed) + "\n")
    compact(folder, remove=str(tmp_path / "remove.csv") if as_csv else removed[0])
    left = sorted(set(default_clips()) - set(removed))
    assert read(folder, tables.QUALITY)["video_id"].to_pylist() == left
    assert sorted(set(read(folder)["video_id"].to_pylist())) == left
    whole = [pq.read_table(tmp_path / "tables" / "landmarks" / file) for file in files(folder)]
    assert sorted(set(pa.concat_tables(whole)["video_id"].to_pylist())) == left
    with pytest.raises(UserError, match=r"no video 'g\.mp4'"):
        compact(folder, remove="g.mp4")


def test_a_removal_that_was_stopped_is_completed_by_the_next_run(tmp_path, monkeypatch):
    """The video is out of the tables, and its rows still in a large file."""
    folder = write_landmarks(tmp_path / "tables", default_clips())
    compact(folder)
    removed = read(folder, tables.QUALITY)["video_id"][0].as_py()

    class StoppedError(Exception):
        pass

    def stop(*_):
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(command, "_plan", stop)
        with pytest.raises(StoppedError):
            compact(folder, remove=removed)
    stored = sum(pq.read_metadata(tmp_path / "tables" / "landmarks" / name).num_rows for name in files(folder))
    assert stored > read(folder).num_rows
    compact(folder)
    stored = sum(pq.read_metadata(tmp_path / "tables" / "landmarks" / name).num_rows for name in files(folder))
    assert stored == read(folder).num_rows
    assert removed not in read(folder)["video_id"].to_pylist()


def test_the_last_video_is_removed_with_its_rows(tmp_path, capsys):
    folder = write_landmarks(tmp_path / "tables", dict([*default_clips().items()][:1]))
    compact(folder)
    compact(folder, remove=read(folder, tables.QUALITY)["video_id"][0].as_py())
    assert files(folder) == [] and "No video is left" in capsys.readouterr().out


def test_what_cannot_be_compacted_is_refused(tmp_path):
    with pytest.raises(UserError, match="quality"):
        compact(tmp_path)
    folder = write_landmarks(tmp_path / "tables", default_clips())
    shutil.copy(tmp_path / "tables/quality/quality.parquet", tmp_path / "tables/quality/window.parquet")
    with pytest.raises(UserError, match=r"other files than quality\.parquet"):
        compact(folder)
    os.remove(tmp_path / "tables/quality/window.parquet")
    storage.write_text(storage.join(folder, STREAM_FILE), "{}")
    with pytest.raises(UserError, match="stream"):
        compact(folder)


def test_little_is_read_for_one_video(tmp_path, monkeypatch):
    monkeypatch.setattr(compacted, "ROWS_PER_GROUP", 60)
    folder = write_landmarks(tmp_path, default_clips())
    compact(folder, rows_per_file=1000)
    (name,) = files(folder)
    file = pq.ParquetFile(tmp_path / "landmarks" / name)
    # A video of 40 rows is in one group.
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [80] * 4
    assert [compacted.groups_of(file, [video]) for video in ("a.mp4", "c.mp4", "é.mp4", "between")] == [
        [0],
        [1],
        [3],
        [],
    ]
    assert compacted.groups_of(file, ["a.mp4", "g.mp4"]) == [0, 3]
    videos = [video for video in features_shards.read_videos(folder) if video.video_id in ("c.mp4", "f.mp4")]
    rows = next(features_shards.read_rows(videos, "world", 10_000))
    assert rows.keys["video_id"].unique().to_pylist() == ["c.mp4", "f.mp4"] and rows.keys.num_rows == 80


def test_a_video_that_a_file_lacks_is_reported(tmp_path):
    folder = write_landmarks(tmp_path, default_clips())
    compact(folder, rows_per_file=1000)
    (name,) = files(folder)
    path = storage.join(folder, "landmarks", name)
    video = features_shards.LandmarksFile("lost.mp4", path, 1, 1, None, None, None)
    with pytest.raises(UserError, match=r"no row of video 'lost\.mp4'"):
        list(features_shards.read_rows([video], "world"))


def test_an_import_replaces_a_compact_one(tmp_path):
    for seed in (1, 2):
        clip, _ = make_clip(seed)
        columns = {f"{axis}_{index}": clip[:, index, place] for index in range(33) for place, axis in enumerate("xyz")}
        for name in ("a", "b"):
            rows = pa.table({"video_id": [name] * len(clip), "frame_id": range(len(clip)), **columns})
            pq.write_table(rows, tmp_path / f"{name}.parquet")
        rows = pa.concat_tables([pq.read_table(tmp_path / f"{name}.parquet") for name in ("a", "b")])
        pq.write_table(rows, tmp_path / "rows.parquet")
        (tmp_path / "labels.csv").write_text("video,label\na,squat\nb,lunge\n")
        args = ImportArgs(str(tmp_path / "rows.parquet"), str(tmp_path / "labels.csv"), str(tmp_path / "tables"))
        assert import_command.run(args, []) == 0
        expected = read(tmp_path / "tables")
        compact(tmp_path / "tables")
        assert same(read(tmp_path / "tables"), expected)
        assert len(files(tmp_path / "tables")) == 1


@pytest.mark.slow
def test_features_of_a_compact_table_are_the_same(tmp_path):
    folder = write_landmarks(tmp_path / "tables", default_clips())
    for output in ("single", "compact"):
        args = FeaturesArgs(folder, str(tmp_path / output), None if output == "single" else str(tmp_path / "single"))
        assert features_command.run(args, IN_MEMORY) == 0
        compact(folder)
    for table in WRITTEN:
        assert same(read(tmp_path / "compact", table), read(tmp_path / "single", table))


@pytest.mark.slow
def test_a_killed_job_is_run_again(tmp_path):
    clips = {f"{number:03d}.mp4": (*make_clip(number, 60), "train") for number in range(120)}
    folder = write_landmarks(tmp_path / "tables", clips)
    before = without_labels(read(folder))
    line = [sys.executable, "-m", "beam_jobs", "compact", "--input", folder, "--rows_per_file", "200"]
    killed = subprocess.Popen(line, cwd=REPOSITORY, start_new_session=True, stdout=subprocess.DEVNULL)
    while killed.poll() is None and not any(map(compacted.is_compacted, files(folder))):
        time.sleep(0.01)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert same(without_labels(read(folder)), before)
    done = run_command(*line[2:], *IN_MEMORY)
    assert done.returncode == 0 and "120 videos, 7200 rows" in done.stdout
    assert len(files(folder)) == 40 and all(map(compacted.is_compacted, files(folder)))
    assert same(without_labels(read(folder)), before)


def extract(videos, output, *flags) -> str:
    done = run_command("beam_jobs", "extract", "--videos", videos, "--output", output, *flags, *IN_MEMORY[1:])
    assert done.returncode == 0
    return done.stdout


@pytest.mark.slow
def test_extract_goes_on_in_a_compact_folder(athlete_videos, tmp_path, pose_model_path):
    videos, output = tmp_path / "videos", tmp_path / "tables"
    videos.mkdir()
    clips = sorted(athlete_videos.rglob("*.mp4"))[:4]
    for number, clip in enumerate(clips[:3]):
        shutil.copy(clip, videos / f"{number}.mp4")
    whole = clips[3].read_bytes()
    (videos / "broken.mp4").write_bytes(b"no video")
    (videos / "labels.csv").write_text("video,label\n0.mp4,squat\n1.mp4,squat\n")
    share = ("--max_failed_share", "0.5")
    extract(videos, output, "--labels", videos / "labels.csv", *share)
    before = read(output)
    compact(output, rows_per_file=100_000)
    (name,) = files(output)
    # Skipped; the dead letter stays; new labels.
    (videos / "labels.csv").write_text("video,label\n0.mp4,lunge\n1.mp4,squat\n")
    assert "0 videos done, 3 skipped" in extract(videos, output, "--labels", videos / "labels.csv", *share)
    assert files(output) == [name]
    assert same(read(output), before)
    quality = {row["video_id"]: row for row in read(output, tables.QUALITY).to_pylist()}
    assert {key: (row["label"], row["landmarks_file"]) for key, row in quality.items()} == {
        "0.mp4": ("lunge", name),
        "1.mp4": ("squat", name),
        "2.mp4": (None, name),
    }
    assert read(output, tables.DEAD_LETTERS)["video_id"].to_pylist() == ["broken.mp4"]
    labels = {video.video_id: video.label for video in features_shards.read_videos(str(output))}
    assert labels == {"0.mp4": "lunge", "1.mp4": "squat", "2.mp4": None}
    # Changed and new videos; another sampling rate is another way.
    (videos / "1.mp4").write_bytes(whole)
    (videos / "broken.mp4").write_bytes(whole)
    assert "2 videos done, 2 skipped" in extract(videos, output, "--labels", videos / "labels.csv", *share)
    assert files(output) == ["1.mp4.parquet", "broken.mp4.parquet", name]
    expected = tmp_path / "expected"
    extract(videos, expected, "--labels", videos / "labels.csv")
    assert same(without_labels(read(output)), without_labels(read(expected)))
    assert_same_inputs(feature_inputs(output), feature_inputs(expected))
    compact(output, rows_per_file=100_000)
    assert same(read(output), read(expected))
    drop = ["landmarks_file"]
    assert read(output, tables.QUALITY).drop_columns(drop).equals(read(expected, tables.QUALITY).drop_columns(drop))
    assert "4 have landmarks" in extract(videos, output, "--dry_run")
    assert not list(pathlib.Path(output).rglob(".*"))
