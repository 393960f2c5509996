"""Athletes who do no exercise: each movement is what it is called, and none repeats as a set of repetitions does."""

import functools

import numpy as np
import pytest

from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes.catalog import EXERCISES, OTHER_MOTIONS
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase

SEED = 3
RATE_HZ = 15
PEOPLE = range(10)


@functools.cache
def points_of(motion: str, person: int) -> dict[str, np.ndarray]:
    """Every point over 12 seconds, shape (T, 3)."""
    body, style = athletes_scene.sample_body(SEED, person), MovementStyle([SEED, person], True)
    phases = [RepetitionPhase(0.0, 0, time_s) for time_s in np.arange(0, 12, 1 / RATE_HZ)]
    poses = [EXERCISES[motion].pose(body, style, phase).points for phase in phases]
    return {name: np.array([points[name] for points in poses]) for name in poses[0]}


def repeats(points: dict[str, np.ndarray]) -> float:
    """How well the best period from 0.6 to 4 seconds tells the pose: 1 is a perfect repetition, 0 is a standstill's."""
    pose = np.concatenate([points[name] - points["pelvis"] for name in sorted(points)], axis=1)
    moves = ((pose - pose.mean(0)) ** 2).sum(1).mean()
    lags = range(int(0.6 * RATE_HZ), 4 * RATE_HZ)
    return max(1 - ((pose[lag:] - pose[:-lag]) ** 2).sum(1).mean() / (2 * moves) for lag in lags)


# Who rests, lies or sits still changes so slowly that a moment later everything looks the same.
SLOW = ("rest", "lie", "sit_on_floor", "tie_shoe")


@pytest.mark.parametrize("motion", [name for name in OTHER_MOTIONS if name not in ("walk", "fall", *SLOW)])
def test_nothing_repeats_as_a_set_does(motion):
    assert np.median([repeats(points_of(motion, person)) for person in PEOPLE]) < 0.75


def test_a_set_repeats():
    """The measure knows an exercise: repetitions of one and the same length."""
    body, style = athletes_scene.sample_body(SEED, 0), MovementStyle([SEED, 0], True)
    phases = [
        RepetitionPhase(0.5 - 0.5 * np.cos(2 * np.pi * t / 2), int(t / 2), t) for t in np.arange(0, 12, 1 / RATE_HZ)
    ]
    poses = [EXERCISES["squat"].pose(body, style, phase).points for phase in phases]
    assert repeats({name: np.array([points[name] for points in poses]) for name in poses[0]}) > 0.95


@pytest.mark.parametrize("motion", OTHER_MOTIONS)
def test_nothing_jumps(motion):
    """No point of the body moves by more than a fast punch does, from one moment to the next."""
    for person in PEOPLE:
        points = points_of(motion, person)
        for name, places in points.items():
            assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() * RATE_HZ < 14, (person, name)


@pytest.mark.parametrize("person", PEOPLE)
class TestEachMovement:
    def test_who_falls_stays_on_the_floor(self, person):
        points = points_of("fall", person)
        head, pelvis = points["head"][:, 2], points["pelvis"][:, 2]
        end = slice(-3 * RATE_HZ, None)
        assert pelvis[end].max() < 0.35 and head[end].max() < 0.8
        assert np.ptp(pelvis[end]) < 0.01
        assert np.diff(pelvis).max() < 0.02

    def test_who_turns_round_faces_many_ways(self, person):
        points = points_of("turn_round", person)
        across = points["right_hip"] - points["left_hip"]
        heading = np.degrees(np.unwrap(np.arctan2(across[:, 1], across[:, 0])))
        assert np.ptp(heading) > 30
        assert np.abs(points["pelvis"][:, :2]).max() < 0.4

    def test_who_boxes_strikes_out_and_guards(self, person):
        points = points_of("shadow_box", person)
        reach = [
            np.linalg.norm(points[f"{side}_wrist"] - points[f"{side}_shoulder"], axis=1) for side in ("left", "right")
        ]
        arm = np.linalg.norm(points["left_elbow"] - points["left_shoulder"], axis=1)[0] * (0.178 + 0.15) / 0.178
        assert max(far.max() for far in reach) > 0.6 * arm
        assert np.mean([far < 0.62 * arm for far in reach]) > 0.5

    def test_who_dances_moves_hips_and_hands(self, person):
        points = points_of("dance", person)
        assert np.ptp(points["pelvis"][:, 0]) > 0.04
        assert max(np.ptp(points[f"{side}_wrist"][:, 2]) for side in ("left", "right")) > 0.25


def test_hands_are_raised_by_some_who_signal_and_some_who_reach():
    for motion in ("signal", "reach"):
        above = [
            max(
                (points_of(motion, person)[f"{side}_wrist"] - points_of(motion, person)["head"])[:, 2].max()
                for side in ("left", "right")
            )
            for person in PEOPLE
        ]
        assert np.mean(np.array(above) > 0) >= 0.5, motion
        assert max(above) > 0.25, motion


def test_who_reaches_high_stands_on_tiptoe():
    rise = [np.ptp(points_of("reach", person)["left_heel"][:, 2]) for person in range(24)]
    assert max(rise) > 0.05
    toes = [np.ptp(points_of("reach", person)["left_toe"], axis=0).max() for person in range(24)]
    assert max(toes) < 0.06
