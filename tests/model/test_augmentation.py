"""Augmentation of landmarks, against hand-written geometry; without any, the windows are those of the tables."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from beam_jobs import landmarks as names
from model import augmentation, clip_rows, config, dataset, fitting, transform_graph

NONE = config.AugmentationConfig(
    **{field.name: 0 for field in dataclasses.fields(config.AugmentationConfig)},
)
SEED = tf.constant((1, 2), tf.int32)


def body(num: int = 2, length: int = 5) -> np.ndarray:
    """Windows of random landmarks, hips and shoulders a torso of length 0.5 apart, hips at the origin."""
    rows = np.random.default_rng(0).normal(0, 0.3, (num, length, 33, 3)).astype(np.float32)
    rows[:, :, 23], rows[:, :, 24] = (0.1, 0, 0), (-0.1, 0, 0)
    rows[:, :, 11], rows[:, :, 12] = (0.2, -0.5, 0), (-0.2, -0.5, 0)
    return rows


def augmented(rows, seed=SEED, **changes):
    return augmentation.augment(tf.constant(rows, tf.float32), seed, dataclasses.replace(NONE, **changes)).numpy()


@pytest.fixture(scope="module")
def data(made_tables):
    return dataset.load(made_tables, ["test"], config.Config().window)


def test_without_augmentation_windows_are_those_of_the_tables(made_tables, data):
    """The same graph on the same landmarks: clips that begin in a window, gaps and all."""
    augmenter = fitting.augmenter(
        transform_graph.find_beside_tables(made_tables), data, clip_rows.load_landmarks(made_tables, data), NONE
    )
    found = augmenter(data.positions[:, -1], (1, 2))
    assert {clip.name for clip in data.clips} >= {"test/gaps"}
    # A window's first row has its whole history here, as in a batch job; timestamps count from another origin.
    np.testing.assert_allclose(found, data.features(), atol=1e-5)


def test_bodies_stay_where_their_hips_are():
    rows = body()
    np.testing.assert_allclose(augmented(rows), rows, atol=1e-6)
    turned = augmented(rows, max_yaw_degrees=90.0, scale=0.2, mirror_probability=1.0)
    moved = augmented(rows + (3.0, 1.0, -2.0), max_yaw_degrees=90.0, scale=0.2, mirror_probability=1.0)
    np.testing.assert_allclose(moved, turned + (3.0, 1.0, -2.0), atol=1e-5)


def test_a_mirrored_body_has_its_sides_exchanged():
    rows = body()
    found = augmented(rows, mirror_probability=1.0)
    np.testing.assert_allclose(found[..., names.LEFT_WRIST, :], rows[..., names.RIGHT_WRIST, :] * (-1, 1, 1))
    np.testing.assert_allclose(augmented(found, mirror_probability=1.0), rows)


def test_turning_keeps_heights_and_lengths():
    rows = body(num=50)
    found = augmented(rows, max_yaw_degrees=90.0)
    np.testing.assert_allclose(found[..., 1], rows[..., 1], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), np.linalg.norm(rows, axis=-1), rtol=1e-4)
    # The hips' line, along x at first, turns by up to 90 degrees either way, the same in all of a window's rows.
    line = found[:, :, 23] - found[:, :, 24]
    angle = np.degrees(np.arctan2(line[..., 2], line[..., 0]))
    assert np.ptp(angle, axis=1).max() < 0.01
    assert angle.min() < -60 and angle.max() > 60 and np.abs(angle).max() <= 90.01


def test_tilting_keeps_lengths():
    rows = body()
    found = augmented(rows, tilt_degrees=20.0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), np.linalg.norm(rows, axis=-1), rtol=1e-4)
    assert np.abs(found[..., 1] - rows[..., 1]).max() > 0.02


def test_each_axis_is_scaled_by_its_own_factor():
    rows = body()
    factor = augmented(rows, scale=0.2)[..., 0, :] / rows[..., 0, :]
    np.testing.assert_allclose(factor, factor[:, :1].repeat(5, axis=1), rtol=1e-4)
    assert len(np.unique(factor[0, 0].round(4))) == 3


def test_shifts_and_shaking_are_in_torso_lengths():
    rows = body(num=300)
    shift = augmented(rows, offset=0.1) - rows
    np.testing.assert_allclose(shift, shift[:, :1].repeat(5, axis=1), atol=1e-6)
    assert shift.std() == pytest.approx(0.1 * 0.5, rel=0.05)
    shake = augmented(rows, jitter=0.1) - rows
    # Each window shakes by its own share of 0.1: the root of the mean of squares of a uniform share is 1 / sqrt(3).
    assert shake.std() == pytest.approx(0.1 * 0.5 / np.sqrt(3), rel=0.1)
    assert np.abs(shake[:, 0] - shake[:, 1]).mean() > 0.01


def test_a_part_that_is_hidden_is_guessed_elsewhere():
    rows = body(num=300, length=12)
    found = augmented(rows, occlusion_probability=1.0)
    moved = np.abs(found - rows).max(axis=(1, 3)) > 1e-3
    # Every window has one part elsewhere: an arm, both, the lower legs, the legs, or the head; never the torso.
    assert moved.any(axis=1).all() and not moved[:, [0, 11, 12, 23, 24]].all(axis=0)[1:].any()
    arms = {13, 15, 17, 19, 21}, {14, 16, 18, 20, 22}
    lower = {27, 29, 31, 28, 30, 32}
    parts = {frozenset(np.flatnonzero(row).tolist()) for row in moved}
    expected = {*map(frozenset, arms), frozenset(arms[0] | arms[1]), frozenset(lower), frozenset(lower | {25, 26})}
    assert expected | {frozenset(range(11))} == parts
    # In a third of them it moves as in truth, but for one shift in all rows.
    shift = found - rows
    still = np.ptp(shift, axis=1).max(axis=(1, 2)) < 1e-4
    assert 0.2 < still.mean() < 0.47
    # In others it rests.
    arm = found[:, :, 15][moved[:, 15]]
    assert (np.ptp(arm, axis=1).max(axis=1) < 1e-4).any()
    np.testing.assert_allclose(augmented(rows, occlusion_probability=0.0), rows, atol=1e-6)
    some = augmented(rows, occlusion_probability=0.25)
    assert 0.15 < (np.abs(some - rows).max(axis=(1, 2, 3)) > 1e-3).mean() < 0.35


def test_rows_are_dropped_and_the_last_one_never():
    rows = body(num=400, length=41)
    rows[:, 20] = np.nan
    found = augmented(rows, late_start_probability=0.5, max_lead_rows=17, max_drop_share=0.3)
    there = np.isfinite(found).all(axis=(2, 3))
    assert there[:, -1].all() and not there[:, 20].any()
    assert (np.isfinite(found).any(axis=(2, 3)) == there).all()
    # Beyond the leading rows, dropped on average half of max_drop_share; the history of 7 rows goes with the lead.
    assert 0.10 < 1 - there[:, 28:40].mean() < 0.20
    assert 1 - there[:, :7].mean() > 0.5


def test_the_same_seed_gives_the_same():
    settings = {"max_yaw_degrees": 90.0, "jitter": 0.1, "max_drop_share": 0.5}
    rows = body()
    np.testing.assert_array_equal(augmented(rows, **settings), augmented(rows, **settings))
    assert not np.array_equal(augmented(rows, **settings), augmented(rows, tf.constant((1, 3), tf.int32), **settings))


def made_sequences() -> augmentation.Sequences:
    """Two clips of 10 and 20 rows: every coordinate is the time in the clip in rows, at 10 rows a second."""
    times = np.concatenate([[0], np.arange(10), np.arange(20)]).astype(np.float32)
    landmarks = np.broadcast_to(times[:, None, None], (31, 33, 3)).copy()
    landmarks[0] = np.nan
    first_row = np.array([0] + [1] * 10 + [11] * 20, np.int32)
    return augmentation.Sequences(tf.constant(landmarks), tf.constant(times * 100), tf.constant(first_row))


@pytest.mark.parametrize(
    ("last", "stretch", "times", "times_ms"),
    [
        (29, 1.0, [16, 17, 18, 19], [0, 100, 200, 300]),
        # The second row of the second clip: nothing of the first clip comes in.
        (11, 1.0, [None, None, 0, 1], [-1, -1, 0, 100]),
        # Twice as quick: every other row, as far apart in time as rows are.
        (29, 2.0, [13, 15, 17, 19], [0, 100, 200, 300]),
        (29, 0.5, [17.5, 18, 18.5, 19], [0, 100, 200, 300]),
        (9, 3.0, [0, 3, 6, 9], [0, 100, 200, 300]),
        (9, 4.0, [None, 1, 5, 9], [-1, 0, 100, 200]),
    ],
)
def test_cut_at_another_tempo(last, stretch, times, times_ms):
    last, stretch = tf.constant([last]), tf.constant([stretch])
    rows, found_ms = augmentation.resample_windows(made_sequences(), last, 4, stretch)
    expected = np.array([np.nan if time is None else time for time in times], np.float32)
    np.testing.assert_allclose(rows[0, :, 0, 0], expected, atol=1e-5)
    np.testing.assert_array_equal(found_ms[0], times_ms)


def test_landmarks_are_the_rows_of_the_windows(made_tables, data, tmp_path):
    found = clip_rows.load_landmarks(made_tables, data)
    assert found.shape == (len(data.rows), 33, 3)
    # The made graph's first 99 features are the landmarks themselves.
    np.testing.assert_allclose(np.nan_to_num(found.reshape(-1, 99)), data.rows[:, :99], atol=1e-6)
