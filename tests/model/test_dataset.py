import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from beam_jobs import tables, windows
from beam_jobs.errors import UsageError, UserError
from model import config, dataset

RULE = config.Config().window


def test_windows_are_those_of_the_one_rule(made, made_tables):
    """Row numbers in place of copies: the same windows, in the same order, as `windows.windows` over the table."""
    from beam_jobs import storage

    data = dataset.load(made_tables, ["train", "test"], RULE)
    table = storage.read_table(made_tables, tables.FINAL_FEATURES)
    features = np.stack([table[name].to_numpy() for name in tables.FEATURE_NAMES], axis=1)
    video_ids, detected = np.array(table["video_id"].to_pylist()), table["detected"].to_pylist()
    found = 0
    for index, clip in enumerate(data.clips):
        own = np.flatnonzero(video_ids == clip.video_id)
        expected = list(windows.windows(((features[row], detected[row]) for row in own), RULE))
        mine = np.flatnonzero(data.clip == index)
        assert len(mine) == len(expected)
        for window, (last, rows) in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(data.features(np.array([window]))[0], rows)
            assert data.frame_id[data.positions[window, -1]] == last
        found += len(expected)
    assert found == len(data) > 200
    assert data.features(slice(0, 5)).shape == (5, 34, 189) and data.features(slice(0, 5)).dtype == np.float32


def test_short_and_empty_clips(made, tmp_path):
    clips = [
        made.Clip("rows_9", num_rows=9),
        made.Clip("rows_12", num_rows=12),
        made.Clip("nobody", undetected=tuple(range(60))),
        made.Clip("whole", num_rows=34),
    ]
    data = dataset.load(made.tables(tmp_path, clips), ["train"], RULE)
    by_name = {clip.video_id: np.flatnonzero(data.clip == index) for index, clip in enumerate(data.clips)}
    assert {name: len(found) for name, found in by_name.items()} == {
        # Windows may end in rows 0, 3, 6, 9, ...: row 9 is the 10th with a person. (A clip of 5 Hz that lasts 2.4 s has
        # 12 rows: it is answered.)
        "rows_9": 0,
        "rows_12": 1,
        "nobody": 0,
        # Rows 9, 12, 15, 18, 21, 24, 27, 30, 33.
        "whole": 9,
    }
    assert [clip.video_id for clip in dataset.without_window(data)] == ["nobody", "rows_9"]
    first = data.features(by_name["whole"][:1])[0]
    # Row 9 is the clip's 10th: the 24 before the clip are zeros.
    assert not first[:24].any() and first[24:].any(axis=1).all()
    assert [clip.num_detected for clip in data.clips] == [0, 12, 9, 34]


def test_splits_and_labels(made_tables):
    data = dataset.load(made_tables, ["test"], RULE)
    assert {clip.split for clip in data.clips} == {"test"}
    assert len(data.clips) == 9
    labels = data.labels(("push_up", "squat"))
    of = {clip.video_id: labels[data.clip == index] for index, clip in enumerate(data.clips)}
    assert set(of["test/push_up_0"]) == {0} and set(of["test/squat_0"]) == {1}
    assert set(of["test/lunge_0"]) == {-1} and set(of["test/unknown"]) == {-1}
    assert data.select(labels == 0).groups() == {"test/push_up_0", "test/push_up_1"}


def test_no_group_crosses_splits(made, made_tables, tmp_path):
    groups = [dataset.load(made_tables, [split], RULE).groups() for split in tables.SPLITS]
    assert all(groups) and not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
    crossing = [made.Clip("one", group="anna"), made.Clip("two", group="anna", split="test")]
    with pytest.raises(UserError, match=r"1 group\(s\) .*'anna' in test and train"):
        dataset.load(made.tables(tmp_path, crossing), ["train"], RULE)


def test_rows_out_of_order_are_an_error(made, tmp_path):
    folder = made.tables(tmp_path, [made.Clip("one"), made.Clip("two")])
    file = tmp_path / "final_features" / "part-00000-of-00001.parquet"
    table = pq.read_table(file)
    pq.write_table(table.take([1, 0, *range(2, table.num_rows)]), file)
    with pytest.raises(UserError, match=r"'one' .* do not follow"):
        dataset.load(folder, ["train"], RULE)
    half = table.num_rows // 2
    pq.write_table(table.take([*range(5), *range(half, half + 5), *range(5, 10)]), file)
    with pytest.raises(UserError, match="do not follow"):
        dataset.load(folder, ["train"], RULE)


def set_column(folder, name, values):
    """Puts other values into a column of made tables."""
    file = folder / "final_features" / "part-00000-of-00001.parquet"
    table = pq.read_table(file)
    pq.write_table(table.set_column(table.schema.get_field_index(name), name, values), file)


def test_no_group_is_a_group_of_its_own_and_no_split_is_in_all_of_them_alone(made, tmp_path):
    folder = made.tables(tmp_path, [made.Clip("one", num_rows=20), made.Clip("two", num_rows=20, split="test")])
    set_column(tmp_path, "group", pa.nulls(40, pa.string()))
    assert dataset.load(folder, ["train"], RULE).groups() == {"one"}
    set_column(tmp_path, "split", pa.array(["train"] * 20 + [None] * 20, pa.string()))
    assert [clip.video_id for clip in dataset.load(folder, None, RULE).clips] == ["one", "two"]
    assert [clip.video_id for clip in dataset.load(folder, tables.SPLITS, RULE).clips] == ["one"]
    assert dataset.without_split(folder) == ["two"]


def test_two_people_in_a_video_are_two_clips(made, tmp_path):
    clips = [made.Clip("pair", num_rows=20), made.Clip("pair", "lunge", num_rows=14, person_id=1)]
    data = dataset.load(made.tables(tmp_path, clips), ["train"], RULE)
    assert [(clip.name, clip.label, clip.num_rows) for clip in data.clips] == [
        ("pair", "squat", 20),
        ("pair (person 1)", "lunge", 14),
    ]
    # Windows end in rows 9, 12, 15, 18 of the first person, and 9, 12 of the second, whose rows begin at 0 again.
    assert data.frame_id[data.positions[:, -1]].tolist() == [9, 12, 15, 18, 9, 12]
    assert data.clip.tolist() == [0, 0, 0, 0, 1, 1]
    # Both begin with the 24 rows that are missing: nobody else's rows are in front of theirs.
    assert (data.positions[[0, 4], :24] == dataset.MISSING).all() and (data.positions[[0, 4], 24:] >= 0).all()


def test_two_labels_in_a_clip_are_an_error(made, tmp_path):
    folder = made.tables(tmp_path, [made.Clip("one", num_rows=4)])
    set_column(tmp_path, "label", pa.array(["squat", "squat", "lunge", None]))
    with pytest.raises(UserError, match=r"'one' .*label"):
        dataset.load(folder, ["train"], RULE)


def test_infinite_features_are_an_error(made, tmp_path):
    folder = made.tables(tmp_path, [made.Clip("one", num_rows=4)])
    set_column(tmp_path, "nose_x", pa.array([0, float("nan"), 0, 0], pa.float32()))
    with pytest.raises(UserError, match="not finite"):
        dataset.load(folder, ["train"], RULE)


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        dataset.check_folder(str(tmp_path / "nothing"))
    with pytest.raises(UsageError, match="no final_features"):
        dataset.check_folder(str(tmp_path))


def test_every_third_row_ends_a_window_in_long_clips_too(made, tmp_path):
    """35,000 rows of ten clips."""
    folder = made.tables(tmp_path, [made.Clip(f"clip{number:02}", num_rows=3500) for number in range(10)])
    data = dataset.load(folder, ["train"], RULE)
    # One window in three rows, but for the first 9 of each clip.
    assert len(data) == 10 * len(range(9, 3500, 3))
