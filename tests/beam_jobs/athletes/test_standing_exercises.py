"""What makes each standing and seated exercise that exercise; the things they hold; cameras that find them."""

import functools

import numpy as np
import pytest

from beam_jobs.athletes import clip as athletes_clip
from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes.catalog import EXERCISES
from beam_jobs.athletes.exercise import MovementStyle, RepetitionPhase
from beam_jobs.athletes.rendering import props, rasterizer
from beam_jobs.athletes.skeleton import RIGHT, Prop, cord, vector

SEED = 3
SIDES = ("left", "right")
PEOPLE = range(12)
EVERYBODY = pytest.mark.parametrize("variety", ["basic", "varied"])


@functools.cache
def points_of(exercise: str, person: int, variety: str) -> dict[str, np.ndarray]:
    """Every point over two whole repetitions, shape (T, 3)."""
    kind = EXERCISES[exercise]
    style = MovementStyle([SEED, person], variety == "varied")
    body = athletes_scene.sample_body(SEED, person)
    there = np.linspace(0, 1, 13)
    depths = [(depth, back) for back in (False, True) for depth in (there[::-1] if back else there)]
    phases = [RepetitionPhase(depth, rep, 0.5, back) for rep in (0, 1) for depth, back in depths]
    poses = [kind.pose(body, style, phase).points for phase in phases]
    return {name: np.array([points[name] for points in poses]) for name in poses[0]}


def angle_degrees(points: dict[str, np.ndarray], *names: str) -> np.ndarray:
    first, joint, last = (points[name] for name in names)
    a, b = first - joint, last - joint
    return np.degrees(np.arccos((a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)))


def elbows(points: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [angle_degrees(points, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist") for side in SIDES]


@EVERYBODY
@pytest.mark.parametrize("person", PEOPLE)
class TestMovements:
    def test_a_row_takes_an_elbow_behind_the_back(self, person, variety):
        points = points_of("row", person, variety)
        trunk = points["neck"] - points["pelvis"]
        across = points["right_shoulder"] - points["left_shoulder"]
        front = np.cross(trunk, across) * -1
        front /= np.linalg.norm(front, axis=-1, keepdims=True)
        behind = [-((points[f"{side}_elbow"] - points[f"{side}_shoulder"]) * front).sum(-1) for side in SIDES]
        assert max(values.max() for values in behind) > 0
        assert max(np.ptp(values) for values in behind) > 0.12

    def test_a_tricep_extension_moves_the_forearms_alone(self, person, variety):
        points = points_of("tricep_extension", person, variety)
        for name in ("left_ankle", "right_ankle"):
            assert np.ptp(points[name], axis=0).max() < 2e-3
        assert max(np.ptp(angles) for angles in elbows(points)) > 35
        upper = [points[f"{side}_elbow"] - points[f"{side}_shoulder"] for side in SIDES]
        assert max(np.ptp(bone, axis=0).max() for bone in upper) < 0.12

    def test_a_lat_pulldown_moves_the_hands_and_not_the_body(self, person, variety):
        """In a pull-up the wrists stay and the pelvis rises; here it is the other way round."""
        points = points_of("lat_pulldown", person, variety)
        for name in ("pelvis", "left_ankle", "right_ankle"):
            assert np.ptp(points[name], axis=0).max() < 2e-3
        wrists = [points[f"{side}_wrist"][:, 2] for side in SIDES]
        assert max(np.ptp(height) for height in wrists) > 0.15
        assert max(height.max() for height in wrists) > points["head"][:, 2].min() + 0.1
        hanging = points_of("pull_up", person, variety)
        assert np.ptp(hanging["left_wrist"], axis=0).max() < 2e-3 < np.ptp(hanging["pelvis"][:, 2])

    def test_a_kettlebell_swings_from_behind_the_knees_to_the_chest(self, person, variety):
        points = points_of("kettlebell_swing", person, variety)
        wrists = np.stack([points[f"{side}_wrist"] for side in SIDES])
        knees = (points["left_knee"] + points["right_knee"]) / 2
        assert (wrists[:, :, 1] - knees[:, 1]).min() < 0.03
        assert (wrists[:, :, 2] - points["neck"][:, 2]).max() > -0.35
        trunk = points["neck"] - points["pelvis"]
        lean = np.degrees(np.arctan2(trunk[:, 1], trunk[:, 2]))
        assert lean.max() > 22 and np.ptp(lean) > 20
        assert min(angles.min() for angles in elbows(points)) > 90

    def test_a_rope_is_jumped_over(self, person, variety):
        """Both feet are off the floor at once; at some time one is on it. The hands stay below the shoulders."""
        points = points_of("jump_rope", person, variety)
        toes = np.stack([points[f"{side}_toe"][:, 2] for side in SIDES])
        assert toes.min(0).max() > toes.min() + 0.008
        assert toes.min() < 0.04
        assert max((points[f"{side}_wrist"] - points[f"{side}_shoulder"])[:, 2].max() for side in SIDES) < -0.1

    def test_high_knees_come_up_in_turn(self, person, variety):
        points = points_of("high_knees", person, variety)
        raised = {side: points[f"{side}_knee"][:, 2] - points[f"{side}_hip"][:, 2] for side in SIDES}
        for side in SIDES:
            assert np.ptp(raised[side]) > 0.06
        assert np.corrcoef(raised["left"], raised["right"])[0, 1] < 0.2
        toes = np.stack([points[f"{side}_toe"][:, 2] for side in SIDES])
        assert toes.min() < 0.04

    def test_a_calf_raise_lifts_the_body_over_toes_that_stay(self, person, variety):
        points = points_of("calf_raise", person, variety)
        still = [side for side in SIDES if np.ptp(points[f"{side}_toe"], axis=0).max() < 2e-3]
        assert still
        heel = points[f"{still[0]}_heel"][:, 2]
        assert 0.03 < np.ptp(heel) < 0.25
        assert np.corrcoef(heel, points["pelvis"][:, 2])[0, 1] > 0.95
        assert np.ptp(points["pelvis"][:, 2]) > 0.02

    def test_a_step_up_ends_on_the_box(self, person, variety):
        points = points_of("step_up", person, variety)
        style = MovementStyle([SEED, person], variety == "varied")
        body = athletes_scene.sample_body(SEED, person)
        shown = EXERCISES["step_up"].pose(body, style, RepetitionPhase(0, 0, 0.0))
        (box,) = (prop for prop in shown.props if prop.kind == "box")
        high = box.centre[2]
        ankles = np.stack([points[f"{side}_ankle"] for side in SIDES])
        top = points["pelvis"][:, 2].argmax()
        lead = ankles[:, top, 2].argmin()
        assert ankles[lead, top, 2] == pytest.approx(high + body.ankle_m, abs=0.03)
        assert abs(ankles[lead, top, 1] - box.centre[1]) < box.radius_m
        assert np.ptp(points["pelvis"][:, 2]) > 0.3 * high
        # The other foot starts from the floor.
        assert ankles[:, :, 2].min() < body.ankle_m + 0.03


@pytest.mark.parametrize("exercise", ["calf_raise", "step_up", "row", "lat_pulldown", "tricep_extension", "jump_rope"])
def test_things_are_above_the_floor(exercise):
    for variety in ("basic", "varied"):
        for person in PEOPLE:
            shown = athletes_scene.Scene(athletes_clip.Clip(SEED, 100 + person, person, exercise, "train", variety))
            for time_s in np.arange(0, 1.5, 0.25):
                for prop in shown.skeleton_at(time_s).props:
                    ends = [prop.centre + sign * prop.axis * prop.length_m / 2 for sign in (-1, 1)]
                    assert min(end[2] for end in ends) > -0.01, (prop.kind, person)


class TestThings:
    def test_a_cord_goes_from_end_to_end(self):
        (solid,) = props.solids_of(cord(vector(0, 0, 1), vector(0, 3, 5), 0.01))
        np.testing.assert_allclose((solid.start, solid.end), ((0, 0, 1), (0, 3, 5)))
        assert (solid.start_m, solid.end_m) == (0.01, 0.01)

    def test_a_rod_has_no_weights_and_no_posts(self):
        (solid,) = props.solids_of(Prop("rod", vector(0, 1, 2), RIGHT, 0.6, 0.015))
        np.testing.assert_allclose((solid.start, solid.end), ((-0.3, 1, 2), (0.3, 1, 2)))

    @pytest.mark.parametrize("high", [0.1, 0.5])
    def test_a_box_fills_its_size(self, high):
        """Round beams: their outsides are the box's."""
        solids = props.solids_of(Prop("box", vector(0.2, 1, high), RIGHT, 0.8, 0.2))
        assert all(isinstance(solid, rasterizer.Capsule) for solid in solids)
        ends = np.array([end for solid in solids for end in (solid.start, solid.end)])
        radius = solids[0].start_m
        np.testing.assert_allclose(ends.max(0) + radius, (0.6, 1.2, high), atol=1e-9)
        np.testing.assert_allclose((ends.min(0) - radius)[:2], (-0.2, 0.8), atol=1e-9)
        assert -0.02 < ends[:, 2].min() - radius < 0.01


@pytest.mark.parametrize(("exercise", "person"), [("push_up", 5), ("plank", 59), ("plank", 85)])
def test_a_camera_near_a_long_body_finds_it(exercise, person):
    """These three once saw the athlete from hundreds of metres."""
    shown = athletes_scene.Scene(athletes_clip.Clip(5, 100 + person, person, exercise, "train", "varied"))
    points = np.array(list(shown.skeleton_at(1.0).points.values()))
    pixels = shown.picture(points)
    inside = ((pixels > 0) & (pixels < shown.size)).all(1)
    assert inside.mean() > 0.5
    assert (np.ptp(pixels[inside], axis=0) / shown.size).max() > 0.25
