"""extract --num_people: two drawn athletes in one video, one of whom hides, leaves and returns."""

import json
import pathlib

import numpy as np
import people_videos
import pytest
import videos
from commands import run_command

from beam_jobs import landmarks, storage, tables
from beam_jobs.extract import command, people_rows
from beam_jobs.labels import Labels
from beam_jobs.landmark_table import FrameCounts, LongestGap
from beam_jobs.options import ExtractArgs
from beam_jobs.pose.estimator import Pose, nobody
from beam_jobs.video.frames import VideoError
from live.defaults import DEFAULT_BUNDLE

# Seconds: the second athlete is hidden for one, and later gone for more than people are remembered.
HIDDEN, GONE, END = (1.5, 2.5), (3.5, 6.0), 8.0


def _place(time_s: float) -> people_videos.Place | None:
    away = HIDDEN[0] <= time_s < HIDDEN[1] or GONE[0] <= time_s < GONE[1]
    return None if away else (0.9, 0.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory, pose_model_path) -> pathlib.Path:
    """The tables of a video of two, and of one of nobody."""
    folder = tmp_path_factory.mktemp("two_people")
    athletes = [
        people_videos.Athlete("squat", people_videos.standing_at(-0.9), seed=1),
        people_videos.Athlete("jumping_jack", _place, seed=5),
    ]
    (folder / "videos").mkdir()
    videos.write(folder / "videos" / "two.mp4", list(people_videos.draw(athletes, END)), people_videos.FRAME_RATE_HZ)
    videos.write(folder / "videos" / "nobody.mp4", 15, 15)
    extract = ("extract", "--videos", folder / "videos", "--output", folder / "tables", "--num_people", 2)
    assert run_command("beam_jobs", *extract).returncode == 0
    return folder


def _people(folder: pathlib.Path, table: tables.Table = tables.LANDMARKS) -> dict[int, list[dict]]:
    """Rows of two.mp4 by person, in the table's order."""
    rows = [row for row in storage.read_table(str(folder), table).to_pylist() if row["video_id"] == "two.mp4"]
    assert [row["person_id"] for row in rows] == sorted(row["person_id"] for row in rows)
    return {number: [row for row in rows if row["person_id"] == number] for number in {r["person_id"] for r in rows}}


@pytest.mark.slow
def test_each_person_has_a_row_for_each_frame_from_the_first_to_the_last_in_sight(made):
    people = _people(made / "tables")
    assert sorted(people) == [0, 1, 2]
    spans = [(rows[0]["frame_id"], rows[-1]["frame_id"]) for _, rows in sorted(people.items())]
    stays, leaves, returns = sorted(spans)[0], sorted(spans)[1], sorted(spans)[2]
    stays, leaves = max(stays, leaves, key=lambda span: span[1]), min(stays, leaves, key=lambda span: span[1])
    assert stays == (0, 119)
    assert leaves == (0, pytest.approx(GONE[0] * 15 - 1, abs=1))
    # A new number, from the third frame on.
    assert returns == (pytest.approx(GONE[1] * 15 + 2, abs=2), 119)
    for rows in people.values():
        assert np.diff([row["frame_id"] for row in rows]).tolist() == [1] * (len(rows) - 1)
        assert all(row["timestamp_ms"] == pytest.approx(row["frame_id"] * 1000 / 15, abs=1) for row in rows)
        for row in rows:
            assert np.isnan(row["nose_world_x_m"]) == np.isnan(row["left_hip_presence"]) == (not row["detected"])
    (one_who_hid,) = [rows for rows in people.values() if rows[-1]["frame_id"] == leaves[1]]
    away = [row["frame_id"] for row in one_who_hid if not row["detected"]]
    assert away[0] == pytest.approx(HIDDEN[0] * 15, abs=1)
    assert away == list(range(away[0], away[0] + len(away)))
    assert len(away) == pytest.approx(15, abs=2)


@pytest.mark.slow
def test_quality_counts_frames_and_the_fingerprint_says_how_many_people_were_looked_for(made):
    quality = {row["video_id"]: row for row in storage.read_table(str(made / "tables"), tables.QUALITY).to_pylist()}
    assert (quality["two.mp4"]["num_frames_sampled"], quality["two.mp4"]["detected_share"]) == (120, 1.0)
    assert quality["two.mp4"]["longest_gap_s"] == 0
    assert json.loads(quality["two.mp4"]["fingerprint"])["num_people"] == 2
    # Without anybody, rows are as for one person.
    assert quality["nobody.mp4"]["detected_share"] == 0
    rows = [
        r for r in storage.read_table(str(made / "tables"), tables.LANDMARKS).to_pylist() if "nobody" in r["video_id"]
    ]
    assert [(row["person_id"], row["frame_id"], row["detected"]) for row in rows] == [(0, i, False) for i in range(15)]


@pytest.mark.slow
def test_features_and_compact_keep_people_apart(made, tmp_path):
    features = ("features", "--input", made / "tables", "--output", tmp_path / "own", "--transform_fn", DEFAULT_BUNDLE)
    assert run_command("beam_jobs", *features).returncode == 0
    velocity, seen = _people(tmp_path / "own", tables.VELOCITY), _people(made / "tables")
    assert sorted(velocity) == [0, 1, 2]
    for number, rows in velocity.items():
        assert len(rows) == len(seen[number])
        # A person's history begins with the person.
        assert np.isnan(rows[0]["nose_speed"]) or rows[0]["nose_speed"] == 0
        assert np.isfinite(rows[2]["nose_speed"])
    before = storage.read_table(str(made / "tables"), tables.LANDMARKS).drop(["label", "group", "split"])
    assert run_command("beam_jobs", "compact", "--input", made / "tables").returncode == 0
    after = storage.read_table(str(made / "tables"), tables.LANDMARKS).drop(["label", "group", "split"])
    columns = [name for name in before.column_names if name != "video_id"]
    for name in columns:
        np.testing.assert_array_equal(before[name].to_numpy(), after[name].to_numpy())


def _pose(value: float) -> Pose:
    num = landmarks.NUM_LANDMARKS
    return Pose(*(np.full(shape, value, np.float32) for shape in ((num, 3), (num, 3), (num,), (num,))))


def test_rows_wait_in_a_file_and_come_person_by_person():
    collected = people_rows.PeopleRows("clip", Labels("squat", "g", "train"))
    for frame_id in range(3000):
        there = [(0, _pose(frame_id))] if frame_id < 2500 else []
        there += [(1, nobody() if 100 <= frame_id < 120 or frame_id >= 2900 else _pose(-frame_id))]
        collected.add(frame_id, 67 * frame_id, there)
    batches = list(collected.batches())
    assert all(batch.num_rows <= 1100 for batch in batches)
    ids = [
        (p, f)
        for batch in batches
        for p, f in zip(batch["person_id"].to_pylist(), batch["frame_id"].to_pylist(), strict=True)
    ]
    # Nobody knows a person's last frame until the person is forgotten: rows without the person at the end are none.
    assert ids == [(0, f) for f in range(2500)] + [(1, f) for f in range(2900)]
    x = np.concatenate([batch["nose_world_x_m"].to_numpy() for batch in batches])
    expected = np.r_[np.arange(2500), -np.arange(2900)].astype(np.float32)
    expected[2500 + 100 : 2500 + 120] = np.nan
    np.testing.assert_array_equal(x, expected)


class _Estimator:
    """Says that two people are in each frame, and fails on the fifth."""

    def estimate(self, image, timestamp_ms):
        if timestamp_ms == 4 * 67:
            raise RuntimeError("native")
        return [(0, _pose(1.0)), (1, _pose(2.0))]


def test_what_was_there_before_an_error_is_kept_and_frames_are_counted_once():
    counts, gaps = FrameCounts(), LongestGap()
    frames = ((index, 67 * index, np.zeros((4, 4, 3), np.uint8)) for index in range(9))
    rows = people_rows.people_batches(frames, _Estimator(), "clip", Labels(None, "g", "train"), counts, gaps)
    kept = []
    with pytest.raises(VideoError, match="no pose can be estimated at 268 ms"):
        kept.extend(rows)
    assert [batch.num_rows for batch in kept] == [4, 4]
    assert (counts.frames_sampled, counts.frames_without_person, gaps.longest_ms) == (4, 0, 0)


def test_long_videos_are_not_cut_where_people_are_followed(tmp_path):
    flags = ("extract", "--videos", tmp_path, "--output", tmp_path / "out", "--num_people", 2, "--cut_above_s", 60)
    done = run_command("beam_jobs", *flags)
    assert done.returncode == 2
    assert "Leave --cut_above_s out" in done.stderr and "Traceback" not in done.stderr
    assert command._cut_above_s(ExtractArgs("v", "o", num_people=2)) == 0
    assert command._cut_above_s(ExtractArgs("v", "o")) == 600
