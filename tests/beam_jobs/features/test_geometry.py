import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_jobs import landmarks
from beam_jobs.features import geometry

SETTINGS = settings(max_examples=25, deadline=None)
MIRROR = list(landmarks.MIRROR_INDICES)
SWAPPED_PAIRS = [1, 0, 3, 2, 5, 4, 7, 6]


def t_pose() -> np.ndarray:
    """A person facing the camera, arms out: torso 2 long, every number easy. Camera's axes: x right, y down."""
    points = np.zeros((33, 3), np.float32)
    points[0] = (0, -3, -0.5)
    for left, right, x, y in (
        (11, 12, 1.0, -2.0),  # shoulders
        (13, 14, 2.0, -2.0),  # elbows
        (15, 16, 3.0, -2.0),  # wrists
        (23, 24, 0.5, 0.0),  # hips
        (25, 26, 0.5, 2.0),  # knees
        (27, 28, 0.5, 4.0),  # ankles
    ):
        points[left], points[right] = (x, y, 0), (-x, y, 0)
    return points


def random_history(seed: int) -> np.ndarray:
    """Eight rows of a person who has no symmetry and moves a little."""
    random = np.random.default_rng(seed)
    body = t_pose() + random.uniform(-0.4, 0.4, (33, 3))
    return (body + random.uniform(-0.1, 0.1, (8, 33, 3))).astype(np.float32)


def rotation(seed: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def mirror(points: np.ndarray) -> np.ndarray:
    """What a mirror shows: x negated, and what was left is right."""
    return points[..., MIRROR, :] * np.array([-1, 1, 1], np.float32)


def tables_of(history: np.ndarray, timestamps_ms=None) -> dict[str, np.ndarray]:
    if timestamps_ms is None:
        timestamps_ms = np.arange(8, dtype=np.int64) * 67
    scale = geometry.torso_length(history)
    normalized = geometry.normalize(history, scale[..., None])
    angles = geometry.joint_angles_degrees(history[..., -1, :, :])
    found = {
        "normalized": normalized[..., -1, :, :],
        "angles": angles,
        "symmetry": geometry.symmetry(normalized[..., -1, :, :], angles),
        "distances": geometry.distances(normalized[..., -1, :, :]),
        "speeds": geometry.speeds(normalized, timestamps_ms),
        "accelerations": geometry.accelerations(normalized, timestamps_ms),
    }
    return {name: value.numpy() for name, value in found.items()}


def still(points: np.ndarray) -> np.ndarray:
    return np.repeat(points[None], 8, axis=0)


def test_angles_and_distances_of_a_t_pose():
    found = tables_of(still(t_pose()))
    # Straight elbows and knees; the arm is square to the shoulders, the torso's side leans: hips are narrower.
    side = math.degrees(math.atan2(0.5, 2))
    expected = [180, 180, 90 + side, 90 + side, 180 - side, 180 - side, 180, 180]
    np.testing.assert_allclose(found["angles"], expected, atol=1e-4)
    np.testing.assert_allclose(found["symmetry"], np.zeros(8), atol=1e-4)
    # Torso lengths, the torso being 2: shoulders 2 apart, hips 1, wrists 6, ankles 1; wrist (3, -2) to hip (.5, 0).
    wrist_to_hip = math.hypot(2.5, 2) / 2
    expected = [1, 0.5, 3, 0.5, wrist_to_hip, wrist_to_hip, 2, 2]
    np.testing.assert_allclose(found["distances"], expected, atol=1e-6)
    np.testing.assert_allclose(found["normalized"][0], [0, -1.5, -0.25], atol=1e-6)
    np.testing.assert_allclose(found["speeds"], np.zeros(33), atol=1e-6)
    np.testing.assert_allclose(found["accelerations"], np.zeros(33), atol=1e-6)


@pytest.mark.parametrize(
    ("distal", "degrees"),
    [((0, 1, 0), 90), ((1, 0, 0), 0), ((-2, 0, 0), 180), ((1, 1, 0), 45), ((0, 0, -3), 90), ((-1, 0, 1), 135)],
)
def test_angle_of_hand_made_limbs(distal, degrees):
    point = lambda *xyz: np.array(xyz, np.float32)  # noqa: E731
    joint = point(5, -3, 2)
    found = geometry.joint_angle_degrees(joint + point(1, 0, 0), joint, joint + point(*distal))
    assert float(found) == pytest.approx(degrees, abs=1e-4)


def test_angle_near_a_straight_limb_is_precise():
    tenth = math.radians(179.9)
    distal = np.array([math.cos(tenth), math.sin(tenth), 0], np.float32)
    found = geometry.joint_angle_degrees(np.array([1, 0, 0], np.float32), np.zeros(3, np.float32), distal)
    assert float(found) == pytest.approx(179.9, abs=1e-4)


def test_one_raised_arm_shows_in_symmetry():
    points = t_pose()
    points[13], points[15] = (1, -3, 0), (1, -4, 0)  # the left arm straight up
    found = tables_of(still(points))["symmetry"]
    # The shoulder opens by 90 degrees; the wrist was at (3, -2), its mirror image is off by (2, 2) / torso 2.
    np.testing.assert_allclose(found[:4], [0, 180 - 2 * math.degrees(math.atan2(0.5, 2)) - 90, 0, 0], atol=1e-3)
    np.testing.assert_allclose(found[4:], [math.sqrt(2), math.sqrt(2) / 2, 0, 0], atol=1e-5)


def test_symmetry_is_of_the_body_and_not_of_the_picture():
    turned = (t_pose() @ rotation(3).T).astype(np.float32)
    np.testing.assert_allclose(tables_of(still(turned))["symmetry"], np.zeros(8), atol=1e-3)


def test_speed_and_acceleration_from_unequal_time_steps():
    history, wrist = still(t_pose()), landmarks.LEFT_WRIST
    # In torso lengths the wrist stands at 0, 0.1 and 0.4 of its way, at 0, 100 and 300 ms: 1 a second, then 1.5.
    history[-2, wrist, 1] += 0.2
    history[-1, wrist, 1] += 0.8
    times = np.array([-5, -4, -3, -2, -1, 0, 100, 300], np.int64)
    found = tables_of(history, times)
    assert found["speeds"][wrist] == pytest.approx(1.5, rel=1e-5)
    assert found["accelerations"][wrist] == pytest.approx(0.5 / 0.15, rel=1e-5)
    assert found["speeds"][landmarks.RIGHT_WRIST] == pytest.approx(0, abs=1e-5)


def test_one_bad_row_does_not_move_the_scale():
    history = still(t_pose())
    history[-1, 11:13] *= 3  # the shoulders leap away in the newest row
    assert float(geometry.torso_length(history)) == pytest.approx(2)
    assert float(geometry.torso_length(history[-2:])) == pytest.approx((2 + 6) / 2), "two rows: their mean"


def test_scale_skips_rows_without_a_torso():
    history = still(t_pose())
    history[:3] = np.nan
    history[3] = 0
    history[4] *= 1.5
    assert float(geometry.torso_length(history)) == pytest.approx(2)
    history[-1] = np.nan
    assert np.isnan(geometry.torso_length(history)), "nobody in the row that it is for"
    assert np.isnan(geometry.torso_length(np.zeros((8, 33, 3), np.float32)))


def test_a_torso_that_seems_to_change_moves_no_wrist():
    """All of a history is measured in the newest row's scale."""
    history = still(t_pose())
    history[-2, 11:13] *= 3
    found = tables_of(history)["speeds"]
    assert found[landmarks.LEFT_WRIST] == pytest.approx(0, abs=1e-6)
    assert found[landmarks.LEFT_SHOULDER] > 10


def test_a_missing_landmark_is_nan_where_it_is_needed_and_nowhere_else():
    history = random_history(1)
    whole = tables_of(history)
    history[-1, landmarks.LEFT_WRIST] = np.nan
    found = tables_of(history)
    missing = {
        "normalized": [landmarks.LEFT_WRIST],
        "angles": [0],
        "symmetry": [0, 4],
        "distances": [2, 4],
        "speeds": [landmarks.LEFT_WRIST],
        "accelerations": [landmarks.LEFT_WRIST],
    }
    for name, positions in missing.items():
        expected = whole[name].copy()
        expected[positions] = np.nan
        np.testing.assert_array_equal(found[name], expected, err_msg=name)


def test_nobody_is_nan_everywhere():
    history = random_history(2)
    history[-1] = np.nan
    assert all(np.isnan(values).all() for values in tables_of(history).values())


def test_nobody_in_the_row_before_leaves_out_movement_alone():
    history = random_history(2)
    history[-2] = np.nan
    found = tables_of(history)
    assert np.isnan(found.pop("speeds")).all()
    assert np.isnan(found.pop("accelerations")).all()
    assert not any(np.isnan(values).any() for values in found.values())


def test_time_that_stands_still_is_nan():
    times = np.array([0, 1, 2, 3, 4, 100, 100, 200], np.int64)
    found = tables_of(random_history(4), times)
    assert np.isfinite(found["speeds"]).all()
    assert np.isnan(found["accelerations"]).all()
    assert np.isnan(tables_of(random_history(4), times[[0, 1, 2, 3, 4, 5, 7, 6]])["speeds"]).all()


def test_limbs_and_bodies_without_size_are_nan():
    joint = np.zeros(3, np.float32)
    assert np.isnan(geometry.joint_angle_degrees(joint, joint, joint + 1))
    points = t_pose()
    points[[11, 12, 23, 24], 0] = 0  # a body without width has no left and right
    assert np.isnan(geometry.sagittal_normal(points)).all()


def test_leading_dimensions_do_not_matter():
    histories = np.stack([[random_history(seed) for seed in (1, 2, 3)], [random_history(seed) for seed in (4, 5, 6)]])
    times = np.broadcast_to(np.arange(8, dtype=np.int64) * 67, (2, 3, 8))
    together = tables_of(histories, times)
    for name, values in tables_of(random_history(6)).items():
        np.testing.assert_allclose(together[name][1, 2], values, rtol=1e-5, atol=1e-5, err_msg=name)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="33, 3"):
        geometry.distances(np.zeros((8, 17, 3), np.float32))
    with pytest.raises(ValueError, match="to be 3"):
        geometry.joint_angle_degrees(*np.zeros((3, 5, 2), np.float32))


SEEDS = st.integers(0, 2**32 - 1)
TOLERANCE = {
    "normalized": 1e-4,
    "angles": 0.02,
    "symmetry": 0.02,
    "distances": 1e-4,
    "speeds": 1e-3,
    "accelerations": 0.05,
}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], names=tuple(TOLERANCE)) -> None:
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=TOLERANCE[name], err_msg=name)


@SETTINGS
@given(SEEDS, st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_moving_the_body_changes_nothing(seed, offset):
    history = random_history(seed)
    assert_same(tables_of((history + offset).astype(np.float32)), tables_of(history))


@SETTINGS
@given(SEEDS, st.floats(1e-3, 1e3))
def test_scaling_the_body_changes_nothing(seed, factor):
    history = random_history(seed)
    assert_same(tables_of((history * factor).astype(np.float32)), tables_of(history))


@SETTINGS
@given(SEEDS, SEEDS)
def test_turning_the_body_turns_its_landmarks_and_nothing_else(seed, turn):
    history, matrix = random_history(seed), rotation(turn)
    found, expected = tables_of((history @ matrix.T).astype(np.float32)), tables_of(history)
    expected["normalized"] = expected["normalized"] @ matrix.T
    assert_same(found, expected)


@SETTINGS
@given(SEEDS)
def test_mirroring_the_body_swaps_left_and_right(seed):
    history = random_history(seed)
    found, original = tables_of(mirror(history)), tables_of(history)
    expected = {
        "normalized": mirror(original["normalized"]),
        "angles": original["angles"][SWAPPED_PAIRS],
        "symmetry": np.concatenate([-original["symmetry"][:4], original["symmetry"][4:]]),
        "distances": original["distances"][[0, 1, 2, 3, 5, 4, 7, 6]],
        "speeds": original["speeds"][MIRROR],
        "accelerations": original["accelerations"][MIRROR],
    }
    assert_same(found, expected)


@SETTINGS
@given(SEEDS, st.integers(0, 10**7))
def test_the_clock_s_origin_does_not_matter(seed, start_ms):
    history, times = random_history(seed), np.arange(8, dtype=np.int64) * 67
    assert_same(tables_of(history, times + start_ms), tables_of(history, times))
