"""The varieties of drawn athletes: a seed always draws the same pictures; varied clips reach further, within view."""

import numpy as np
import pytest

from beam_jobs.athletes import clip, tempo
from beam_jobs.athletes import exercise as athletes_exercise
from beam_jobs.athletes import scene as athletes_scene
from beam_jobs.athletes.catalog import EXERCISES
from beam_jobs.athletes.rendering import room

SEED = 3
ALL = sorted(EXERCISES)
# Where the left wrist is after half a second, the eye's height and the picture's width, as first drawn: other numbers
# are other pictures, and need another DRAWING_VERSION.
FIRST_DRAWN = {
    "bench_press": (-0.352, -0.483, 1.134, 0.917, 512),
    "bicep_curl": (-0.239, 0.098, 0.896, 0.845, 512),
    "deadlift": (-0.229, 0.157, 0.924, 0.632, 512),
    "front_lateral_raise": (-0.311, 0.059, 0.898, 0.629, 512),
    "jumping_jack": (-0.785, 0.109, 1.579, 1.389, 512),
    "lunge": (-0.213, 0.052, 0.835, 1.356, 512),
    "plank": (-0.119, 1.625, 0.071, 0.852, 480),
    "pull_up": (-0.293, 0.000, 2.237, 0.120, 512),
    "push_up": (-0.277, 1.361, 0.035, 0.522, 480),
    "russian_twist": (-0.271, 0.044, 0.508, 1.382, 480),
    "shoulder_press": (-0.436, 0.103, 1.556, 0.844, 512),
    "sit_up": (-0.101, -0.726, 0.144, 0.633, 480),
    "squat": (-0.230, 0.254, 0.919, 0.627, 512),
}
# Checksums of what moves in 24 basic and 24 varied clips: see `movement_checksum`. They change with every number in a
# pose function and with the name of every choice, which is the seed of its random number.
MOVEMENTS = {
    "adjust": (-2.01022, -2.01022),
    "bench_press": (4.22387, -0.41476),
    "bend_sideways": (-3.86112, -5.18281),
    "bicep_curl": (-6.98364, 12.58312),
    "burpee": (-0.97062, -6.41092),
    "calf_raise": (0.34129, -9.61055),
    "chop": (2.73076, -2.32267),
    "circle_arms": (-1.90926, -3.74441),
    "circle_hips": (-4.43972, -3.78197),
    "crunch": (-4.49618, -1.12421),
    "dance": (-5.24371, -5.24371),
    "deadlift": (10.87440, 0.68251),
    "dip": (-0.60767, 0.41404),
    "fall": (-1.13484, -1.13484),
    "front_lateral_raise": (-4.24918, -8.80063),
    "get_up": (1.40802, 1.40802),
    "glute_bridge": (0.93387, -11.50456),
    "hang": (1.98768, 2.86375),
    "high_knees": (-1.82407, 1.99664),
    "idle": (2.27240, 2.27240),
    "jump_rope": (0.01405, 1.92597),
    "jumping_jack": (4.59117, 10.39397),
    "kettlebell_swing": (1.90199, -1.32854),
    "lat_pulldown": (6.95801, -9.90917),
    "leg_raise": (1.19850, 5.54252),
    "lie": (-1.32461, -1.32461),
    "lift_from_front": (-5.22258, -1.57214),
    "lunge": (3.12801, -4.52878),
    "mix_limbs": (5.06389, -0.94716),
    "mountain_climber": (-3.09396, -1.56471),
    "move_arms_lying": (-0.15180, -1.09929),
    "move_head": (0.50279, 1.25496),
    "move_in_plank": (-2.87009, -1.17737),
    "move_legs_lying": (5.29931, 4.34300),
    "move_on_all_fours": (3.71886, 1.15008),
    "open_arms": (1.61011, 0.48271),
    "plank": (-3.29440, -2.44104),
    "pull_up": (1.39838, 5.16169),
    "punch": (3.34462, 3.74342),
    "push_up": (-2.55381, -2.01950),
    "reach": (-2.32860, -2.32860),
    "rest": (3.87544, 3.87544),
    "row": (-6.12960, 2.25762),
    "russian_twist": (-1.41690, 1.84736),
    "shadow_box": (1.09622, 1.09622),
    "shoulder_press": (-3.51089, 11.33743),
    "side_plank": (-3.74719, 1.28666),
    "signal": (6.97852, 6.97852),
    "sit_on_chair": (1.08907, 1.08907),
    "sit_on_floor": (4.57843, 4.57843),
    "sit_up": (-2.63890, 3.83917),
    "squat": (-0.24849, -0.55305),
    "step_aside": (-4.19148, -4.52866),
    "step_up": (5.87687, 9.27098),
    "stretch": (-2.97950, -2.97950),
    "sway_arms": (1.44739, -0.34685),
    "swing_leg": (-7.73522, -5.15717),
    "tie_shoe": (-1.58598, -1.58598),
    "touch_toes": (-2.26442, -2.29732),
    "tricep_extension": (10.94647, 14.92636),
    "turn_round": (2.09895, 2.09895),
    "twist_trunk": (-2.58025, -2.65164),
    "walk": (-1.01371, -1.01371),
}


def movement_checksum(exercise: str, variety: str) -> float:
    """A weighted sum of the points and things of poses, with fixed weights."""
    kind, varied = EXERCISES[exercise], variety == "varied"
    poses = []
    for person in range(24):
        style = athletes_exercise.MovementStyle([SEED, person, 2], varied)
        beat = tempo.Tempo(np.random.default_rng([SEED, person]), kind.seconds, varied=varied)
        for time_s in (0.4, 1.5, 2.9, 4.6):
            shown = kind.pose(athletes_scene.sample_body(SEED, person), style, beat.phase(time_s))
            points = np.ravel([shown.points[name] for name in sorted(shown.points)])
            things = np.array([x for p in shown.props for x in (*p.centre, *p.axis, p.length_m, p.radius_m)])
            poses.append(sum(np.cos(np.arange(values.size)) @ values for values in (points, things)))
    return float(np.cos(np.arange(len(poses))) @ np.array(poses))


def scene(exercise: str, person: int = 0, variety: str = "basic") -> athletes_scene.Scene:
    return athletes_scene.Scene(clip.Clip(SEED, 100 + person, person, exercise, "train", variety))


class TestVariety:
    @pytest.mark.parametrize("exercise", sorted(FIRST_DRAWN))
    def test_basic_clips_are_as_first_drawn(self, exercise):
        shown = scene(exercise)
        wrist = shown.skeleton(shown.frame_rate_hz // 2).points["left_wrist"]
        np.testing.assert_allclose((*wrist, shown.camera.eye[2], shown.size[0]), FIRST_DRAWN[exercise], atol=2e-3)

    @pytest.mark.parametrize("exercise", ALL)
    def test_everybody_moves_as_first_drawn(self, exercise):
        found = [movement_checksum(exercise, variety) for variety in ("basic", "varied")]
        np.testing.assert_allclose(found, MOVEMENTS[exercise], atol=2e-5)

    @pytest.mark.parametrize("exercise", [name for name in ALL if EXERCISES[name].label != "none"])
    def test_varied_tempos_reach_further(self, exercise):
        seconds = shortest, longest = EXERCISES[exercise].seconds
        basic, varied = (
            [tempo.Tempo(np.random.default_rng(seed), seconds, varied=varied).mean_s for seed in range(40)]
            for varied in (False, True)
        )
        assert shortest <= min(basic) and max(basic) <= longest
        assert min(varied) < shortest and max(varied) > longest

    def test_varied_styles_know_more_manners(self):
        basic, varied = (
            {
                athletes_exercise.MovementStyle([seed], varied).choice("arms", ("a", "b"), varied=("c",))
                for seed in range(40)
            }
            for varied in (False, True)
        )
        assert (basic, varied) == ({"a", "b"}, {"a", "b", "c"})
        assert athletes_exercise.MovementStyle([0]).between("x", 1, 2, varied=(5, 6)) < 2
        assert 5 <= athletes_exercise.MovementStyle([0], varied=True).between("x", 1, 2, varied=(5, 6)) < 6
        assert not any(athletes_exercise.MovementStyle([seed]).chance("x", 1.0) for seed in range(9))

    def test_a_quarter_of_the_varied_views_is_partial(self):
        def seen(person):
            shown = scene("squat", person, "varied")
            points = np.concatenate([list(shown.skeleton(frame).points.values()) for frame in (0, 20, 40, 60)])
            pixels = shown.camera.project(points) - athletes_scene.MARGIN_PX
            return ((pixels > 0) & (pixels < shown.size)).all(1).mean()

        shares = np.array([seen(person) for person in range(40)])
        assert 0.1 < (shares < 1).mean() < 0.4
        assert shares.min() > 0.4

    @pytest.mark.parametrize("exercise", ALL)
    def test_no_wall_or_ceiling_is_in_the_way(self, exercise):
        for person in range(3):
            shown = scene(exercise, person, "varied")
            pelvis = shown.skeleton(0).points["pelvis"]
            x, y = shown.camera.project(pelvis).astype(int)
            _, depth, _ = room.render_room(shown.room, shown.camera, 0.0)
            if 0 <= x < depth.shape[1] and 0 <= y < depth.shape[0]:
                assert depth[y, x] > shown.camera.view(pelvis)[2]
