import numpy as np
import pytest
from reference_features import ANGLES

from beam_jobs.athletes import clip_plan, true_landmarks
from beam_jobs.import_landmarks import proportions


def scaled(world: np.ndarray) -> np.ndarray:
    """Each axis of each frame scaled to 0-1, as in PoseRAC's tables."""
    low, high = world.min(axis=1, keepdims=True), world.max(axis=1, keepdims=True)
    return (world - low) / (high - low)


def angles(rows: np.ndarray) -> np.ndarray:
    found = []
    for first, middle, last in ANGLES:
        one, other = rows[:, first] - rows[:, middle], rows[:, last] - rows[:, middle]
        cosine = (one * other).sum(-1) / np.linalg.norm(one, axis=-1) / np.linalg.norm(other, axis=-1)
        found.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return np.stack(found, axis=1)


@pytest.fixture(scope="module")
def bodies() -> list[np.ndarray]:
    exercises = ["squat", "push_up", "jumping_jack", "bench_press", "lunge", "pull_up"]
    clips = clip_plan.assign_clips(5, 18, exercises, "varied")
    return [true_landmarks.of_clip(clip, 5.0)[0] for clip in clips]


def test_a_body_that_fills_the_unit_cube_gets_its_proportions_back(bodies):
    before, after, off = [], [], []
    for world in bodies:
        image = scaled(world)
        restored = proportions.restore_proportions(image)
        before.append(np.abs(angles(image) - angles(world)).mean())
        after.append(np.abs(angles(restored) - angles(world)).mean())
        torsos = [
            np.linalg.norm(rows[:, [11, 12]].mean(1) - rows[:, [23, 24]].mean(1), axis=1) for rows in (restored, world)
        ]
        scale = np.median(torsos[1]) / np.median(torsos[0])
        off.append(np.abs(restored * scale - world).mean() / np.median(torsos[1]))
        np.testing.assert_allclose(restored[:, [23, 24]].mean(axis=1), 0, atol=1e-5)
        assert np.median(torsos[0]) == pytest.approx(0.5, rel=0.25)
    assert np.mean(before) > 15  # degrees: the task is one
    assert np.mean(after) < 5
    assert np.mean(off) < 0.06  # torso lengths


def test_how_an_axis_was_scaled_makes_no_difference(bodies):
    world = bodies[0]
    stretched = proportions.restore_proportions(scaled(world * np.array([3.0, 0.5, 2.0]) + 7))
    np.testing.assert_allclose(stretched, proportions.restore_proportions(scaled(world)), atol=1e-4)


def test_rows_without_a_person_stay_so_and_change_nothing(bodies):
    image = scaled(bodies[0])
    gap = np.insert(image, 3, np.nan, axis=0)
    restored = proportions.restore_proportions(gap)
    assert np.isnan(restored[3]).all()
    np.testing.assert_array_equal(np.delete(restored, 3, axis=0), proportions.restore_proportions(image))
    assert np.isnan(proportions.restore_proportions(np.full((2, 33, 3), np.nan))).all()
    assert proportions.restore_proportions(image[:0]).shape == (0, 33, 3)


def test_only_what_reaches_from_0_to_1_along_each_axis_fills_the_cube(bodies):
    image = scaled(bodies[0])
    assert proportions.is_scaled_per_axis(image).all()
    image[1, :, 2] *= 0.999
    image[2] = np.nan
    assert proportions.is_scaled_per_axis(image).tolist() == [True, False, False] + [True] * (len(image) - 3)
