"""Bodies in other coordinates, against what trigonometry says."""

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from beam_jobs import landmarks
from model.benchmark import coordinates


def body(seed: int, num_rows: int = 20) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(0, 0.2, (1, 33, 3)).repeat(num_rows, axis=0).astype(np.float32)
    # Facing the camera: left is at the right of the picture, as far from it as right is.
    for left, sign in ((landmarks.LEFT_HIP, 1), (landmarks.LEFT_SHOULDER, 1)):
        rows[:, left, 0], rows[:, left + 1, 0] = 0.2 * sign, -0.2 * sign
        rows[:, left, 2] = rows[:, left + 1, 2] = 0
    return rows


@pytest.mark.parametrize("degrees", [0, 40, 170, -90])
def test_a_body_that_stands_sideways_is_turned_to_the_camera(degrees):
    rows = body(1)
    angle = np.radians(degrees)
    x, z = rows[..., 0].copy(), rows[..., 2].copy()
    turned = rows.copy()
    turned[..., 0], turned[..., 2] = x * np.cos(angle) + z * np.sin(angle), z * np.cos(angle) - x * np.sin(angle)
    np.testing.assert_allclose(coordinates.facing(turned), rows, atol=1e-5)


def test_rows_without_a_person_stay_so():
    rows = body(2)
    rows[[0, 7]] = np.nan
    labelled = coordinates.facing(rows)
    assert np.isnan(labelled[[0, 7]]).all()
    np.testing.assert_allclose(np.delete(labelled, [0, 7], axis=0), np.delete(rows, [0, 7], axis=0), atol=1e-6)


def test_other_coordinates_keep_windows_and_change_features():
    labelled = labelled_set(tuple(Body(label, "a") for label in LABELS), LABELS)
    for kind in ("flat", "facing"):
        other = coordinates.convert_coordinates(labelled, kind, "")
        np.testing.assert_array_equal(other.data.positions, labelled.data.positions)
        np.testing.assert_array_equal(other.truth, labelled.truth)
        assert other.physical.shape == labelled.physical.shape
    flat = coordinates.convert_coordinates(labelled, "flat", "")
    there = np.isfinite(flat.landmarks).all(axis=(1, 2))
    assert there.any() and (flat.landmarks[there][..., 2] == 0).all()
    np.testing.assert_array_equal(flat.landmarks[there][..., :2], labelled.landmarks[there][..., :2])
    # z of the first 99 features, whose origin is between the hips.
    assert (flat.physical[there][:, 2:99:3] == 0).all()


def test_lengths_in_metres_grow_with_the_body_and_angles_do_not():
    """The augmenter's graph gives the same, so that training sees what is tested."""
    import tensorflow as tf

    from beam_jobs import tables, windows
    from model.benchmark import cross_validation, robustness

    labelled, twice = (
        robustness.with_corruption(
            labelled_set(tuple(Body(label, "a") for label in LABELS), LABELS),
            lambda rows, times, _, factor=factor: (factor * rows, times),
            windows.WindowRule(34),
        )
        for factor in (1, 2)
    )
    ours, theirs = (coordinates.in_metres(one).physical for one in (labelled, twice))
    there = np.isfinite(ours) & np.isfinite(theirs)
    assert there.mean() > 0.8
    names = [column.name for table in tables.UNSCALED_TABLES for column in table.columns]
    same = np.array(["degrees" in name or "angle" in name for name in names]) | ~cross_validation.IN_TORSO_LENGTHS
    np.testing.assert_allclose(np.where(there, theirs, 0)[:, same], np.where(there, ours, 0)[:, same], atol=0.1)
    lengths = np.where(there, theirs, 0)[:, ~same], np.where(there, 2 * ours, 0)[:, ~same]
    np.testing.assert_allclose(*lengths, atol=1e-3, rtol=1e-3)
    # 99 coordinates, 4 mirrored distances, 8 distances, 33 speeds and 33 accelerations.
    assert (~same).sum() == 177
    clip = labelled.data.clips[0]
    rows = labelled.landmarks[None, clip.rows][:, :41]
    times = labelled.data.timestamp_ms[None, clip.rows][:, :41].astype(np.int64)
    train = cross_validation.training_data(coordinates.in_metres(labelled), np.ones(len(labelled.truth), bool))
    assert train.standard.coordinates == "metres"
    in_graph = tf.function(train.standard.featurize())(tf.constant(rows), tf.constant(times - times[:, :1]))[0]
    expected = train.data.rows[clip.rows][7:41]
    np.testing.assert_allclose(in_graph, expected, atol=5e-3, rtol=5e-3)


def test_flat_coordinates_ignore_depth_that_augmentation_adds():
    """Augmentation shakes landmarks along z, too."""
    import tensorflow as tf

    from model.benchmark import cross_validation

    labelled = coordinates.convert_coordinates(
        labelled_set(tuple(Body(label, "a") for label in LABELS), LABELS), "flat", ""
    )
    train = cross_validation.training_data(labelled, np.ones(len(labelled.truth), bool))
    clip = labelled.data.clips[0]
    rows = labelled.landmarks[None, clip.rows][:, :41]
    times = labelled.data.timestamp_ms[None, clip.rows][:, :41].astype(np.int64)
    featurize = tf.function(train.standard.featurize())
    shaken = rows + np.random.default_rng(0).normal(0, 0.1, rows.shape).astype(np.float32) * [0, 0, 1]
    there, shaken_there = (featurize(tf.constant(one.astype(np.float32)), tf.constant(times)) for one in (rows, shaken))
    np.testing.assert_allclose(there, shaken_there, atol=1e-5)
    assert np.abs(there).max() > 1


def test_image_coordinates_are_pixels(real_tables):
    from model import config
    from model.benchmark import cross_validation

    labelled = cross_validation.load(real_tables, config.Config(), 4)
    image = coordinates.convert_coordinates(labelled, "image", real_tables)
    # An import knows no picture's size, and these tables are of image landmarks already.
    np.testing.assert_allclose(image.landmarks, labelled.landmarks, rtol=1e-6)
    close = np.isclose(image.physical, labelled.physical, rtol=1e-3, atol=1e-3, equal_nan=True)
    assert close.mean() > 0.999
