"""A body of straight lines: every place after a corruption is known by hand."""

import numpy as np
import pytest

from beam_jobs import landmarks
from model.benchmark import corruptions

NAN = float("nan")


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def standing(num_rows: int = 4) -> np.ndarray:
    """Shoulders at y -0.5, hips at 0, knees at 0.4, ankles at 0.8; arms reach 0.6 out to the sides; left is at x > 0.

    The torso is 0.5 long, and what is not named here lies at the origin.
    """
    rows = np.zeros((num_rows, 33, 3), np.float32)
    for left, x, y in ((11, 0.2, -0.5), (13, 0.5, -0.5), (15, 0.8, -0.5), (23, 0.1, 0), (25, 0.1, 0.4), (27, 0.1, 0.8)):
        rows[:, left, :2] = x, y
        rows[:, left + 1, :2] = -x, y
    return rows


def times(num_rows: int, rate_hz: float = 30) -> np.ndarray:
    return np.round(np.arange(num_rows) * 1000 / rate_hz).astype(np.int64)


def moving(num_rows: int) -> np.ndarray:
    """At 30 Hz, the nose's x is the row's number: a source's frame at t ms has 0.03 t."""
    rows = standing(num_rows)
    rows[:, 0, 0] = np.arange(num_rows)
    return rows


def test_torso_length_is_the_median_of_rows_with_a_person():
    rows = standing(5)
    rows[0, [11, 12], 1] = -9
    rows[1] = NAN
    assert corruptions.torso_length(rows) == pytest.approx(0.5)
    assert np.isnan(corruptions.torso_length(np.full((2, 33, 3), NAN, np.float32)))


@pytest.mark.parametrize(
    ("source_rate_hz", "expected_ms"),
    [
        # Every frame of a slow source, each 100 ms.
        (10, [0, 100, 200, 300, 400]),
        (15, [0, 67, 133, 200, 267, 333, 400]),
        # A frame each 41.67 ms: in cells of 66.67 ms, up to 22 % early, fall 0, (41.7: 0.63 + 0.22 is below 1),
        # 83.3 (1.25), 125 (1.88 + 0.22: 2), 208.3 (3.1; 166.7 was 2.5), 250 (3.75 + 0.22 is below 4: none),
        # 291.7 (4.4), 333.3 (5), 416.7 would be after the end.
        (24, [0, 83, 125, 208, 292, 333]),
        (30, [0, 67, 133, 200, 267, 333, 400]),
        # 50 ms (0.75 + 0.22) is too early for cell 1.
        (60, [0, 67, 133, 200, 267, 333, 400]),
    ],
)
def test_a_source_of_another_rate_gives_rows_at_these_times(source_rate_hz, expected_ms):
    rows, timestamps_ms = corruptions.resample(moving(13), times(13), source_rate_hz)
    assert timestamps_ms.tolist() == expected_ms and timestamps_ms.dtype == np.int64
    assert rows.shape == (len(expected_ms), 33, 3) and rows.dtype == np.float32
    # The nose moves 0.03 a millisecond; timestamps are rounded by half of one.
    np.testing.assert_allclose(rows[:, 0, 0], 0.03 * timestamps_ms, atol=0.04)
    # What does not move stays.
    np.testing.assert_allclose(rows[:, 1:], standing(len(expected_ms))[:, 1:], atol=1e-6)


def test_a_source_of_the_same_rate_gives_the_same_rows():
    rows = np.random.default_rng(1).normal(size=(7, 33, 3)).astype(np.float32)
    start_ms = 1234
    for rate_hz, every in ((30, 2), (15, 2), (60, 2)):
        picked, timestamps_ms = corruptions.resample(rows, times(7) + start_ms, rate_hz)
        np.testing.assert_array_equal(picked, rows[::every])
        np.testing.assert_array_equal(timestamps_ms, (times(7) + start_ms)[::every])


def test_between_two_rows_is_their_mean():
    # Of 20 Hz at 50 ms: halfway between the table's 40 and 60 ms.
    rows, timestamps_ms = corruptions.resample(moving(5), np.arange(5) * 20, 20, frame_rate_hz=20)
    assert timestamps_ms.tolist() == [0, 50]
    np.testing.assert_allclose(rows[:, 0, 0], [0, 2.5])


def test_gaps_neither_grow_nor_close():
    rows = moving(10)
    rows[[4, 5]] = NAN  # 40 and 50 ms of a table each 10 ms
    picked, timestamps_ms = corruptions.resample(rows, np.arange(10) * 10, 80, frame_rate_hz=80)
    # Each 12.5 ms: 37.5 is nearest to 40, 50 is 50, 62.5 lies between 60 and 70.
    missing = np.isnan(picked).all(axis=(1, 2))
    assert timestamps_ms[missing].tolist() == [38, 50]
    assert not np.isnan(picked[~missing]).any()
    np.testing.assert_allclose(picked[~missing][:, 0, 0], [0, 1.25, 2.5, 6.25, 7.5, 8.75], rtol=1e-6)


def test_one_row_can_be_resampled_and_wrong_shapes_cannot():
    rows, timestamps_ms = corruptions.resample(standing(1), np.array([40]), 10)
    np.testing.assert_array_equal(rows, standing(1))
    assert timestamps_ms.tolist() == [40]
    for timestamps, rate in (([0, 0], 10), ([0], 10), ([0, 33], 0)):
        with pytest.raises(ValueError, match="expected"):
            corruptions.resample(standing(2), np.array(timestamps), rate)
    with pytest.raises(ValueError, match=r"shape \(2, 32, 3\); expected \(T, 33, 3\)"):
        corruptions.mirror(np.zeros((2, 32, 3), np.float32))


def test_a_fraction_of_the_rows_with_a_person_is_dropped(rng):
    rows = standing(12)
    rows[3:5] = NAN
    dropped = corruptions.drop_rows(rows, 0.3, rng)
    missing = np.isnan(dropped).all(axis=(1, 2))
    # Three of the ten that were there, beside the two that were not.
    assert missing.sum() == 5 and missing[3:5].all()
    np.testing.assert_array_equal(dropped[~missing], rows[~missing])
    assert np.isnan(rows).all(axis=(1, 2)).sum() == 2  # as they were
    assert dropped.dtype == np.float32
    np.testing.assert_array_equal(corruptions.drop_rows(rows, 0, rng), rows)
    assert np.isnan(corruptions.drop_rows(rows, 1, rng)).all()
    with pytest.raises(ValueError, match="expected 0 to 1"):
        corruptions.drop_rows(rows, 1.1, rng)


def test_noise_is_measured_in_torso_lengths(rng):
    rows = standing(400)
    rows[7] = NAN
    noise = corruptions.add_noise(rows, 0.1, rng) - rows
    assert noise.dtype == np.float32
    assert np.isnan(noise[7]).all() and not np.isnan(np.delete(noise, 7, 0)).any()
    # 0.1 of a torso of 0.5; 39,501 draws give it to 1 %.
    assert np.nanstd(noise) == pytest.approx(0.05, rel=0.02) and abs(np.nanmean(noise)) < 0.002
    # The same body seen twice as large, and the same chance: twice the noise.
    larger = corruptions.add_noise(2 * rows, 0.1, np.random.default_rng(5)) - 2 * rows
    np.testing.assert_allclose(larger, 2 * noise, atol=1e-5)
    np.testing.assert_array_equal(corruptions.add_noise(rows, 0, rng), rows)
    with pytest.raises(ValueError, match="expected 0 or more"):
        corruptions.add_noise(rows, -1, rng)


def test_frozen_legs_are_at_their_mean_place_from_the_hips(rng):
    rows = standing(3)
    rows[:, 25, 1] = 0.4, 0.1, 0.4  # the left knee goes up once: 0.3 in the mean
    rows[2] += 1.0  # and the whole body moves
    rows = np.concatenate([rows, np.full((1, 33, 3), NAN, np.float32)])
    hidden = corruptions.hide(rows, "legs", rng, standard_deviation_torso=0)
    np.testing.assert_allclose(hidden[:3, 25], [[0.1, 0.3, 0], [0.1, 0.3, 0], [1.1, 1.3, 1.0]], atol=1e-6)
    np.testing.assert_allclose(hidden[:3, 28], [[-0.1, 0.8, 0], [-0.1, 0.8, 0], [0.9, 1.8, 1.0]], atol=1e-6)
    np.testing.assert_array_equal(hidden[:3, :25], rows[:3, :25])
    assert np.isnan(hidden[3]).all() and hidden.dtype == np.float32


def test_hanging_arms_point_down_the_torso(rng):
    hidden = corruptions.hide(standing(2), "left_arm", rng, guess="hang", standard_deviation_torso=0)
    # Elbow and wrist are 0.3 and 0.6 from the shoulder at (0.2, -0.5): now below it.
    np.testing.assert_allclose(hidden[1, 13], [0.2, -0.2, 0], atol=1e-6)
    np.testing.assert_allclose(hidden[1, 15], [0.2, 0.1, 0], atol=1e-6)
    np.testing.assert_array_equal(hidden[:, 14], standing(2)[:, 14])
    # A body that lies along x, head to the left: "down" the torso is to the right.
    lying = standing(1)[..., [1, 0, 2]]
    hidden = corruptions.hide(lying, "right_arm", rng, guess="hang", standard_deviation_torso=0)
    np.testing.assert_allclose(hidden[0, 16], [0.1, -0.2, 0], atol=1e-6)


@pytest.mark.parametrize("guess", corruptions.GUESSES)
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("legs", range(25, 33)),
        ("lower_legs", range(27, 33)),
        ("left_arm", range(13, 23, 2)),
        ("right_arm", range(14, 23, 2)),
        ("arms", range(13, 23)),
    ],
)
def test_a_hidden_part_and_nothing_else_is_guessed(part, expected, guess, rng):
    rows = rng.normal(size=(3, 33, 3)).astype(np.float32)
    rows[1] = NAN
    hidden = corruptions.hide(rows, part, rng, guess)
    assert np.isnan(hidden[1]).all() and not np.isnan(hidden[[0, 2]]).any()
    changed = (hidden[[0, 2]] != rows[[0, 2]]).all(axis=(0, 2))
    assert np.flatnonzero(changed).tolist() == list(expected)
    prefix = {"left_arm": "left_", "right_arm": "right_"}.get(part, "")
    assert all(landmarks.LANDMARK_NAMES[index].startswith(prefix) for index in expected)


def test_a_guess_has_noise(rng):
    rows = standing(2000)
    noise = corruptions.hide(rows, "lower_legs", rng, standard_deviation_torso=0.1)[:, 27] - rows[:, 27]
    assert noise.std() == pytest.approx(0.05, rel=0.05)


def test_rows_without_a_person_stay_empty_when_parts_are_hidden(rng):
    no_person = np.full((2, 33, 3), NAN, np.float32)
    for guess in corruptions.GUESSES:
        assert np.isnan(corruptions.hide(no_person, "legs", rng, guess)).all()
    for part, guess in (("tail", "freeze"), ("legs", "vanish")):
        with pytest.raises(ValueError, match="expected one of"):
            corruptions.hide(no_person, part, rng, guess)


def test_mirroring_swaps_sides_and_negates_x():
    rows = standing(2)
    np.testing.assert_array_equal(corruptions.mirror(rows)[0], rows[0])  # a symmetric body is its own mirror image
    rows[0, 15] = 0.7, -0.9, 0.3  # the left wrist
    rows[1] = NAN
    mirrored = corruptions.mirror(rows)
    np.testing.assert_allclose(mirrored[0, 16], [-0.7, -0.9, 0.3])  # is now a right one, on the other side
    np.testing.assert_allclose(mirrored[0, 15], [0.8, -0.5, 0])
    assert np.isnan(mirrored[1]).all() and mirrored.dtype == np.float32
    np.testing.assert_array_equal(corruptions.mirror(mirrored), rows)
