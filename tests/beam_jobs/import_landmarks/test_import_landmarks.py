import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs import labels, storage, tables
from beam_jobs.errors import UserError
from beam_jobs.features import shards
from beam_jobs.import_landmarks import command, proportions
from beam_jobs.options import ImportArgs

COORDINATES = [f"{axis}_{index}" for index in range(33) for axis in "xyz"]


def clip_of(seed: int, num_rows: int = 30) -> np.ndarray:
    clip = np.random.default_rng(seed).uniform(0.1, 0.9, (num_rows, 33, 3)).astype(np.float32)
    clip[10:14] = 0  # nobody
    return clip


def source_table(clips: dict[str, np.ndarray], **columns) -> pa.Table:
    stacked = np.concatenate(list(clips.values()))
    values = {
        "video_id": [video_id for video_id, clip in clips.items() for _ in clip],
        "frame_id": np.concatenate([np.arange(len(clip)) for clip in clips.values()]),
        **columns,
        **dict(zip(COORDINATES, stacked.reshape(-1, 99).T, strict=True)),
        "something_else": np.zeros(len(stacked)),
    }
    return pa.table(values)


def run(tmp_path, table: pa.Table, csv: str = "video_id,label\nb,squat\n", **flags) -> str:
    pq.write_table(table, tmp_path / "landmarks.parquet", row_group_size=17)
    (tmp_path / "labels.csv").write_text(csv)
    args = {
        "landmarks": str(tmp_path / "landmarks.parquet"),
        "labels": str(tmp_path / "labels.csv"),
        "output": str(tmp_path / "output"),
        **flags,
    }
    assert command.run(ImportArgs(**args), []) == 0
    return args["output"]


def read(output: str, video_id: str) -> pa.Table:
    return pq.read_table(storage.landmarks_file(output, video_id))


def image_of(table: pa.Table) -> np.ndarray:
    names = [name for name in table.schema.names if "_image_" in name]
    return np.stack([table[name].to_numpy() for name in names], axis=1).reshape(-1, 33, 3)


def test_every_other_row_of_30_hz_lands_on_the_15_hz_grid(tmp_path):
    clips = {"b": clip_of(1), "a/ä 1": clip_of(2, 21)}
    csv = "video_id,label,group,split,rep_count\nb,squat,me,test,3\nnot there,squat,,,\n"
    output = run(tmp_path, source_table(clips), csv)
    assert len(storage.table_files(output, tables.LANDMARKS)) == 2
    rows = read(output, "b")
    assert rows.schema.names == tables.LANDMARKS.schema().names
    assert rows["frame_id"].to_pylist() == list(range(15))
    assert rows["timestamp_ms"].to_pylist() == [round(i * 1000 / 15) for i in range(15)]
    assert rows["detected"].to_pylist() == [not 10 <= i < 14 for i in range(0, 30, 2)]
    expected = clips["b"][::2].copy()
    expected[5:7] = np.nan
    np.testing.assert_array_equal(image_of(rows), expected)
    for name in ("nose_world_x_m", "nose_visibility", "nose_presence"):
        assert np.isnan(rows[name].to_numpy()).all()
    assert set(zip(*(rows[c].to_pylist() for c in ("label", "group", "split")), strict=True)) == {
        ("squat", "me", "test")
    }
    file = storage.landmarks_file(output, "b")
    assert storage.fingerprint(file) == {
        "coordinates": "image",
        "frame_rate_hz": 15.0,
        "mediapipe": "unknown",
        "pose_model_sha256": "unknown",
        "running_mode": "unknown",
    }

    quality = storage.read_table(output, tables.QUALITY).to_pylist()
    assert [row["video_id"] for row in quality] == ["a/ä 1", "b"]
    of_b = quality[1]
    assert (of_b["num_frames_decoded"], of_b["num_frames_sampled"], of_b["num_frames_detected"]) == (30, 15, 13)
    assert of_b["frame_rate_hz"] == pytest.approx(30)
    # Rows 10 and 12 (of 30 a second) are without a person, row 14 is not.
    assert of_b["longest_gap_s"] == pytest.approx(4 / 30, abs=1e-3)
    assert of_b["duration_s"] == pytest.approx(1)
    assert quality[0]["duration_s"] == pytest.approx(21 / 30)
    assert of_b["landmarks_file"] == "b.parquet"
    unlabelled = labels.default_labels("a/ä 1")
    assert (quality[0]["label"], quality[0]["group"], quality[0]["split"]) == (None, "a/ä 1", unlabelled.split)
    assert storage.read_table(output, tables.DEAD_LETTERS).num_rows == 0


def test_timestamps_visibility_and_person_are_taken_where_there_are_any(tmp_path):
    clip = clip_of(3, 6)
    columns = {
        "timestamp_ms": np.array([1000, 1040, 1080, 1400, 1410, 1467]),
        "person_id": np.full(6, 2),
        **{f"visibility_{index}": np.full(6, index / 100) for index in range(33)},
    }
    rows = read(run(tmp_path, source_table({"a": clip}, **columns)), "a")
    # Cells of 1/15 s, 22 % early being on time: 0; 80 ms; 400 and 467 ms are cells 6 and 7.
    assert rows["timestamp_ms"].to_pylist() == [0, 80, 400, 467]
    assert rows["frame_id"].to_pylist() == [0, 1, 6, 7]
    assert rows["person_id"].to_pylist() == [2] * 4
    assert rows["left_shoulder_visibility"].to_pylist() == pytest.approx([0.11] * 4)
    np.testing.assert_array_equal(image_of(rows), clip[[0, 2, 3, 5]])


@pytest.mark.parametrize(
    ("missing", "gap_s"), [([], 0), ([0, 2], 4 / 30), (range(20, 30), 8 / 30), (range(30), 28 / 30)]
)
def test_gaps_are_measured_as_in_extracted_videos(tmp_path, missing, gap_s):
    """From the first row without a person to the next one with; at the end, to the last row."""
    clip = np.full((30, 33, 3), 0.5, np.float32)
    clip[list(missing)] = 0
    quality = storage.read_table(run(tmp_path, source_table({"a": clip})), tables.QUALITY)
    assert quality["longest_gap_s"].to_pylist() == [pytest.approx(gap_s, abs=1e-3)]


def test_importing_again_replaces_what_was_there(tmp_path):
    run(tmp_path, source_table({"a": clip_of(1), "b": clip_of(2)}))
    output = run(tmp_path, source_table({"b": clip_of(3, 8)}))
    assert storage.table_files(output, tables.LANDMARKS) == [storage.landmarks_file(output, "b")]
    assert storage.read_table(output, tables.LANDMARKS).num_rows == 4


def test_landmarks_of_another_make_are_not_replaced(tmp_path):
    output = run(tmp_path, source_table({"a": clip_of(1)}))
    with pytest.raises(UserError, match="Choose another --output"):
        run(tmp_path, source_table({"a": clip_of(1)}), sample_rate_hz=10.0)
    assert read(output, "a").num_rows == 15


def test_an_import_that_breaks_off_looks_like_none(tmp_path):
    source = source_table({"a": clip_of(1)})
    output = run(tmp_path, source)
    with pytest.raises(UserError, match="not together"):
        run(tmp_path, pa.concat_tables([source, source_table({"b": clip_of(2)}), source]))
    with pytest.raises(UserError, match="quality"):
        list(shards.read_videos(output))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda table: table.drop_columns(["y_7", "z_9"]), "y_7"),
        (lambda table: table.slice(0, 0), "has no row"),
        (lambda table: table.take([0, 1, 3, 2]), "frame_id .*'a'"),
        (
            lambda table: table.append_column("timestamp_ms", [[0] * len(table)]),
            "timestamp_ms .*'a'",
        ),
        (lambda table: table.append_column("person_id", [[0] * 20 + [1] * 10]), "person_ids 0, 1"),
    ],
)
def test_wrong_tables_are_reported(tmp_path, broken, message):
    with pytest.raises(UserError, match=message):
        run(tmp_path, broken(source_table({"a": clip_of(1)})))


def test_wrong_files_are_reported(tmp_path):
    source = source_table({"a": clip_of(1)})
    with pytest.raises(UserError, match="Parquet"):
        run(tmp_path, source, landmarks=str(tmp_path / "labels.csv"))
    with pytest.raises(UserError, match="does not exist"):
        run(tmp_path, source, landmarks=str(tmp_path / "nothing.parquet"))
    with pytest.raises(UserError, match="expected a header line"):
        run(tmp_path, source, csv="name,exercise\n")


def test_features_of_real_imported_landmarks(shared_data, tmp_path):
    """The first videos of a table made elsewhere, through both jobs."""
    folder = shared_data / "landmarks_8"
    first = pq.ParquetFile(folder / "landmarks.parquet").read_row_group(0)
    ids = first["video_id"].unique().to_pylist()[:3]
    first = first.filter(pa.compute.is_in(first["video_id"], pa.array(ids)))
    output = run(tmp_path, first, (folder / "labels.csv").read_text())
    videos = list(shards.read_videos(output))
    assert sorted(ids) == [video.video_id for video in videos]
    ((_, made_by), *_) = shards.with_common_fingerprint(videos)
    assert made_by == command.fingerprint(15.0, restored=True)
    rows = list(shards.read_rows(videos, "world"))
    total = sum(part.keys.num_rows for part in rows)
    assert total == pytest.approx(first.num_rows / 2, abs=len(ids))
    now = np.concatenate([part.landmarks[part.newest] for part in rows])
    detected = np.concatenate([part.keys["detected"].to_numpy() for part in rows])
    assert np.isfinite(now[detected]).all()
    assert np.isnan(now[~detected]).all()


def unit_cubes(seed: int) -> np.ndarray:
    clip = clip_of(seed)
    there = (clip != 0).any(axis=(1, 2))
    low, high = (pick(clip[there], axis=1, keepdims=True) for pick in (np.min, np.max))
    clip[there] = (clip[there] - low) / (high - low)
    return clip


def world_of(table: pa.Table) -> np.ndarray:
    names = [name for name in table.schema.names if "_world_" in name]
    return np.stack([table[name].to_numpy() for name in names], axis=1).reshape(-1, 33, 3)


def test_axes_scaled_to_0_1_in_each_frame_become_world_landmarks(tmp_path, capsys):
    clips = {"a": unit_cubes(1), "b": unit_cubes(2)}
    output = run(tmp_path, source_table(clips))
    assert "restored" in capsys.readouterr().out
    rows = read(output, "b")
    image = clips["b"][::2].copy()
    image[5:7] = np.nan
    np.testing.assert_array_equal(image_of(rows), image)
    # The rows come in batches; rows near the edge of one know fewer neighbours.
    np.testing.assert_allclose(world_of(rows), proportions.restore_proportions(image), atol=0.02)
    made_by = storage.fingerprint(storage.landmarks_file(output, "b"))
    assert made_by == command.fingerprint(15.0, restored=True)
    assert made_by["coordinates"] == "world"

    with pytest.raises(UserError, match="made by"):
        run(tmp_path, source_table(clips), keep_proportions=True)
    kept = run(tmp_path, source_table(clips), keep_proportions=True, output=str(tmp_path / "kept"))
    assert np.isnan(world_of(read(kept, "b"))).all()
    assert storage.fingerprint(storage.landmarks_file(kept, "b")) == command.fingerprint(15.0)


def test_a_table_of_two_scales_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"'b' .*0-1 .*--keep_proportions"):
        run(tmp_path, source_table({"a": unit_cubes(1), "b": clip_of(2)}))
