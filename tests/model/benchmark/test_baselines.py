"""Statistics and poses worked out by hand; baselines on windows of classes that differ clearly."""

import math

import numpy as np
import pytest

from beam_jobs import tables
from model.benchmark import baselines
from model.evaluation import metrics

NUM_CLASSES = 4


def made_windows(num_per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of classes 0, 2 and 3 (1 is absent), each with a pose of its own; some begin with missing rows."""
    rng = np.random.default_rng(seed)
    poses = np.random.default_rng(0).normal(size=(NUM_CLASSES, 189))
    truth = np.repeat([0, 2, 3], num_per_class)
    windows = (poses[truth][:, None] + rng.normal(0, 0.7, (len(truth), 34, 189))).astype(np.float32)
    windows[::3, :15] = 0
    return windows, truth


def test_statistics_are_of_the_rows_that_are_there():
    windows = np.zeros((3, 5, 2), np.float32)
    # Rows 1, 2 and 4 are there; the first feature is 1, 2, 6, the second 0, 0, -3 (a 0 beside another number counts).
    windows[0, [1, 2, 4]] = [[1, 0], [2, 0], [6, -3]]
    windows[1, 3] = [5, 7]  # one row; the third window has none
    found = baselines.statistics(windows).reshape(3, 5, 2)
    # Of 1, 2, 6: mean 3, variance (4 + 1 + 9) / 3. Only rows 1 and 2 follow one another: |2 - 1|.
    np.testing.assert_allclose(found[0, :, 0], [3, math.sqrt(14 / 3), 1, 6, 1], rtol=1e-6)
    # Of 0, 0, -3: mean -1, variance (1 + 1 + 4) / 3.
    np.testing.assert_allclose(found[0, :, 1], [-1, math.sqrt(2), -3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found[1], [[5, 7], [0, 0], [5, 7], [5, 7], [0, 0]])
    assert not found[2].any() and found.dtype == np.float32
    assert baselines.statistics(windows[:0]).shape == (0, 10)


def test_statistics_of_many_windows_are_those_of_each():
    windows = np.random.default_rng(3).normal(size=(300, 4, 3)).astype(np.float32)
    one_by_one = np.concatenate([baselines.statistics(window[None]) for window in windows])
    np.testing.assert_allclose(baselines.statistics(windows), one_by_one, atol=1e-6)


@pytest.mark.parametrize("name", sorted(baselines.BASELINES))
def test_a_baseline_classifies_windows_it_was_not_fitted_to(name):
    windows, truth = made_windows(12, seed=1)
    others, others_truth = made_windows(5, seed=2)
    baseline = baselines.BASELINES[name](7)
    baseline.fit(windows, truth, np.ones(len(truth)), NUM_CLASSES)
    found = baseline.probabilities(others)
    assert found.shape == (15, NUM_CLASSES) and found.dtype == np.float32
    assert (found.argmax(axis=1) == others_truth).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    # The class that was never seen has the floor, and no more: its likelihood is finite.
    np.testing.assert_allclose(found[:, 1], baselines.MIN_PROBABILITY, rtol=1e-4)
    assert found.min() >= baselines.MIN_PROBABILITY * 0.999
    nll = metrics.negative_log_likelihood(found, np.ones(len(found), int))
    assert nll == pytest.approx(-math.log(baselines.MIN_PROBABILITY), rel=1e-3)
    # The same seed, the same figures; the scale of weights is nothing.
    again = baselines.BASELINES[name](7)
    again.fit(windows, truth, np.full(len(truth), 4.0), NUM_CLASSES)
    np.testing.assert_array_equal(again.probabilities(others), found)


@pytest.mark.parametrize("name", sorted(baselines.BASELINES))
def test_weights_decide_between_windows_that_contradict(name):
    windows, _ = made_windows(12, seed=1)
    windows, truth = np.concatenate([windows, windows]), np.repeat([0, 2], 36)
    for favoured, weights in ((0, np.repeat([1.0, 0.0], 36)), (2, np.repeat([0.0, 1.0], 36))):
        baseline = baselines.BASELINES[name](1)
        baseline.fit(windows, truth, weights, NUM_CLASSES)
        assert (baseline.probabilities(windows[:6]).argmax(axis=1) == favoured).all()


@pytest.mark.parametrize("name", sorted(baselines.BASELINES))
def test_data_that_cannot_be_fitted_is_an_error(name):
    windows, truth = made_windows(2, seed=1)
    ones = np.ones(len(truth))
    with pytest.raises(ValueError, match="nothing was fitted"):
        baselines.BASELINES[name](1).probabilities(windows)
    for bad, match in (
        ((windows[..., :9], truth, ones, 4), r"\(6, 34, 9\); expected"),
        ((windows, truth[:2], ones, 4), "one for each of 6 windows"),
        ((windows, truth, ones, 3), r"truth holds \[0, 2, 3\]; expected at least two of the classes 0 to 2"),
        ((windows, np.zeros(6, int), ones, 4), r"truth holds \[0\]"),
        ((windows, truth, -ones, 4), "weights hold"),
        ((windows, truth, 0 * ones, 4), "weights hold"),
    ):
        with pytest.raises(ValueError, match=match):
            baselines.BASELINES[name](1).fit(*bad)


def pose_row(**features: float) -> np.ndarray:
    """A row with some features named; a speed that is not part of a pose says that it is there."""
    row = np.zeros(189, np.float32)
    for name, value in {"nose_speed": 1.0, **features}.items():
        row[tables.FEATURE_NAMES.index(name)] = value
    return row


def test_a_pose_is_twelve_landmarks_and_eight_distances():
    row = pose_row(left_shoulder_x=1, right_ankle_z=5, shoulder_width=3, nose_x=9, left_knee_angle_degrees=9)
    pose = baselines.embedding(row)
    assert pose.shape == (44,) and pose.dtype == np.float32
    # The first landmark's x; the twelfth one's z, a fifth as heavy; the first distance. Nose and angles are not there.
    assert {index: float(pose[index]) for index in np.flatnonzero(pose)} == {0: 1.0, 35: 1.0, 36: 3.0}


def test_nearest_poses_are_chosen_by_the_largest_distance_then_by_the_mean():
    """Among three poses, the one that is nearest in the mean has one joint bent: it is ruled out first."""
    bent = pose_row(left_wrist_x=2)  # at most 2 away, 2 in sum
    near = pose_row(left_wrist_x=1, left_elbow_x=1, left_knee_y=1, left_hip_y=0.5)  # at most 1 away, 3.5 in sum
    nearer = pose_row(left_wrist_x=1.2, right_wrist_x=1.2)  # at most 1.2 away, 2.4 in sum
    windows, truth = np.stack([bent, near, nearer])[:, None], np.array([0, 1, 2])
    asked = pose_row()[None, None]

    def answer(num_by_max_distance: int) -> int:
        baseline = baselines.NearestPosesBaseline(1, 200, num_by_max_distance, num_by_mean_distance=1)
        baseline.fit(windows, truth, np.ones(3), 3)
        return int(baseline.probabilities(asked).argmax())

    # Of all three, `bent` has the smallest mean; of the two that are left without it, `nearer`; alone, `near`.
    assert [answer(3), answer(2), answer(1)] == [0, 2, 1]


def test_votes_are_averaged_over_the_rows_that_are_there():
    windows = np.stack([pose_row(left_wrist_x=value) for value in (-3, 3)])[:, None]
    baseline = baselines.NearestPosesBaseline(1, 50, num_by_mean_distance=1)
    baseline.fit(windows, np.array([0, 1]), np.ones(2), 2)
    asked = np.zeros((2, 4, 189), np.float32)
    asked[0, :3] = [pose_row(left_wrist_x=value) for value in (-2, 2, 4)]  # the fourth is missing
    found = baseline.probabilities(asked)
    floor = baselines.MIN_PROBABILITY
    np.testing.assert_allclose(found[0], [floor + (1 - 2 * floor) / 3, floor + (1 - 2 * floor) * 2 / 3], rtol=1e-5)
    np.testing.assert_allclose(found[1], 0.5, rtol=1e-6)  # no person: all classes alike
