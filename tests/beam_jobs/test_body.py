"""The middle of a body, its torso and its mirror image, against values by hand and against the TensorFlow ones."""

import numpy as np

from beam_jobs import body, landmarks, tables


def standing() -> np.ndarray:
    rows = np.zeros((2, 33, 3), np.float32)
    rows[:, landmarks.LEFT_HIP] = 0.5, 1, 0
    rows[:, landmarks.RIGHT_HIP] = -0.5, 1, 2
    rows[:, landmarks.LEFT_SHOULDER] = 1, -2, 1
    rows[:, landmarks.RIGHT_SHOULDER] = -1, -4, 1
    rows[1, landmarks.LEFT_HIP] = np.nan
    return rows


def test_middle_and_torso_length_by_hand():
    rows = standing()
    np.testing.assert_array_equal(body.mid_hip(rows)[0], (0, 1, 1))
    np.testing.assert_array_equal(body.mid_shoulder(rows), [(0, -3, 1)] * 2)
    np.testing.assert_array_equal(body.torso_lengths(rows), (4, np.nan))


def test_the_mirror_image_exchanges_sides_and_negates_x():
    rows = standing()
    mirrored = body.mirror(rows)
    np.testing.assert_array_equal(mirrored[0, landmarks.LEFT_SHOULDER], (1, -4, 1))
    np.testing.assert_array_equal(body.mirror(mirrored), rows)
    assert mirrored.dtype == np.float32


def test_numpy_and_tensorflow_agree_to_the_bit():
    import tensorflow as tf

    from beam_jobs.features import geometry

    rows = np.random.default_rng(0).normal(size=(50, 33, 3)).astype(np.float32)
    np.testing.assert_array_equal(body.mid_hip(rows), geometry.mid_hip(tf.constant(rows)).numpy())
    np.testing.assert_array_equal(body.mid_shoulder(rows), geometry.mid_shoulder(tf.constant(rows)).numpy())


def test_body_parts_begin_at_a_landmark_of_their_own_side():
    assert landmarks.BODY_PARTS["arms"] == landmarks.BODY_PARTS["left_arm"] | landmarks.BODY_PARTS["right_arm"]
    for part in ("left_arm", "right_arm", "arms", "lower_legs", "legs"):
        for root, beyond in landmarks.BODY_PARTS[part].items():
            assert len({landmarks.LANDMARK_NAMES[index].split("_")[0] for index in (root, *beyond)}) == 1


def test_columns_that_are_rounding_noise_do_not_vary():
    mean, deviation = np.array([0, 1e6, 1e6, 0, np.nan]), np.array([2e-5, 9, 11, 1e-5, np.nan])
    assert tables.varies(mean, deviation).tolist() == [True, False, True, False, False]
