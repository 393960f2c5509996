"""Drawn athletes: the plan of the clips, bodies that hold together, files that are whole, and MediaPipe's opinion."""

import csv
import dataclasses
import functools
import hashlib
import json

import cv2
import numpy as np
import pytest

from beam_jobs import landmarks, tables, windows
from beam_jobs.athletes import clip as athletes_clip
from beam_jobs.athletes import clip_plan, command, skeleton
from beam_jobs.athletes import exercise as athletes_exercise
from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes.catalog import DEFAULT_EXERCISES, EXERCISES, LABELS, OTHER_EXERCISES, OTHER_MOTIONS
from beam_jobs.errors import UsageError, UserError
from beam_jobs.options import AthletesArgs
from beam_jobs.pose import estimator as pose_estimator

SEED = 3
ALL = sorted(EXERCISES)
PEOPLE = range(4)
BONES = [
    ("pelvis", "waist"),
    ("waist", "neck"),
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    *(
        (f"{side}_{start}", f"{side}_{end}")
        for side in ("left", "right")
        for start, end in (
            ("hip", "knee"),
            ("knee", "ankle"),
            ("ankle", "heel"),
            ("heel", "toe"),
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("wrist", "hand"),
        )
    ),
]
FEET = [f"{side}_{part}" for side in ("left", "right") for part in ("ankle", "heel", "toe")]
WRISTS = ["left_wrist", "right_wrist"]
# What does not move, in athletes of every style. (Feet step in a lunge and jump in a jumping jack.)
PLANTED = {
    "squat": FEET,
    "deadlift": FEET,
    "bicep_curl": FEET,
    "shoulder_press": FEET,
    "front_lateral_raise": FEET,
    "push_up": [*FEET, *WRISTS],
    "sit_up": [*FEET, "pelvis"],
    "russian_twist": [*FEET, "pelvis"],
    "bench_press": [*FEET, "pelvis", "neck"],
    "pull_up": WRISTS,
    "plank": FEET,
    "row": FEET,
    "tricep_extension": FEET,
    "lat_pulldown": [*FEET, "pelvis"],
    "kettlebell_swing": FEET,
    "crunch": ["pelvis"],
    "glute_bridge": FEET,
    "side_plank": FEET,
    "mountain_climber": WRISTS,
    "dip": WRISTS,
}
# Whose styles, where they are varied, also move what is planted in basic ones: a leg is lifted.
ALSO_MOVE = {"plank", "glute_bridge", "side_plank"}


def scene(
    exercise: str, person: int = 0, duration_s: float | None = None, variety: str = "basic"
) -> athletes_scene.Scene:
    return athletes_scene.Scene(athletes_clip.Clip(SEED, 100 + person, person, exercise, "train", variety), duration_s)


@functools.cache
def points_of(exercise: str, person: int, variety: str = "basic") -> dict[str, np.ndarray]:
    """Every point over a clip, shape (T, 3)."""
    shown = scene(exercise, person, variety=variety)
    poses = [shown.skeleton(frame).points for frame in range(0, shown.num_frames, 2)]
    return {name: np.array([points[name] for points in poses]) for name in poses[0]}


def angle_degrees(points: dict[str, np.ndarray], *names: str) -> np.ndarray:
    first, joint, last = (points[name] for name in names)
    a, b = first - joint, last - joint
    cosine = (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def arguments(output, **changes) -> AthletesArgs:
    quick = AthletesArgs(str(output), num_clips=3, seed=SEED, exercises="squat", num_workers=2)
    return dataclasses.replace(quick, **changes)


class TestPlan:
    clips = clip_plan.assign_clips(0, 96, DEFAULT_EXERCISES)

    def test_every_split_has_every_exercise(self):
        seen = {(clip.split, clip.exercise) for clip in self.clips}
        assert seen == {(split, name) for split in tables.SPLITS for name in DEFAULT_EXERCISES}
        assert len(DEFAULT_EXERCISES) == 8

    def test_nobody_crosses_splits(self):
        splits: dict[str, set[str]] = {}
        for clip in self.clips:
            splits.setdefault(clip.group, set()).add(clip.split)
        assert all(len(found) == 1 for found in splits.values())

    def test_validation_and_test_have_15_percent_of_the_clips_each(self):
        counts = {split: sum(clip.split == split for clip in self.clips) for split in tables.SPLITS}
        assert counts == {"train": 64, "validation": 16, "test": 16}
        per_exercise = [sum(clip.exercise == name for clip in self.clips) for name in DEFAULT_EXERCISES]
        assert per_exercise == [12] * 8

    def test_people_do_several_exercises(self):
        exercises: dict[str, set[str]] = {}
        for clip in self.clips:
            exercises.setdefault(clip.group, set()).add(clip.exercise)
        assert min(len(done) for done in exercises.values()) >= 2

    def test_none_is_all_that_is_no_exercise_in_turn(self):
        clips = clip_plan.assign_clips(0, 80, ("squat", "none"))
        others = [clip for clip in clips if clip.label == "none"]
        assert len(others) == 40
        standing = {"idle", "adjust", "stretch", "dance", "shadow_box", "signal", "reach", "turn_round"}
        low = {"lie", "sit_on_floor", "sit_on_chair", "get_up", "tie_shoe"}
        assert set(OTHER_MOTIONS) == {*standing, *low, "walk", "rest", "fall"}
        assert {clip.exercise for clip in others} == {*OTHER_MOTIONS, *OTHER_EXERCISES}
        # Few clips, too, show both kinds.
        few = [clip.exercise for clip in clip_plan.assign_clips(0, 6, ("squat", "none")) if clip.label == "none"]
        assert set(few) & set(OTHER_MOTIONS) and set(few) & set(OTHER_EXERCISES)
        assert all(clip.video.startswith("none/none_") for clip in others)
        assert len({clip.video for clip in clips}) == 80
        assert {clip.label for clip in clips if clip not in others} == {"squat"}

    def test_all_labels_are_those_of_the_exercises(self):
        assert set(LABELS) == {kind.label for kind in EXERCISES.values()}
        assert LABELS[-1] == "none"
        clips = clip_plan.assign_clips(0, 3 * len(LABELS), LABELS)
        assert {clip.label for clip in clips} == set(LABELS)

    def test_uneven_numbers_add_up(self):
        assert len(clip_plan.assign_clips(0, 29, DEFAULT_EXERCISES)) == 29

    def test_another_seed_draws_other_people(self):
        others = clip_plan.assign_clips(1, 96, DEFAULT_EXERCISES)
        assert not {clip.group for clip in self.clips} & {clip.group for clip in others}
        assert self.clips[0].group == "athlete_0_00"
        for sample in (athletes_scene.sample_body, athletes_scene.sample_appearance):
            assert sample(0, 0) != sample(1, 0)
            assert sample(0, 0) == sample(0, 0)

    @pytest.mark.parametrize(
        ("num_clips", "exercises", "message"),
        [
            (30, ("squat", "moonwalk"), r"moonwalk.*known are.*squat"),
            (30, (), "nothing"),
            (30, ("squat", "squat"), "twice"),
            (5, ("squat", "lunge"), "expected 6 or more"),
        ],
    )
    def test_wrong_usage(self, num_clips, exercises, message):
        with pytest.raises(UsageError, match=message):
            clip_plan.assign_clips(0, num_clips, exercises)


class TestTwoBones:
    def test_a_3_4_5_triangle(self):
        """A 3-4-5 triangle: bones of 3 and 4 reach 5, the joint 2.4 off the line."""
        joint, end = skeleton.two_bone_ik(np.zeros(3), np.array((5.0, 0, 0)), 3, 4, np.array((0.0, 0, 1)))
        np.testing.assert_allclose(end, (5, 0, 0), atol=1e-9)
        np.testing.assert_allclose(joint, (1.8, 0, 2.4), atol=1e-9)

    def test_bones_keep_their_lengths_where_the_target_is_out_of_reach(self):
        joint, end = skeleton.two_bone_ik(np.zeros(3), np.array((9.0, 0, 0)), 3, 4, np.array((0.0, 0, 1)))
        assert 6.9 < np.linalg.norm(end) <= 7
        np.testing.assert_allclose([np.linalg.norm(joint), np.linalg.norm(end - joint)], (3, 4), atol=1e-6)


@pytest.mark.parametrize("variety", ["basic", "varied"])
@pytest.mark.parametrize("exercise", ALL)
@pytest.mark.parametrize("person", PEOPLE)
class TestBodies:
    def test_bones_keep_their_lengths(self, exercise, person, variety):
        points = points_of(exercise, person, variety)
        for start, end in BONES:
            length = np.linalg.norm(points[start] - points[end], axis=-1)
            assert np.ptp(length) < 1e-6, (start, end)

    def test_joints_bend_the_right_way(self, exercise, person, variety):
        """Knees bend backwards, and no knee or elbow further than a body allows."""
        points = points_of(exercise, person, variety)
        for side in ("left", "right"):
            hip, knee, ankle = (points[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
            # Thigh × shank points left when the shank goes backwards, whichever way the body lies.
            hinge = np.cross(knee - hip, ankle - knee)
            assert ((hinge * (points["right_hip"] - points["left_hip"])).sum(-1) < 1e-6).all()
            assert angle_degrees(points, f"{side}_hip", f"{side}_knee", f"{side}_ankle").min() > 35
            assert angle_degrees(points, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist").min() > 18

    def test_what_is_planted_stays(self, exercise, person, variety):
        if variety == "varied" and exercise in ALSO_MOVE:
            pytest.skip("some move more")
        points = points_of(exercise, person, variety)
        for name in PLANTED.get(exercise, ()):
            assert np.ptp(points[name], axis=0).max() < 2e-3, name

    def test_nothing_is_below_the_floor(self, exercise, person, variety):
        # A thumb sinks into the mat at times.
        least = -0.005 if variety == "basic" else -0.03
        assert min(points[:, 2].min() for points in points_of(exercise, person, variety).values()) > least


@pytest.mark.parametrize("exercise", ["squat", "deadlift", "bicep_curl", "shoulder_press", "front_lateral_raise"])
@pytest.mark.parametrize("person", PEOPLE)
def test_the_centre_of_mass_is_over_the_feet(exercise, person):
    """The centre of mass is over the feet. Shares of mass: Winter, Biomechanics and Motor Control of Human Movement."""
    points = points_of(exercise, person)
    middle = {
        name: (points[f"left_{name}"] + points[f"right_{name}"]) / 2 for name in ("knee", "ankle", "elbow", "wrist")
    }
    mass = (
        0.497 * (points["pelvis"] + points["neck"]) / 2
        + 0.081 * points["head"]
        + 0.200 * (points["pelvis"] + middle["knee"]) / 2
        + 0.122 * (middle["knee"] + middle["ankle"]) / 2
        + 0.056 * (points["neck"] + middle["elbow"]) / 2
        + 0.044 * middle["wrist"]
    )
    assert (mass[:, 1] > points["left_heel"][:, 1] - 0.02).all()
    assert (mass[:, 1] < points["left_toe"][:, 1] + 0.02).all()


@pytest.mark.parametrize("person", PEOPLE)
def test_a_deadlift_is_no_squat(person):
    """A hinge: the trunk leans more and the knees bend less."""

    def lean_and_knee(exercise):
        points = points_of(exercise, person)
        trunk = points["neck"] - points["pelvis"]
        lean = np.degrees(np.arctan2(trunk[:, 1], trunk[:, 2])).max()
        return lean, angle_degrees(points, "left_hip", "left_knee", "left_ankle").min()

    (squat_lean, squat_knee), (hinge_lean, hinge_knee) = lean_and_knee("squat"), lean_and_knee("deadlift")
    assert hinge_lean > squat_lean
    assert hinge_knee > squat_knee + 20


def test_a_lunge_is_split():
    points = points_of("lunge", 1)
    apart = np.abs(points["left_ankle"][:, 1] - points["right_ankle"][:, 1])
    lowest = points["pelvis"][:, 2].argmin()
    assert apart[lowest] > 0.6


@pytest.mark.parametrize("angle", [30.0, 70.0])
def test_rolled_tilts_to_the_right(angle):
    shown = scene("squat", 1)
    pose_ = shown.exercise.pose(shown.body, shown.style, athletes_exercise.RepetitionPhase(0.2, 0, 0.3))
    other = pose_.rolled(angle)
    up = other.frames["chest"][2] @ pose_.frames["chest"].T
    assert np.degrees(np.arccos(up[2])) == pytest.approx(angle, abs=4)
    assert other.points["head"][0] > pose_.points["head"][0]
    for axes in other.frames.values():
        assert np.linalg.det(axes) == pytest.approx(1)


def test_mirrored_swaps_sides():
    shown = scene("bicep_curl", 2)
    pose_ = shown.exercise.pose(shown.body, shown.style, athletes_exercise.RepetitionPhase(0.7, 1, 0.3))
    other = pose_.mirrored()
    np.testing.assert_allclose(other.points["left_wrist"], pose_.points["right_wrist"] * (-1, 1, 1))
    for axes in other.frames.values():
        assert np.linalg.det(axes) == pytest.approx(1)


def test_the_same_seed_draws_the_same_frames():
    first, second = (list(scene("lunge", 1, duration_s=0.2).frames()) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = next(scene("lunge", 2, duration_s=0.2).frames())
    assert other.shape != first[0].shape or not np.array_equal(other, first[0])


@pytest.mark.parametrize("exercise", ALL)
def test_the_whole_body_is_in_view(exercise):
    for person in PEOPLE:
        shown = scene(exercise, person)
        for frame in range(0, shown.num_frames, 6):
            pixels = (
                shown.camera.project(np.array(list(shown.skeleton(frame).points.values()))) - athletes_scene.MARGIN_PX
            )
            assert (pixels > 0).all() and (pixels < shown.size).all()


class TestRun:
    @pytest.fixture(scope="class")
    def folder(self, tmp_path_factory):
        folder = tmp_path_factory.mktemp("drawn")
        assert command.run(arguments(folder), []) == 0
        return folder

    def test_labels_csv_has_a_row_for_each_clip(self, folder):
        with open(folder / "labels.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["video", "label", "group", "split"]
        assert {row["label"] for row in rows} == {"squat"}
        assert sorted(row["split"] for row in rows) == sorted(tables.SPLITS)
        assert len({row["group"] for row in rows}) == 3
        assert all((folder / row["video"]).is_file() for row in rows)

    def test_videos_have_all_their_frames(self, folder):
        for path in folder.glob("squat/*.mp4"):
            video = cv2.VideoCapture(str(path))
            rate, num = video.get(cv2.CAP_PROP_FPS), int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            assert rate in (24, 25, 30)
            assert 4.9 <= num / rate <= 8
            assert sum(video.read()[0] for _ in range(num + 1)) == num

    @pytest.mark.slow
    def test_none_is_a_label(self, tmp_path):
        assert command.run(arguments(tmp_path, exercises="none", variety="varied"), []) == 0
        with open(tmp_path / "labels.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["video"], row["label"]) for row in rows] == [(f"none/none_000{i}.mp4", "none") for i in range(3)]
        assert all((tmp_path / row["video"]).is_file() for row in rows)
        assert json.loads((tmp_path / "athletes.json").read_text())["variety"] == "varied"

    def test_goes_on_where_it_was_stopped(self, folder):
        """Only what is missing is drawn again, to the same bytes."""
        kept, *_, lost = sorted(folder.glob("squat/*.mp4"))
        before = hashlib.sha256(lost.read_bytes()).hexdigest(), kept.stat().st_mtime_ns
        lost.unlink()
        (folder / "labels.csv").unlink()
        assert command.run(arguments(folder), []) == 0
        assert (hashlib.sha256(lost.read_bytes()).hexdigest(), kept.stat().st_mtime_ns) == before
        assert (folder / "labels.csv").is_file()
        assert not list(folder.rglob(".*"))

    @pytest.mark.parametrize("noted", [{"variety": "usual"}, {}])
    def test_a_folder_of_an_earlier_version_is_known(self, folder, noted):
        """The basic variety was called usual, and not noted before there was another one."""
        path = folder / clip_plan.PARAMETERS_FILE
        now = json.loads(path.read_text())
        assert now.pop("variety") == "basic"
        path.write_text(json.dumps({**now, **noted}))
        before = {video: video.stat().st_mtime_ns for video in folder.glob("squat/*.mp4")}
        assert command.run(arguments(folder), []) == 0
        assert {video: video.stat().st_mtime_ns for video in folder.glob("squat/*.mp4")} == before
        with pytest.raises(UsageError, match="Name another folder"):
            command.run(arguments(folder, variety="varied"), [])
        path.write_text(json.dumps({**now, "variety": "basic"}))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"seed": 4}, "Name another folder"),
            ({"variety": "varied"}, "Name another folder"),
            ({"exercises": "squad"}, "known are"),
        ],
    )
    def test_wrong_usage(self, folder, changes, message):
        with pytest.raises(UsageError, match=message):
            command.run(arguments(folder, **changes), [])


@pytest.mark.parametrize(("exercise", "joint"), [("squat", "left_knee"), ("push_up", "left_elbow")])
def test_mediapipe_tracks_the_body_that_was_drawn(exercise, joint, tmp_path, pose_model_path):
    """Somebody is found in 9 of 10 frames, and the joint's angle follows the drawn one."""
    clip = athletes_clip.Clip(SEED, 7, 1, exercise, "test")
    command.write_clip(clip, str(tmp_path), duration_s=3.0)
    shown = athletes_scene.Scene(clip, 3.0)
    names = next([landmarks.LANDMARK_NAMES[i] for i in ids] for name, *ids in landmarks.JOINTS if name == joint)
    video, grid = cv2.VideoCapture(str(tmp_path / clip.video)), windows.SamplingGrid()
    num, seen, drawn = 0, [], []
    with pose_estimator.PoseEstimator(pose_model_path) as estimator:
        for index in range(shown.num_frames):
            frame = video.read()[1]
            timestamp_ms = index * 1000 / shown.frame_rate_hz
            if grid.frame_id(timestamp_ms) is None:
                continue
            num += 1
            found = estimator.estimate(frame, int(timestamp_ms))
            if found.detected:
                seen.append({name: found.world[landmarks.LANDMARK_NAMES.index(name)] for name in names})
                drawn.append(shown.skeleton(index).points)
    assert len(seen) >= 0.9 * num
    angles = [
        angle_degrees({name: np.array([points[name] for points in poses]) for name in names}, *names)
        for poses in (seen, drawn)
    ]
    assert np.corrcoef(*angles)[0, 1] > 0.8


def test_a_full_disk_is_reported_and_leaves_no_clip(small_disk, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    clip = clip_plan.assign_clips(0, 3, ("squat",), "basic")[0]
    with pytest.raises(UserError, match="disk full"):
        command.write_clip(clip, str(tmp_path / "out"))
    assert not list(tmp_path.glob("out/**/*.mp4"))
