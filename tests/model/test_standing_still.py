"""People who stand still are distinguished from those who exercise, lie, hang or are not there."""

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from model import dataset, standing_still


def still(found) -> dict[str, float]:
    """Of each clip's windows, the share that is a rest."""
    resting = standing_still.standing_still(found.landmarks, found.data.positions)
    assert resting.shape == found.truth.shape and resting.dtype == bool
    return {clip.label: resting[found.data.clip == number].mean() for number, clip in enumerate(found.data.clips)}


def turned(found, matrix) -> np.ndarray:
    """The same bodies, turned."""
    return (found.landmarks @ np.array(matrix, np.float32)).astype(np.float32)


@pytest.fixture(scope="module")
def found():
    bodies = (Body("none", "a"), Body("squat", "b"), Body("raise", "c"), Body("bend", "d"), Body("wave", "e"))
    return labelled_set(bodies, LABELS)


def test_percentiles_are_those_of_numpy():
    """Which takes eighty times as long where rows are missing."""
    random = np.random.default_rng(0)
    values = random.normal(size=(40, 34, 2, 3))
    for number in range(40):
        # From all rows to one.
        values[number, random.permutation(34)[: number % 34]] = np.nan
    found = standing_still.percentiles(values, (0.05, 0.5, 0.95))
    np.testing.assert_allclose(found, np.nanpercentile(values, (5, 50, 95), axis=1), atol=1e-12)


def test_who_stands_still_rests_and_who_moves_does_not(found):
    assert still(found) == {"none": 1, "squat": 0, "raise": 0, "bend": 0, "wave": 0}


@pytest.mark.parametrize(
    "matrix",
    [
        [[0, 1, 0], [1, 0, 0], [0, 0, 1]],  # lies to the side
        [[1, 0, 0], [0, 0, 1], [0, 1, 0]],  # lies towards the camera
        [[1, 0, 0], [0, -1, 0], [0, 0, 1]],  # hangs by the feet
    ],
)
def test_who_does_not_stand_does_not_rest(found, matrix):
    resting = standing_still.standing_still(turned(found, matrix), found.data.positions)
    assert not resting.any()


def test_who_hangs_by_the_hands_does_not_rest(found):
    hanging = found.landmarks.copy()
    hanging[:, (15, 16), 1] = 0.1
    assert not standing_still.standing_still(hanging, found.data.positions).any()


def test_size_does_not_matter_and_missing_rows_are_passed_over(found):
    before = standing_still.standing_still(found.landmarks, found.data.positions)
    np.testing.assert_array_equal(standing_still.standing_still(7 * found.landmarks, found.data.positions), before)
    positions = found.data.positions.copy()
    positions[:, :10] = dataset.MISSING
    np.testing.assert_array_equal(standing_still.standing_still(found.landmarks, positions), before)


def test_many_windows_are_asked_in_parts(found, monkeypatch):
    before = standing_still.standing_still(found.landmarks, found.data.positions)
    monkeypatch.setattr(standing_still, "_WINDOWS_AT_ONCE", 7)
    np.testing.assert_array_equal(standing_still.standing_still(found.landmarks, found.data.positions), before)
    assert standing_still.standing_still(found.landmarks, found.data.positions[:0]).shape == (0,)


def test_rests_are_none_where_that_is_a_class(found):
    truth = np.where(found.truth < 0, 0, found.truth).astype(np.int32)
    truth[0] = -1
    labels = (*LABELS, "none")
    taught = standing_still.relabel_standing_still(truth, labels, found.landmarks, found.data.positions)
    resting = found.data.clip == 0
    assert taught[0] == -1 and (taught[resting][1:] == 3).all() and taught.dtype == truth.dtype
    np.testing.assert_array_equal(taught[~resting], truth[~resting])
    np.testing.assert_array_equal(
        standing_still.relabel_standing_still(truth, LABELS, found.landmarks, found.data.positions), truth
    )
