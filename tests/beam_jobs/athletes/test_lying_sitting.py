"""What people do who lie, sit and kneel without exercising."""

import functools

import numpy as np
import pytest

from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes.catalog import EXERCISES
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase

SEED = 3
SIDES = ("left", "right")
RATE_HZ = 4


@functools.cache
def points_of(movement: str, person: int, seconds: int = 20) -> dict[str, np.ndarray]:
    """Every point, four times a second, shape (T, 3)."""
    style, body = MovementStyle([SEED, person]), athletes_scene.sample_body(SEED, person)
    times = np.arange(0, seconds, 1 / RATE_HZ)
    poses = [EXERCISES[movement].pose(body, style, RepetitionPhase(0.5, 0, time_s)).points for time_s in times]
    return {name: np.array([points[name] for points in poses]) for name in poses[0]}


@pytest.mark.parametrize("movement", ["lie", "sit_on_floor", "sit_on_chair", "get_up", "tie_shoe"])
@pytest.mark.parametrize("person", range(8))
def test_nothing_depends_on_repetitions(movement, person):
    """No depth and no count moves them: nothing repeats."""
    style, body = MovementStyle([SEED, person]), athletes_scene.sample_body(SEED, person)
    poses = [
        EXERCISES[movement].pose(body, style, RepetitionPhase(depth, repetition, 2.5)).points
        for depth, repetition in ((0.0, 0), (0.9, 3))
    ]
    for name, place in poses[0].items():
        np.testing.assert_array_equal(place, poses[1][name])


@pytest.mark.parametrize("person", range(16))
class TestPositions:
    def test_who_lies_is_low_and_moves_a_little(self, person):
        points = points_of("lie", person)
        body = athletes_scene.sample_body(SEED, person)
        assert points["pelvis"][:, 2].max() < 0.15 * body.height_m
        assert points["neck"][:, 2].max() < 0.32 * body.height_m
        assert max(np.ptp(points[name], axis=0).max() for name in ("pelvis", "neck")) < 0.02
        assert max(np.ptp(values, axis=0).max() for values in points.values()) > 0.01

    def test_who_sits_on_the_floor_is_upright_over_it(self, person):
        points = points_of("sit_on_floor", person)
        body = athletes_scene.sample_body(SEED, person)
        assert points["pelvis"][:, 2].max() < 0.1 * body.height_m
        assert (points["neck"] - points["pelvis"])[:, 2].min() > 0.6 * body.torso_m
        assert max(points[f"{side}_ankle"][:, 2].max() for side in SIDES) < 0.2

    def test_who_sits_on_a_chair_stays_on_it(self, person):
        points = points_of("sit_on_chair", person)
        assert np.ptp(points["pelvis"], axis=0).max() < 0.02
        assert 0.4 < points["pelvis"][0, 2] < 0.65
        assert min(points[f"{side}_ankle"][:, 2].min() for side in SIDES) < 0.1
        assert max(np.ptp(points[f"{side}_wrist"], axis=0).max() for side in SIDES) > 0.02

    def test_who_gets_up_sits_and_stands_for_unequal_times(self, person):
        points = points_of("get_up", person, 60)
        body = athletes_scene.sample_body(SEED, person)
        high = points["pelvis"][:, 2]
        stands, sits = high > 0.96 * (body.leg_m + body.ankle_m), high < high.min() + 0.03
        assert 0.15 < stands.mean() < 0.75 and 0.15 < sits.mean() < 0.75
        for side in SIDES:
            assert np.ptp(points[f"{side}_ankle"], axis=0).max() < 0.02
        rises = np.flatnonzero(np.diff(stands.astype(int)) == 1)
        assert len(rises) >= 3
        assert np.ptp(np.diff(rises)) >= 2  # half a second

    def test_who_ties_a_shoe_reaches_it(self, person):
        points = points_of("tie_shoe", person)
        away = [np.linalg.norm(points[f"{side}_wrist"] - points["left_toe"], axis=-1).min() for side in SIDES]
        assert max(away) < 0.42
        assert np.ptp(points["pelvis"], axis=0).max() < 0.02
