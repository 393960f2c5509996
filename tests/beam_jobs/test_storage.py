"""Whole or not at all, on a local disk and in a bucket of a real emulator."""

import os
import pathlib

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs import storage, tables
from beam_jobs.errors import UserError


@pytest.fixture(params=["local", "gs"])
def folder(request, tmp_path) -> str:
    if request.param == "local":
        return str(tmp_path / "folder")
    return f"{request.getfixturevalue('gcs_bucket')}/{tmp_path.name}"


def dead_letters(*video_ids):
    rows = [
        {"video_id": name, "uri": "", "stage": "read", "reason": "empty", "message": "", "num_frames_kept": 0}
        for name in video_ids
    ]
    return pa.Table.from_pylist(rows, schema=tables.DEAD_LETTERS.schema())


def test_a_file_appears_whole_or_not_at_all(folder):
    path = storage.join(folder, "a", "b.txt")
    with pytest.raises(RuntimeError), storage.atomic_file(path) as local:
        pathlib.Path(local).write_text("half")
        raise RuntimeError
    assert not storage.exists(path)
    assert storage.list_files(folder) == []
    storage.write_text(path, "whole")
    storage.write_text(path, "whole again")
    assert storage.read_text(path) == "whole again"
    assert storage.list_files(folder) == [path]


def test_a_file_written_by_another_process_is_found_at_once(folder):
    path = storage.join(folder, "dead_letters", "a.txt")
    storage.write_text(storage.join(folder, "quality", "b.txt"), "b")
    fs, name = storage.filesystem(folder)
    # What GCS's client remembers has no folder dead_letters.
    fs.ls(name)
    assert not fs.exists(f"{name}/dead_letters")
    other = fsspec.filesystem(
        fs.protocol[0] if isinstance(fs.protocol, tuple) else fs.protocol, skip_instance_cache=True
    )
    other.makedirs(f"{name}/dead_letters", exist_ok=True)
    other.pipe_file(f"{name}/dead_letters/a.txt", b"whole")
    with storage.local_copy(path) as local:
        assert pathlib.Path(local).read_text() == "whole"


def test_a_folder_replaces_the_former_one_whole(folder):
    path = storage.join(folder, "bundle")
    for content in ({"bundle.json": "1", "old": "x"}, {"bundle.json": "2", "deep/new": "y"}):
        with storage.atomic_folder(path, marker="bundle.json") as local:
            for name, text in content.items():
                storage.write_text(os.path.join(local, name), text)
    assert [name.removeprefix(path + "/") for name in storage.list_files(path)] == ["bundle.json", "deep/new"]
    with pytest.raises(RuntimeError), storage.atomic_folder(path, marker="bundle.json") as local:
        raise RuntimeError
    assert storage.read_text(storage.join(path, "bundle.json")) == "2"
    with storage.local_folder_copy(path) as local:
        assert pathlib.Path(local, "deep", "new").read_text() == "y"


def test_a_table_goes_out_and_comes_back_in_the_order_of_its_files(folder):
    for part, names in (("part-1", ("c", "d")), ("part-0", ("a", "b"))):
        storage.write_table(
            storage.join(folder, "dead_letters", f"{part}.parquet"), tables.DEAD_LETTERS, dead_letters(*names)
        )
    found = storage.read_table(folder, tables.DEAD_LETTERS, columns=["video_id"])
    assert found["video_id"].to_pylist() == ["a", "b", "c", "d"]


def test_a_missing_table_is_reported_with_what_to_do(folder):
    for table, job in ((tables.QUALITY, "extract"), (tables.FINAL_FEATURES, "features")):
        with pytest.raises(UserError, match=rf"has no \.parquet file.*beam_jobs {job}"):
            storage.read_table(folder, table)


def test_another_schema_version_is_refused_with_both_values(tmp_path):
    schema = tables.DEAD_LETTERS.schema().with_metadata({tables.SCHEMA_VERSION_KEY: "99"})
    (tmp_path / "dead_letters").mkdir()
    pq.write_table(dead_letters("a").cast(schema), tmp_path / "dead_letters" / "x.parquet")
    with pytest.raises(UserError, match=rf"schema version 99; expected {tables.SCHEMA_VERSION}"):
        storage.read_table(str(tmp_path), tables.DEAD_LETTERS)
    (tmp_path / "dead_letters" / "x.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="Parquet"):
        storage.read_table(str(tmp_path), tables.DEAD_LETTERS)


@pytest.mark.parametrize("video_id", ["a/b c.mp4", "..", "été?.mp4", "gs://bucket/x.mp4", "深蹲" * 60])
def test_any_video_id_makes_one_file_name(video_id):
    path = storage.landmarks_file("out", video_id)
    assert path.startswith("out/landmarks/")
    assert path.count("/") == 2
    assert len(path.rpartition("/")[2].encode()) < 200


def test_the_189_features_in_their_order():
    """Positions written by hand from the contract."""
    names = tables.FEATURE_NAMES
    assert len(names) == len(set(names)) == 189
    assert names[:4] == ("nose_x", "nose_y", "nose_z", "left_eye_inner_x")
    assert names[98] == "right_foot_index_z"
    assert names[99:107] == (
        *("left_elbow_angle_degrees", "right_elbow_angle_degrees", "left_shoulder_angle_degrees"),
        *("right_shoulder_angle_degrees", "left_hip_angle_degrees", "right_hip_angle_degrees"),
        *("left_knee_angle_degrees", "right_knee_angle_degrees"),
    )
    assert names[107:115] == (
        *(f"{joint}_angle_difference_degrees" for joint in ("elbow", "shoulder", "hip", "knee")),
        *(f"{joint}_mirror_distance" for joint in ("wrist", "elbow", "knee", "ankle")),
    )
    assert names[115:123] == (
        *("shoulder_width", "hip_width", "wrist_to_wrist", "ankle_to_ankle"),
        *("left_wrist_to_hip", "right_wrist_to_hip", "left_hip_to_ankle", "right_hip_to_ankle"),
    )
    assert (names[123], names[155], names[156], names[188]) == (
        *("nose_speed", "right_foot_index_speed"),
        *("nose_acceleration", "right_foot_index_acceleration"),
    )
    widths = {table.name: len(table.columns) for table in tables.TABLES.values() if table.per_frame}
    assert widths == {
        "landmarks": 33 * 8 + 1,
        "normalized": 99,
        "joint_angles": 8,
        "symmetry": 8,
        "distances": 8,
        "velocity": 33,
        "acceleration": 33,
        "final_features": 189 + 1,
        "predictions": 3,
    }
    schema = tables.FINAL_FEATURES.schema().names
    assert schema[:4] == ["video_id", "person_id", "frame_id", "timestamp_ms"]
    assert schema[-3:] == ["label", "group", "split"]


def test_landmark_files_come_in_the_order_of_their_videos(tmp_path):
    for video_id in ("a/b.mp4", "a-b.mp4"):
        path = pathlib.Path(storage.landmarks_file(str(tmp_path), video_id))
        path.parent.mkdir(exist_ok=True)
        path.touch()
    files = storage.table_files(str(tmp_path), tables.LANDMARKS)
    assert [pathlib.Path(file).name for file in files] == ["a-b.mp4.parquet", "a%2Fb.mp4.parquet"]
