import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import reference_features
from landmark_tables import FINGERPRINT, IN_MEMORY, default_clips, make_clip, write_landmarks

from beam_jobs import beam_options, runner, storage, tables, transform_graph, windows
from beam_jobs.errors import UsageError, UserError
from beam_jobs.features import command, publish
from beam_jobs.features import pipeline as features_pipeline
from beam_jobs.features import shards as features_shards
from beam_jobs.features.plan import PlanWriter
from beam_jobs.options import FeaturesArgs

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]


def run(source, output, transform_fn=None) -> None:
    args = FeaturesArgs(str(source), str(output), transform_fn and str(transform_fn))
    assert command.run(args, IN_MEMORY) == 0


def values(folder, table) -> np.ndarray:
    rows = storage.read_table(str(folder), table)
    return np.stack([rows[name].to_numpy() for name in table.column_names if name != "detected"], axis=1)


def scores_by_video(folder) -> dict[str, np.ndarray]:
    ids = np.array(storage.read_table(str(folder), tables.FINAL_FEATURES, ["video_id"])["video_id"].to_pylist())
    scores = values(folder, tables.FINAL_FEATURES)
    return {str(video_id): scores[ids == video_id] for video_id in np.unique(ids)}


def split_of_rows(folder) -> np.ndarray:
    return np.array(storage.read_table(str(folder), tables.FINAL_FEATURES, ["split"])["split"].to_pylist())


def contents(folder) -> dict[str, str]:
    files = (path for path in sorted(pathlib.Path(folder).rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def landmarks_folder(tmp_path_factory) -> str:
    return write_landmarks(tmp_path_factory.mktemp("landmarks"), default_clips())


@pytest.fixture(scope="module")
def fitted(landmarks_folder, tmp_path_factory) -> pathlib.Path:
    """The output of a job that fits: eight videos in four shards."""
    output = tmp_path_factory.mktemp("fitted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features_pipeline, "ROWS_PER_SHARD", 80)
        run(landmarks_folder, output)
    return output


def test_tables_have_their_columns_and_metadata(fitted):
    for table in (*tables.UNSCALED_TABLES, tables.FINAL_FEATURES):
        files = storage.table_files(str(fitted), table)
        assert [file.rsplit("/", 1)[-1] for file in files] == [f"part-0000{i}-of-00004.parquet" for i in range(4)]
        for file in files:
            assert storage.fingerprint(file) == FINGERPRINT
        rows = storage.read_table(str(fitted), table)
        assert rows.schema.names == [
            *("video_id", "person_id", "frame_id", "timestamp_ms"),
            *table.column_names,
            *("label", "group", "split"),
        ]
        assert rows.num_rows == 8 * 40
    assert sorted(path.name for path in fitted.iterdir()) == sorted(
        [*(t.name for t in features_pipeline.WRITTEN), "transform_fn"]
    )


def test_rows_are_ordered_over_all_files_and_keep_their_keys(fitted):
    rows = storage.read_table(str(fitted), tables.FINAL_FEATURES).to_pydict()
    expected = [
        (name, 0, int(frame), round(int(frame) * 1000 / 15), bool(np.isfinite(clip[i]).any()), "squat", name, split)
        for name, (clip, frames, split) in sorted(default_clips().items())
        for i, frame in enumerate(frames)
    ]
    names = ("video_id", "person_id", "frame_id", "timestamp_ms", "detected", "label", "group", "split")
    assert list(zip(*(rows[name] for name in names), strict=True)) == expected


def test_all_values_as_in_the_reference(fitted):
    clips = sorted(default_clips().items())
    by_clip = [reference_features.features(c, np.rint(f * 1000 / 15).astype(int)) for _, (c, f, _) in clips]
    expected = {
        table.name: np.concatenate([found[table.name] for found in by_clip]) for table in tables.UNSCALED_TABLES
    }
    for table in tables.UNSCALED_TABLES:
        np.testing.assert_allclose(
            values(fitted, table), expected[table.name], rtol=1e-4, atol=1e-3, err_msg=table.name
        )
    physical = np.concatenate([expected[table.name] for table in tables.UNSCALED_TABLES], axis=1)
    scores = reference_features.standardized(physical, split_of_rows(fitted) == "train")
    np.testing.assert_allclose(values(fitted, tables.FINAL_FEATURES), scores, rtol=1e-4, atol=1e-4)


def test_scores_have_mean_0_and_deviation_1_in_the_train_split(fitted):
    scores = values(fitted, tables.FINAL_FEATURES).astype(np.float64)
    physical = np.concatenate([values(fitted, table) for table in tables.UNSCALED_TABLES], axis=1)
    assert np.isfinite(scores).all()
    assert (scores[np.isnan(physical)] == 0).all()
    assert np.isnan(physical).any(axis=0).all(), "the clips should have gaps in every column"
    train = split_of_rows(fitted) == "train"
    known = np.where(np.isnan(physical), np.nan, scores)[train]
    np.testing.assert_allclose(np.nanmean(known, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(known, axis=0), 1, atol=1e-5)


@pytest.mark.slow
def test_neither_empty_frames_nor_other_splits_reach_the_statistics(fitted, tmp_path):
    clips = default_clips()
    clips["g.mp4"] = (clips["g.mp4"][0] ** 3 * 100, *clips["g.mp4"][1:])
    clips["h.mp4"] = (np.full((200, 33, 3), np.nan, np.float32), np.arange(200), "train")
    run(write_landmarks(tmp_path / "landmarks", clips), tmp_path / "output")
    found, expected = scores_by_video(tmp_path / "output"), scores_by_video(fitted)
    assert (found.pop("h.mp4") == 0).all()
    assert not np.allclose(found.pop("g.mp4"), expected.pop("g.mp4"))
    for video_id, scores in expected.items():
        np.testing.assert_allclose(found[video_id], scores, rtol=1e-5, atol=1e-6)


def test_an_existing_graph_gives_the_same_numbers_and_replaces_all_files(fitted, landmarks_folder, tmp_path):
    output = tmp_path / "output"
    stale = output / "velocity" / "part-00007-of-00009.parquet"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of a former run")
    run(landmarks_folder, output, fitted / "transform_fn")
    assert not stale.exists()
    for table in (*tables.UNSCALED_TABLES, tables.FINAL_FEATURES):
        assert len(storage.table_files(str(output), table)) == 1
        np.testing.assert_allclose(values(output, table), values(fitted, table), rtol=1e-6, atol=1e-6)
    assert contents(output / "transform_fn" / "transform_fn") == contents(fitted / "transform_fn" / "transform_fn")
    assert transform_graph.find(str(output), FINGERPRINT) == str(output / "transform_fn" / "transform_fn")


def test_a_graph_is_not_fitted_to_what_it_is_applied_to(fitted, tmp_path):
    name, (clip, frames, _) = "a.mp4", default_clips()["a.mp4"]
    source = write_landmarks(tmp_path / "landmarks", {name: (clip, frames, "test")})
    run(source, tmp_path / "output", fitted)
    expected = values(fitted, tables.FINAL_FEATURES)[:40]
    np.testing.assert_allclose(values(tmp_path / "output", tables.FINAL_FEATURES), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("with_former_output", [True, False])
def test_a_job_that_fails_leaves_former_tables_as_they_were(
    fitted, landmarks_folder, tmp_path, monkeypatch, with_former_output
):
    output = tmp_path / "output"
    if with_former_output:
        storage.write_text(str(output / "final_features" / "part-00000-of-00001.parquet"), "former")
        (output / ".staging-of-a-killed-job").mkdir()
    before = contents(output) if with_former_output else {}
    write = features_pipeline.feature_tables

    def fail_later(rows, outputs, metadata):
        if "f.mp4" in rows.keys["video_id"].to_pylist():
            raise RuntimeError("the worker is gone")
        return write(rows, outputs, metadata)

    monkeypatch.setattr(features_pipeline, "feature_tables", fail_later)
    monkeypatch.setattr(features_pipeline, "ROWS_PER_SHARD", 80)
    with pytest.raises(RuntimeError, match="the worker is gone"):
        run(landmarks_folder, output, fitted)
    assert contents(output) == before
    assert [path.name for path in output.iterdir()] == (["final_features"] if with_former_output else [])


def test_the_graph_runs_without_tft_and_beam(fitted, landmarks_folder, tmp_path):
    clip, frames, _ = default_clips()["a.mp4"]
    history, times = windows.histories(clip, np.rint(frames * 1000 / 15).astype(np.int64))
    np.savez(tmp_path / "input.npz", landmarks=history, timestamp_ms=times)
    program = """
import sys
sys.modules["apache_beam"] = sys.modules["tensorflow_transform"] = sys.modules["tfx_bsl"] = None
import numpy as np, tensorflow as tf
graph = tf.saved_model.load(sys.argv[1])
inputs = np.load(sys.argv[2])
rows = [
    graph.transform_fn({name: tf.constant(inputs[name][i : i + 1]) for name in inputs})["final_features"].numpy()
    for i in range(len(inputs["landmarks"]))
]
np.save(sys.argv[3], np.concatenate(rows))
"""
    graph, found = fitted / "transform_fn" / "transform_fn", tmp_path / "found.npy"
    subprocess.run([sys.executable, "-c", program, graph, tmp_path / "input.npz", found], check=True, cwd=tmp_path)
    # One row at a time gives what the job wrote, batch by batch.
    np.testing.assert_allclose(np.load(found), values(fitted, tables.FINAL_FEATURES)[:40], rtol=1e-5, atol=1e-5)


def test_batches_may_end_anywhere_and_span_videos(landmarks_folder):
    videos = list(features_shards.read_videos(landmarks_folder))
    whole = next(features_shards.read_rows(videos, "world", 10_000))
    assert whole.keys.num_rows == 8 * 40
    (fed,) = whole.graph_inputs(rows_per_call=8 * 40)
    for rows_per_batch in (3, 7, 64):
        parts = list(features_shards.read_rows(videos, "world", rows_per_batch))
        assert all(part.keys.num_rows >= rows_per_batch for part in parts[:-1])
        for name, expected in fed.items():
            inputs = [one[name] for part in parts for one in part.graph_inputs(rows_per_call=5)]
            np.testing.assert_array_equal(np.concatenate(inputs), expected)
        assert pa.concat_tables([part.keys for part in parts]).equals(whole.keys)
    clips = default_clips()
    for index, video in enumerate(videos):
        clip, frames, _ = clips[video.video_id]
        history, times = windows.histories(clip, np.rint(frames * 1000 / 15).astype(np.int64))
        np.testing.assert_array_equal(fed["landmarks"][index * 40 : index * 40 + 40], history)
        np.testing.assert_array_equal(fed["timestamp_ms"][index * 40 : index * 40 + 40], times)


def test_shards_hold_whole_videos_in_order(tmp_path):
    videos = [
        features_shards.LandmarksFile(name, f"{name}.parquet", rows, 2, "squat", None, "train")
        for name, rows in zip("abcd", (60, 40, 500, 1), strict=True)
    ]
    with PlanWriter(str(tmp_path / "plan.parquet"), 100) as writer:
        for video in videos:
            writer.add(video)
    plan = writer.plan()
    assert (plan.num_shards, plan.num_videos, plan.num_rows, plan.num_detected) == (3, 4, 601, 8)
    shards = [shard.read() for shard in plan.copied(str(tmp_path / "copy" / "plan.parquet")).shards()]
    assert [shard.videos for shard in shards] == [tuple(videos[:2]), (videos[2],), (videos[3],)]
    assert [shard.file_name for shard in shards][2] == "part-00002-of-00003.parquet"


def description(folder, num_videos: int) -> int:
    """The size of the description of a job that fits."""
    videos = (
        features_shards.LandmarksFile(f"{number:06d}.mp4", "", 30, 1, None, None, "train", json.dumps(FINGERPRINT))
        for number in range(num_videos)
    )
    (folder / "plans").mkdir(parents=True)
    plans = features_pipeline.write_plans(videos, str(folder / "plans"))
    assert plans.videos.num_videos == num_videos
    job = runner.new_pipeline(IN_MEMORY, "features")
    features_pipeline.build(job, plans, str(folder / "out"), None, str(folder / "scratch"), None)
    return job.to_runner_api().ByteSize()


@pytest.mark.slow
def test_the_description_of_a_job_does_not_grow_with_the_number_of_videos(tmp_path):
    assert abs(description(tmp_path / "many", 5000) - description(tmp_path / "few_", 10)) < 500


@pytest.fixture
def distributed(monkeypatch) -> list:
    """Makes a job believe that its runner is not this machine's, and be interrupted while it runs; holds the job."""
    pipelines: list = []

    def interrupted(pipeline):
        pipelines.append(pipeline)
        raise KeyboardInterrupt

    monkeypatch.setattr(beam_options, "is_local", lambda beam_args: False)
    monkeypatch.setattr(beam_options, "check_shared", lambda beam_args, paths, shared_disk: None)
    monkeypatch.setattr(runner, "run", interrupted)
    return pipelines


def test_a_distributed_job_goes_on_without_its_launcher(fitted, landmarks_folder, tmp_path, distributed):
    output = tmp_path / "output"
    storage.write_text(str(output / "final_features" / "part-00000-of-00003.parquet"), "former")
    with pytest.raises(KeyboardInterrupt):
        run(landmarks_folder, output, fitted)
    assert contents(output / "final_features") == {"part-00000-of-00003.parquet": hashlib.sha256(b"former").hexdigest()}
    distributed[0].run().wait_until_finish()
    np.testing.assert_allclose(
        values(output, tables.FINAL_FEATURES), values(fitted, tables.FINAL_FEATURES), rtol=1e-6, atol=1e-6
    )
    assert not list(output.glob(".*"))


def test_a_distributed_job_whose_files_are_taken_away_fails(fitted, landmarks_folder, tmp_path, distributed):
    """As by a second job with the same output folder, started when the first one's launcher was interrupted."""
    output = tmp_path / "output"
    storage.write_text(str(output / "final_features" / "part-00000-of-00003.parquet"), "former")
    with pytest.raises(KeyboardInterrupt):
        run(landmarks_folder, output, fitted)
    before = contents(output / "final_features")
    publish.clean(str(output))
    with pytest.raises(Exception, match=r"\.staging-.* does not exist"):
        distributed[0].run().wait_until_finish()
    assert contents(output / "final_features") == before


def test_a_distributed_job_that_ends_badly_leaves_nothing(fitted, landmarks_folder, tmp_path, distributed, monkeypatch):
    def failed(pipeline):
        raise UserError("The Beam job ended as FAILED")

    monkeypatch.setattr(runner, "run", failed)
    with pytest.raises(UserError, match="FAILED"):
        run(landmarks_folder, tmp_path / "output", fitted)
    assert not list((tmp_path / "output").glob(".*"))


def test_a_runner_elsewhere_needs_shared_folders(landmarks_folder, tmp_path):
    for name in ("DataflowRunner", "FlinkRunner"):
        with pytest.raises(UsageError, match=rf"--input .*{name}.* gs://"):
            command.run(FeaturesArgs(landmarks_folder, str(tmp_path / "output")), [f"--runner={name}"])


def test_from_and_to_cloud_storage(fitted, gcs_bucket, monkeypatch, capsys):
    """Fitting included, twice over: the second job replaces the first one's shards."""
    source = write_landmarks(f"{gcs_bucket}/landmarks", default_clips())
    for rows_per_shard, num_shards in ((80, 4), (160, 2)):
        monkeypatch.setattr(features_pipeline, "ROWS_PER_SHARD", rows_per_shard)
        run(source, f"{gcs_bucket}/features")
        files = [storage.relative_path(gcs_bucket, file) for file in storage.list_files(f"{gcs_bucket}/features")]
        assert {file for file in files if "/transform_fn/" not in file} == {
            f"features/{table.name}/part-{index:05d}-of-{num_shards:05d}.parquet"
            for table in features_pipeline.WRITTEN
            for index in range(num_shards)
        }
        # Of each clip of 40 rows, three are without a person.
        assert re.search("8 videos.* 320 rows.* 24 ", capsys.readouterr().out)
    fs, name = storage.filesystem(f"{gcs_bucket}/features")
    fs.invalidate_cache()
    assert len(fs.find(name)) == len(files), "no staging left"
    for table in features_pipeline.WRITTEN:
        found, expected = values(f"{gcs_bucket}/features", table), values(fitted, table)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    before = values(f"{gcs_bucket}/features", tables.FINAL_FEATURES)
    run(source, f"{gcs_bucket}/features", f"{gcs_bucket}/features")
    after = values(f"{gcs_bucket}/features", tables.FINAL_FEATURES)
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-6)


def test_a_folder_without_landmarks_is_refused(tmp_path):
    with pytest.raises(UserError, match="quality"):
        run(tmp_path, tmp_path / "output")
    write_landmarks(tmp_path, {"a.mp4": (np.empty((0, 33, 3), np.float32), np.empty(0), "train")})
    with pytest.raises(UserError, match="has no landmarks"):
        run(tmp_path, tmp_path / "output")
    assert not (tmp_path / "output").exists()


def test_landmarks_file_that_is_gone(tmp_path):
    folder = write_landmarks(tmp_path, default_clips())
    (tmp_path / "landmarks" / "c.mp4.parquet").unlink()
    with pytest.raises(UserError, match=r"'c\.mp4'"):
        run(folder, tmp_path / "output")


def test_nobody_in_the_train_split(tmp_path):
    clip, frames = make_clip(1)
    clips = {"a.mp4": (clip, frames, "test"), "b.mp4": (np.full_like(clip, np.nan), frames, "train")}
    with pytest.raises(UserError, match=r"train split \(1 of 2"):
        run(write_landmarks(tmp_path, clips), tmp_path / "output")


def test_two_ways_of_extraction_are_not_mixed(tmp_path):
    clips = default_clips()
    write_landmarks(tmp_path, {"g.mp4": clips["g.mp4"]}, {**FINGERPRINT, "frame_rate_hz": 10.0})
    file = tmp_path / "landmarks" / "g.mp4.parquet"
    of_g = file.read_bytes()
    write_landmarks(tmp_path, clips)
    file.write_bytes(of_g)
    with pytest.raises(UserError, match=r"'a.mp4' .*15\.0.* 'g.mp4' .*10\.0"):
        run(tmp_path, tmp_path / "output")


def test_the_quality_table_says_how_landmarks_were_made(tmp_path, monkeypatch):
    def videos(*fingerprints):
        found = [fingerprint and json.dumps(fingerprint) for fingerprint in fingerprints]
        return [
            features_shards.LandmarksFile(str(number), f"file of {number}", 1, 1, None, None, None, text)
            for number, text in enumerate(found)
        ]

    asked = []
    monkeypatch.setattr(storage, "fingerprint", lambda path: asked.append(path) or FINGERPRINT)
    other = {**FINGERPRINT, "frame_rate_hz": 10.0}
    found = list(features_shards.with_common_fingerprint(videos(*[FINGERPRINT] * 300)))
    assert [fingerprint for _, fingerprint in found] == [FINGERPRINT] * 300 and asked == []
    list(features_shards.with_common_fingerprint(videos(FINGERPRINT, None, FINGERPRINT)))
    assert asked == ["file of 1"]
    for two in ((FINGERPRINT, other), (None, other)):
        with pytest.raises(UserError, match=r"'0' .*15\.0.* '1' .*10\.0"):
            list(features_shards.with_common_fingerprint(videos(*two)))


def test_a_graph_for_other_landmarks_is_refused(fitted, landmarks_folder, tmp_path):
    other = {**FINGERPRINT, "mediapipe": "9.9.9"}
    with pytest.raises(UserError, match=r"1\.2\.2.*9\.9\.9"):
        transform_graph.find(str(fitted), other)
    # Another estimator may pass where that is asked for; another kind of coordinates or rate never does.
    assert transform_graph.find(str(fitted), other, allow_other_pose_model=True) == transform_graph.find(
        str(fitted), FINGERPRINT
    )
    for never in ({"coordinates": "image"}, {"frame_rate_hz": 10.0}):
        with pytest.raises(UserError, match="fingerprint"):
            transform_graph.find(str(fitted), {**other, **never}, allow_other_pose_model=True)
    with pytest.raises(UserError, match="holds no transform graph"):
        run(landmarks_folder, tmp_path / "output", landmarks_folder)
    assert not (tmp_path / "output").exists()


def test_the_graph_of_a_bundle_is_found(fitted, tmp_path):
    graph = tmp_path / "bundle" / "transform_fn"
    graph.parent.mkdir()
    graph.symlink_to(fitted / "transform_fn" / "transform_fn")
    description = {"schema_version": tables.SCHEMA_VERSION, "history_length": 8, "fingerprint": FINGERPRINT}
    (tmp_path / "bundle" / "bundle.json").write_text(json.dumps(description))
    for folder in (graph, graph.parent):
        assert transform_graph.find(str(folder), FINGERPRINT) == str(graph)
    (tmp_path / "bundle" / "bundle.json").write_text(json.dumps({**description, "schema_version": 0}))
    with pytest.raises(UserError, match=r"schema_version 0.* 1"):
        transform_graph.find(str(graph.parent), FINGERPRINT)


@pytest.mark.slow
def test_a_train_split_of_one_row_is_no_reason_for_numpy_s_warnings(tmp_path, recwarn):
    clip, frame_ids = make_clip(0)
    clips = {"a.mp4": (clip[:1], frame_ids[:1], "train"), "b.mp4": (clip, frame_ids, "test")}
    run(write_landmarks(tmp_path / "landmarks", clips), tmp_path / "out [1]")
    assert not [one for one in recwarn if one.category is RuntimeWarning]
    assert np.isfinite(values(tmp_path / "out [1]", tables.FINAL_FEATURES)).all()


@pytest.mark.parametrize("name", ["o_br[a]ck", "a\\b", "a*?{c}#%20é"])
def test_features_are_made_in_and_by_folders_of_any_name(fitted, landmarks_folder, tmp_path, name):
    graph = tmp_path / name / "graph"
    shutil.copytree(fitted / "transform_fn", graph / "transform_fn")
    run(landmarks_folder, tmp_path / name / "tables", graph)
    for table in (*tables.UNSCALED_TABLES, tables.FINAL_FEATURES):
        np.testing.assert_array_equal(values(tmp_path / name / "tables", table), values(fitted, table))


def test_a_folder_of_somebody_else_s_files_is_not_replaced(landmarks_folder, tmp_path):
    (tmp_path / "velocity").mkdir()
    (tmp_path / "velocity" / "sprint.mp4").write_text("mine")
    with pytest.raises(UserError, match=r"velocity.*sprint\.mp4"):
        run(landmarks_folder, tmp_path)
    assert (tmp_path / "velocity" / "sprint.mp4").read_text() == "mine"
