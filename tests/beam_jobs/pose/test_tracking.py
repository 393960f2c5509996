"""People keep their numbers: synthetic landmarks whose truth is known, and MediaPipe's on drawn athletes."""

import math
from collections.abc import Callable

import numpy as np
import people_videos
import pytest

from beam_jobs import landmarks
from beam_jobs.pose import people, smoothing, tracking
from beam_jobs.pose.estimator import Pose, PoseEstimator

STEP_MS = 67
# Landmarks of a standing body, metres from between the hips: head, shoulders, hips, feet; hands at the sides.
_PLACES = np.zeros((landmarks.NUM_LANDMARKS, 3))
_PLACES[:11, 1], _PLACES[11:13, 1], _PLACES[13:23, 1], _PLACES[25:27, 1], _PLACES[27:, 1] = -0.7, -0.5, -0.1, 0.4, 0.85
_PLACES[:, 0] = [0.0, *(0.2 if index % 2 else -0.2 for index in range(1, landmarks.NUM_LANDMARKS))]


def standing(x: float, metre: float = 0.25, rng: np.random.Generator | None = None, trembling_m: float = 0.02) -> Pose:
    """A person whose hips are at `x` of the picture's width; `metre` long is a metre there."""
    world = _PLACES + (0 if rng is None else rng.normal(0, trembling_m, _PLACES.shape))
    image = world * (metre, 1.7 * metre, metre) + (x, 0.5, 0.0)
    ones = np.ones(landmarks.NUM_LANDMARKS, np.float32)
    return Pose(world.astype(np.float32), image.astype(np.float32), ones, ones)


def numbers(frames: list[list[Pose]], seed: int = 3) -> list[dict[int, float]]:
    """For each frame: the number of each person in sight, and where the hips are; poses come in any order."""
    rng, tracker, found = np.random.default_rng(seed), tracking.PeopleTracker(), []
    for index, poses in enumerate(frames):
        shuffled = [poses[place] for place in rng.permutation(len(poses))]
        people_there = tracker.update(shuffled, index * STEP_MS)
        found.append({number: float(pose.image[23:25, 0].mean()) for number, pose in people_there if pose.detected})
    return found


def crossing(num_hidden: int, metres: tuple[float, float] = (0.25, 0.3), num: int = 90) -> list[list[Pose]]:
    """Two people walk past each other; the far one is hidden for some frames in the middle."""
    rng = np.random.default_rng(1)
    frames = []
    for index in range(num):
        share = index / (num - 1)
        near = standing(0.8 - 0.6 * share, metres[1], rng)
        hidden = abs(index - num / 2) < num_hidden / 2
        frames.append([near] if hidden else [standing(0.2 + 0.6 * share, metres[0], rng), near])
    return frames


@pytest.mark.parametrize("num_hidden", [0, 15, 25])
def test_people_keep_their_numbers_through_a_crossing(num_hidden):
    found = numbers(crossing(num_hidden))
    left = min(found[0], key=found[0].get)
    assert sorted(found[0]) == [0, 1]
    assert set().union(*found) == {0, 1}
    assert found[-1][left] == pytest.approx(0.8, abs=0.03)
    assert found[-1][1 - left] == pytest.approx(0.2, abs=0.03)
    assert len(found[10]) == len(found[-10]) == 2


def test_a_person_out_of_sight_for_a_second_keeps_the_number_and_after_more_than_two_is_a_new_one():
    rng = np.random.default_rng(2)

    def frames(num_away: int) -> list[list[Pose]]:
        stays = [standing(0.25, rng=rng) for _ in range(40 + num_away)]
        return [[pose] if 20 <= i < 20 + num_away else [pose, standing(0.75, rng=rng)] for i, pose in enumerate(stays)]

    short, long = numbers(frames(15)), numbers(frames(45))
    right = max(short[0], key=short[0].get)
    assert set(short[-1]) == {0, 1}
    assert short[-1][right] == pytest.approx(0.75, abs=0.03)
    assert set(long[-1]) == {min(long[0], key=long[0].get), 2}
    assert long[-1][2] == pytest.approx(0.75, abs=0.03)


def test_a_person_out_of_sight_is_nobody_until_forgotten():
    tracker = tracking.PeopleTracker()
    tracker.update([standing(0.5)], 0)
    for timestamp_ms in (500, 2000):
        ((number, pose),) = tracker.update([], timestamp_ms)
        assert (number, pose.detected) == (0, False)
    assert tracker.update([], 2001) == []


def test_another_person_elsewhere_is_not_the_one_who_left():
    found = numbers([[standing(0.2)]] * 10 + [[]] * 5 + [[standing(0.85)]] * 10)
    assert set(found[9]) == {0}
    assert set(found[-1]) == {1}


def test_of_two_poses_of_one_person_the_first_counts():
    rng = np.random.default_rng(5)
    twice = [[standing(0.5, rng=rng), standing(0.505, rng=rng)] for _ in range(20)]
    assert all(set(frame) == {0} for frame in numbers(twice))
    # Two people side by side, half a metre from each other, are two.
    assert len(tracking.without_duplicates([standing(0.4), standing(0.55)])) == 2


def test_a_pose_of_a_moment_is_nobody():
    frames = [[standing(0.3)]] * 10 + [[standing(0.3), standing(0.8)]] * 2 + [[standing(0.3)]] * 10
    assert set().union(*numbers(frames)) == {0}
    # From the third frame on, a person counts.
    found = numbers([[standing(0.3)]] * 10 + [[standing(0.3), standing(0.8)]] * 3)
    assert [len(frame) for frame in found[9:]] == [1, 1, 1, 2]


def test_time_must_move_on():
    tracker = tracking.PeopleTracker()
    tracker.update([], 100)
    with pytest.raises(ValueError, match="expected more than the last one, 100"):
        tracker.update([], 100)


def test_the_one_euro_filter_by_hand():
    smooth = smoothing.OneEuroFilter(smoothing.OneEuroSettings(min_cutoff_hz=1.0, beta=2.0))
    assert smooth.update(np.array([10.0]), 0.0, 1.0) == [10.0]
    step_s = 0.1
    # The speed, 20 units of size 2 a second, counts by its own filter of 1 Hz.
    share = 1 / (1 + 1 / (2 * math.pi * step_s))
    speed = share * (2 / 2 / step_s)
    cutoff = 1 + 2 * speed
    expected = 10 + 2 / (1 + 1 / (2 * math.pi * cutoff * step_s))
    assert smooth.update(np.array([12.0]), step_s, 2.0) == pytest.approx([expected])


def test_smoothing_calms_who_stands_and_hardly_delays_who_moves():
    rng = np.random.default_rng(4)
    still, moving = smoothing.LandmarkSmoother(), smoothing.LandmarkSmoother()
    trembling, smoothed, late = [], [], []
    for index in range(60):
        pose = standing(0.5, rng=rng)
        scales = np.array([0.25, 0.425])
        trembling.append(pose.world)
        smoothed.append(still.update(pose, index * STEP_MS, scales).world)
        walker = standing(0.1 + 0.01 * index)
        late.append(walker.image[0, 0] - moving.update(walker, index * STEP_MS, scales).image[0, 0])
    assert np.diff(smoothed, axis=0).std() < 0.75 * np.diff(trembling, axis=0).std()
    assert max(late) < 0.01


def hips(video: list[np.ndarray], estimate: Callable) -> list[dict[int, float]]:
    return [
        {
            number: float(pose.image[23:25, 0].mean())
            for number, pose in estimate(frame, index * 1000 // 15)
            if pose.detected
        }
        for index, frame in enumerate(video)
    ]


@pytest.mark.slow
def test_two_drawn_athletes_who_cross_keep_their_numbers(pose_model_path):
    athletes = [
        people_videos.Athlete("bicep_curl", people_videos.moving(-1.2, 1.2, 0.5, 4.5, 0.7), seed=5),
        people_videos.Athlete("idle", people_videos.moving(1.2, -1.2, 0.5, 4.5, -0.2), seed=1),
    ]
    video = list(people_videos.draw(athletes, 5.5))
    with people.PeopleEstimator(pose_model_path, 2) as estimator:
        found = hips(video, estimator.estimate)
    assert set().union(*found) == {0, 1}
    assert sorted(found[0]) == [0, 1]
    left = min(found[0], key=found[0].get)
    assert found[0][left] < 0.4 < 0.6 < found[0][1 - left]
    assert found[-1][1 - left] < 0.4 < 0.6 < found[-1][left]


@pytest.mark.slow
def test_one_person_looked_for_as_two_is_one_person_and_nearly_the_same_landmarks(pose_model_path):
    video = list(people_videos.draw([people_videos.Athlete("squat", people_videos.standing_at(0.0), seed=1)], 3))
    with people.PeopleEstimator(pose_model_path, 2) as several, PoseEstimator(pose_model_path) as one:
        apart_m = []
        for index, frame in enumerate(video):
            ((number, pose),) = several.estimate(frame, index * 1000 // 15)
            assert number == 0
            alone = one.estimate(frame, index * 1000 // 15)
            apart_m.append(np.linalg.norm(pose.world - alone.world, axis=1).mean())
    assert np.median(apart_m) < 0.06
