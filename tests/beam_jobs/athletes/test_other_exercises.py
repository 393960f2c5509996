"""Drawn exercises that the project does not know: they move like a body, in a rhythm, and are labelled none."""

import functools

import numpy as np
import pytest

from beam_jobs.athletes import catalog
from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes.catalog import EXERCISES, OTHER_EXERCISES
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.skeleton import SIDES

SEED = 5
RATE_HZ = 15
PEOPLE = range(24)
BONES = (
    ("hip", "knee", "thigh_m"),
    ("knee", "ankle", "shank_m"),
    ("shoulder", "elbow", "upper_arm_m"),
    ("elbow", "wrist", "forearm_m"),
)


@functools.cache
def points_of(name: str, person: int) -> dict[str, np.ndarray]:
    """Every point over four repetitions of a usual length, shape (T, 3)."""
    exercise = EXERCISES[name]
    body, style = athletes_scene.sample_body(SEED, person), MovementStyle([SEED, person], True)
    seconds = sum(exercise.seconds) / 2
    times = np.arange(0, 4 * seconds, 1 / RATE_HZ)
    phases = [
        RepetitionPhase(0.5 - 0.5 * np.cos(2 * np.pi * t / seconds), int(t / seconds), t, t / seconds % 1 > 0.5)
        for t in times
    ]
    poses = [exercise.pose(body, style, phase).points for phase in phases]
    return {point: np.array([pose[point] for pose in poses]) for point in poses[0]}


@pytest.mark.parametrize("name", OTHER_EXERCISES)
class TestEveryOne:
    def test_is_labelled_none(self, name):
        assert EXERCISES[name].label == "none" and not EXERCISES[name].is_exercise

    def test_bones_keep_their_lengths(self, name):
        for person in PEOPLE:
            body, points = athletes_scene.sample_body(SEED, person), points_of(name, person)
            for side, _ in SIDES:
                for start, end, length in BONES:
                    found = np.linalg.norm(points[f"{side}_{end}"] - points[f"{side}_{start}"], axis=1)
                    assert found == pytest.approx(getattr(body, length), rel=0.01), (person, side, end)

    def test_nobody_sinks_into_the_floor(self, name):
        for person in PEOPLE:
            points = points_of(name, person)
            for joint in ("pelvis", "head", "left_knee", "right_knee", "left_ankle", "right_ankle", "neck"):
                assert points[joint][:, 2].min() > -0.03, (person, joint)

    def test_nothing_jumps(self, name):
        for person in PEOPLE:
            for joint, places in points_of(name, person).items():
                speed = np.linalg.norm(np.diff(places, axis=0), axis=1).max() * RATE_HZ
                assert speed < 14, (person, joint)

    def test_people_do_it_in_different_ways(self, name):
        joints = ("left_wrist", "right_wrist", "left_ankle", "right_ankle", "head")
        poses = []
        for person in PEOPLE:
            points = points_of(name, person)
            middle = points["pelvis"]
            poses.append(np.concatenate([np.mean(points[joint] - middle, axis=0) for joint in joints]))
        assert np.median(np.ptp(poses, axis=0)) > 0.1


def test_most_of_them_move_much():
    """Heads turn and hips circle a little; all the others go far."""
    for name in OTHER_EXERCISES:
        far = []
        for person in PEOPLE:
            points = points_of(name, person)
            far.append(max(np.ptp(places - points["pelvis"], axis=0).max() for places in points.values()))
        assert np.median(far) > (0.05 if name in ("move_head", "circle_hips", "hang") else 0.3), name


def test_no_name_is_that_of_a_known_exercise():
    assert not set(OTHER_EXERCISES) & set(catalog.LABELS)
    assert len(set(OTHER_EXERCISES)) == len(OTHER_EXERCISES)
