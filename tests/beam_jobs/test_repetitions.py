"""Repetitions: drawn athletes' true landmarks, whose repetitions are known, and angles that are made up."""

import numpy as np
import pytest

from beam_jobs import landmarks, repetitions
from beam_jobs.athletes import true_landmarks
from beam_jobs.athletes.clip import Clip
from beam_jobs.athletes.scene import Scene
from beam_jobs.repetitions import RepetitionCounter, joint_angles_degrees

STEP_MS = 67
# All that bend a joint; in a russian_twist the trunk turns, which no angle of a limb shows.
EXERCISES = (
    *("bench_press", "bicep_curl", "deadlift", "front_lateral_raise", "jumping_jack", "lunge", "pull_up", "push_up"),
    *("shoulder_press", "sit_up", "squat"),
)


def count_of(rows: np.ndarray, step_ms: int = STEP_MS, start_ms: int = 0) -> int:
    counter = RepetitionCounter()
    for index, row in enumerate(rows):
        counter.push(row, index * step_ms)
    return counter.count(start_ms)


def count_of_angles(degrees: np.ndarray, **between: int) -> int:
    """Repetitions where both elbows have these angles and nothing else moves."""
    counter = RepetitionCounter()
    for index, angle in enumerate(degrees):
        counter.push_angles(np.array([angle, 170, 170, 170]), index * STEP_MS)
    return counter.count(**between)


def wave(num: float, seconds: float = 3.0, low: float = 60, high: float = 170) -> np.ndarray:
    """Angles of repetitions that begin stretched."""
    time_s = np.arange(round(num * seconds * 1000 / STEP_MS)) * STEP_MS / 1000
    return (high + low) / 2 + (high - low) / 2 * np.cos(2 * np.pi * time_s / seconds)


def true_count(scene: Scene, frame_rate_hz: float) -> int:
    """How often the drawn athlete goes deep and comes back up, by the plan of the clip."""
    depths = [
        scene.tempo.phase(index / frame_rate_hz).depth for index in range(round(scene.tempo.duration_s * frame_rate_hz))
    ]
    count, deep = 0, False
    started = depths[0] < 0.45  # one that begins deep has not gone down
    for depth in depths:
        started |= depth < 0.45
        if started and depth > 0.8:
            deep = True
        elif deep and depth < 0.35:
            count, deep = count + 1, False
    return count


@pytest.mark.parametrize("exercise", EXERCISES)
def test_drawn_athletes_are_counted(exercise):
    """Three athletes a kind, at the usual rate: right, but for the first repetition, which may have begun before."""
    for seed in range(3):
        clip = Clip(seed, 0, 0, exercise, "train")
        scene = Scene(clip)
        rows, _ = true_landmarks.of_clip(clip, 15)
        assert abs(count_of(rows) - true_count(scene, 15)) <= 1
        assert true_count(scene, 15) >= 1


def test_a_hold_has_none():
    rows, _ = true_landmarks.of_clip(Clip(3, 0, 0, "plank", "train"), 15)
    assert count_of(rows) == 0


@pytest.mark.parametrize("step_ms", [33, 67, 100, 200])
def test_the_rate_of_frames_does_not_matter(step_ms):
    counter = RepetitionCounter()
    for timestamp_ms in range(0, 30_000, step_ms):
        counter.push_angles(np.array([170, 170, 120 + 50 * np.cos(timestamp_ms / 3000 * 2 * np.pi), 170]), timestamp_ms)
    assert counter.count() in (9, 10)  # the tenth ends with the last frame


def test_it_counts_when_the_way_back_is_more_than_half_done():
    assert [count_of_angles(wave(part)) for part in (0.5, 0.65, 0.95, 1.5, 1.95)] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("seconds", [0.8, 2, 6, 12])
def test_quick_and_slow_ones(seconds):
    assert abs(count_of_angles(wave(6, seconds)) - 6) <= 1


def test_half_repetitions_do_not_count():
    """Between full ones: 40 % of the way."""
    half = wave(3, low=126)
    assert count_of_angles(np.concatenate([wave(3), half, wave(3)])) == 6


@pytest.mark.parametrize("angle", [60, 170])
def test_a_pause_adds_nothing(angle):
    """Deep down, or stretched; with the tremble of an estimate."""
    pause = angle + np.random.default_rng(0).normal(0, 3, 120)
    first, second = (wave(2.5), wave(3.5)[8:]) if angle == 60 else (wave(3), wave(3))
    found = count_of_angles(np.concatenate([first, pause, wave(0.5)[::-1] if angle == 60 else [], second]))
    assert found in (5, 6)


def test_shaking_landmarks_do_not_count():
    shaking = 150 + np.random.default_rng(0).normal(0, 6, 600)
    assert count_of_angles(shaking) == 0


def test_what_was_before_the_exercise_does_not_count():
    """A person walks into place: knees swing; the exercise begins after that."""
    angles = np.concatenate([wave(4, 1.2, 110, 170), wave(3)])
    start_ms = round(4 * 1.2 * 1000)
    assert count_of_angles(angles) > 3
    assert count_of_angles(angles, start_ms=start_ms) == 3
    assert count_of_angles(angles, start_ms=start_ms, end_ms=start_ms + 3200) == 1


def test_somebody_who_is_not_seen_for_a_while_goes_on_later():
    nothing = np.full(60, np.nan)
    assert count_of_angles(np.concatenate([wave(2), nothing, wave(2)])) in (3, 4)
    assert count_of_angles(nothing) == 0


def test_angles_are_those_of_the_features():
    """By TensorFlow, in features/geometry.py: an independent implementation."""
    from beam_jobs.features import geometry

    rows = np.random.default_rng(0).normal(0, 0.3, (20, 33, 3)).astype(np.float32)
    theirs = geometry.joint_angles_degrees(rows).numpy().reshape(20, 4, 2).mean(axis=2)
    np.testing.assert_allclose([joint_angles_degrees(row) for row in rows], theirs, atol=1e-3)


def test_one_side_is_enough():
    rows = np.random.default_rng(0).normal(0, 0.3, (33, 3))
    rows[15] = np.nan  # the left wrist
    angles = joint_angles_degrees(rows)
    assert np.isfinite(angles).all()
    rows[16] = np.nan
    assert np.isnan(joint_angles_degrees(rows)[repetitions.JOINTS.index("elbow")])


def test_quick_formulas_are_those_of_numpy_to_the_last_bit():
    rng = np.random.default_rng(5)
    for size in range(1, 160):
        values = rng.normal(100, 30, size)
        assert repetitions._percentiles_5_95(values) == tuple(np.percentile(values, [5, 95]))
    for row in rng.normal(size=(200, 33, 3)).astype(np.float32):
        proximal, joint, distal = (row[[indices[i] for _, *indices in landmarks.JOINTS]] for i in range(3))
        sine = np.linalg.norm(np.cross(proximal - joint, distal - joint), axis=1)
        cosine = ((proximal - joint) * (distal - joint)).sum(axis=1)
        both = np.degrees(np.arctan2(sine, cosine)).reshape(4, 2)
        assert np.array_equal(joint_angles_degrees(row), both.sum(axis=1) / 2.0)


def test_a_count_that_is_asked_for_again_follows_the_turns():
    """What is kept from the last question is not given for another one, nor after another turn."""
    asked, fresh = RepetitionCounter(), RepetitionCounter()
    counts = []
    for index, angle in enumerate(wave(6)):
        for counter in (asked, fresh):
            counter.push_angles(np.array([angle, 170, 170, 170]), index * STEP_MS)
        now_ms = index * STEP_MS
        for start_ms, end_ms in ((0, None), (0, now_ms), (now_ms - 7_000, now_ms), (0, now_ms - 4_000)):
            fresh._counted = None
            assert asked.count(start_ms, end_ms) == fresh.count(start_ms, end_ms)
        counts.append(asked.count())
    assert counts[-1] in (5, 6) and counts == sorted(counts)
