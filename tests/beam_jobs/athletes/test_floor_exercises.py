"""What makes each exercise on the floor, and the dip, that exercise."""

import functools

import numpy as np
import pytest

from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes.catalog import EXERCISES
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase

SEED = 3
SIDES = ("left", "right")
PEOPLE = range(12)
FEET = [f"{side}_{part}" for side in SIDES for part in ("ankle", "heel", "toe")]


@functools.cache
def points_of(exercise: str, person: int, variety: str) -> dict[str, np.ndarray]:
    """Every point over two whole repetitions of three seconds, shape (T, 3): down and back, then down and back."""
    style = MovementStyle([SEED, person], variety == "varied")
    body = athletes_scene.sample_body(SEED, person)
    there = np.linspace(0, 1, 25)
    depths = [(depth, back) for back in (False, True) for depth in (there[::-1] if back else there)]
    phases = [
        RepetitionPhase(depth, repetition, 3 * repetition + 3 * index / len(depths), back)
        for repetition in (0, 1)
        for index, (depth, back) in enumerate(depths)
    ]
    poses = [EXERCISES[exercise].pose(body, style, phase).points for phase in phases]
    return {name: np.array([points[name] for points in poses]) for name in poses[0]}


def style_of(person: int, variety: str) -> MovementStyle:
    return MovementStyle([SEED, person], variety == "varied")


def angle_degrees(points: dict[str, np.ndarray], *names: str) -> np.ndarray:
    first, joint, last = (points[name] for name in names)
    a, b = first - joint, last - joint
    return np.degrees(np.arccos((a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)))


@pytest.mark.parametrize("variety", ["basic", "varied"])
@pytest.mark.parametrize("person", PEOPLE)
class TestMovements:
    def test_a_crunch_lifts_the_shoulders_alone(self, person, variety):
        """A sit-up lifts the lower back as well."""
        crunch, sit_up = points_of("crunch", person, variety), points_of("sit_up", person, "basic")
        assert 0.05 < np.ptp(crunch["neck"][:, 2]) < 0.26 < np.ptp(sit_up["neck"][:, 2])
        assert np.ptp(crunch["waist"][:, 2]) < 0.06 < np.ptp(sit_up["waist"][:, 2])
        assert np.ptp(crunch["pelvis"], axis=0).max() < 2e-3

    def test_a_leg_raise_lifts_the_legs_alone(self, person, variety):
        points = points_of("leg_raise", person, variety)
        assert max(np.ptp(points[f"{side}_{joint}"][:, 2]) for side in SIDES for joint in ("ankle", "knee")) > 0.15
        assert np.ptp(points["neck"][:, 2]) < 0.05
        assert max(np.ptp(points[f"{side}_wrist"], axis=0).max() for side in SIDES) < 0.06

    def test_a_glute_bridge_lifts_the_hips_between_shoulders_and_feet(self, person, variety):
        points = points_of("glute_bridge", person, variety)
        body = athletes_scene.sample_body(SEED, person)
        highest, lowest = points["pelvis"][:, 2].argmax(), points["pelvis"][:, 2].argmin()
        assert np.ptp(points["pelvis"][:, 2]) > 0.08
        # The hips are straighter at the top, and not beyond straight by much.
        hip = angle_degrees(points, "neck", "right_hip", "right_knee")
        assert hip[highest] > hip[lowest] + 7
        assert np.ptp(points["right_toe"], axis=0).max() < 2e-3
        assert np.ptp(points["neck"], axis=0).max() < 0.12 * body.height_m

    def test_a_side_plank_rests_on_one_side_and_holds_still(self, person, variety):
        points = points_of("side_plank", person, variety)
        across = points["left_shoulder"] - points["right_shoulder"]
        assert (across[:, 2] > 0.6 * np.linalg.norm(across, axis=-1)).all()
        assert max(np.ptp(points[name], axis=0).max() for name in points) < 0.16
        assert points["right_wrist"][:, 2].max() < 0.1
        assert points["right_hip"][:, 2].min() > 0.08

    def test_a_mountain_climber_brings_both_knees_in_over_still_hands(self, person, variety):
        points = points_of("mountain_climber", person, variety)
        for side in SIDES:
            bent = angle_degrees(points, f"{side}_hip", f"{side}_knee", f"{side}_ankle")
            assert bent.min() < 100 and bent.max() > 150
            assert np.ptp(points[f"{side}_wrist"], axis=0).max() < 2e-3
            # The knee comes under the trunk.
            assert (points[f"{side}_knee"] - points[f"{side}_hip"])[:, 1].max() > 0.03
        assert points["neck"][:, 2].min() > 0.4

    def test_a_burpee_goes_from_standing_to_a_plank(self, person, variety):
        points = points_of("burpee", person, variety)
        assert points["neck"][:, 2].max() > 0.78 * athletes_scene.sample_body(SEED, person).height_m
        apart = points["left_wrist"][:, 1] - points["left_ankle"][:, 1]
        assert apart.max() > 0.9
        assert points["left_wrist"][apart.argmax(), 2] < 0.06
        # Nobody glides: a foot that is down stays in its place.
        for side in SIDES:
            toe = points[f"{side}_toe"]
            down = (toe[1:, 2] < 0.03) & (toe[:-1, 2] < 0.03)
            assert np.abs(np.diff(toe[:, 1]))[down].max() < 0.12

    def test_who_jumps_in_a_burpee_leaves_the_floor(self, person, variety):
        style, body = style_of(person, variety), athletes_scene.sample_body(SEED, person)
        end = [
            EXERCISES["burpee"].pose(body, style, RepetitionPhase(depth, 0, 1.0, returning=True)).points
            for depth in np.linspace(0.2, 0, 60)
        ]
        lowest = max(min(points[name][2] for name in FEET) for points in end)
        assert (lowest > 0.04) != style.chance("no_jump", 0.2)

    def test_a_dip_lowers_the_body_between_still_hands(self, person, variety):
        points = points_of("dip", person, variety)
        bent = angle_degrees(points, "left_shoulder", "left_elbow", "left_wrist")
        assert bent.max() > 145 and np.ptp(bent) > 30
        assert np.ptp(points["neck"][:, 2]) > 0.08
        assert np.ptp(points["left_wrist"], axis=0).max() < 2e-3
        # The elbows go back, not forwards.
        assert (points["left_elbow"] - points["left_shoulder"])[:, 1].min() < -0.03
