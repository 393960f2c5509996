"""What live says a person should change: make light, come into view."""

import numpy as np
import pytest

from beam_jobs import landmarks
from beam_jobs.pose.estimator import Pose, nobody
from live import advice


def pose(below: tuple[int, ...] = (), absent: tuple[int, ...] = ()) -> Pose:
    """A body in the middle of the picture; some landmarks below its edge, some that are not there by the estimator."""
    image = np.full((33, 3), 0.5, np.float32)
    image[list(below), 1] = 1.2
    presence = np.ones(33, np.float32)
    presence[list(absent)] = 0.1
    return Pose(image.copy(), image, np.ones(33, np.float32), presence)


KNEES = (landmarks.LEFT_KNEE, landmarks.RIGHT_KNEE)
HIPS = (landmarks.LEFT_HIP, landmarks.RIGHT_HIP)


def test_parts_beyond_the_edge_or_absent_are_out_of_view():
    assert advice.parts_out_of_view(pose()) == frozenset()
    assert advice.parts_out_of_view(pose(below=KNEES, absent=HIPS)) == {"knees", "hips"}


def test_one_side_in_view_is_enough():
    assert advice.parts_out_of_view(pose(absent=KNEES[:1])) == frozenset()
    assert advice.parts_out_of_view(nobody()) == frozenset()


def test_advice_comes_after_half_a_second_and_goes_again():
    advisor = advice.Advisor()
    said = [advisor.update(pose(below=(*KNEES, *HIPS)), 100.0) for _ in range(15)]
    assert said[:7] == [None] * 7
    assert said[-1] is not None and "hips and knees" in said[-1]
    assert [advisor.update(pose(), 100.0) for _ in range(15)][-1] is None


def test_without_a_person_there_is_nobody_to_step_back():
    advisor = advice.Advisor()
    for _ in range(15):
        advisor.update(pose(below=KNEES), 100.0)
    assert advisor.update(nobody(), 100.0) is None


@pytest.mark.parametrize(
    ("brightness", "dark"), [(3.0, True), (15.9, True), (16.0, False), (120.0, False), (None, False)]
)
def test_dark_pictures(brightness, dark):
    assert advice.is_too_dark(brightness) == dark
    assert (advice.Advisor().update(pose(), brightness) is not None) == dark
