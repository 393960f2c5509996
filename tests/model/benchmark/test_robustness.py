"""Corrupted clips: the same as before where nothing is corrupted, and each tested by the right fits."""

import dataclasses

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from model import config
from model.benchmark import cross_validation, robustness

RULE = config.Config().window


@pytest.fixture(scope="module")
def labelled(real_tables) -> cross_validation.LabelledWindows:
    return cross_validation.load(real_tables, config.Config(), min_clips=4)


def detected_rows(labelled: cross_validation.LabelledWindows) -> np.ndarray:
    """Of each clip, how many rows have a person."""
    there = np.isfinite(labelled.landmarks).all(axis=(1, 2))
    return np.array([there[clip.rows].sum() for clip in labelled.data.clips])


def test_unchanged_clips_have_the_features_and_windows_of_the_tables(labelled):
    same = robustness.with_corruption(labelled, lambda rows, times, rng: (rows, times), RULE)
    assert same.labels == labelled.labels and np.isnan(labelled.physical).any()
    np.testing.assert_array_equal(same.landmarks, labelled.landmarks)
    np.testing.assert_allclose(same.physical, labelled.physical, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(same.data.positions, labelled.data.positions)
    np.testing.assert_array_equal(same.data.clip, labelled.data.clip)
    np.testing.assert_array_equal(same.truth, labelled.truth)


def test_missing_rows_take_windows_away(labelled):
    missing = robustness.with_corruption(labelled, robustness.CORRUPTIONS["missing_rows/0.4"], RULE)
    before = detected_rows(labelled)
    np.testing.assert_array_equal(detected_rows(missing), before - np.round(0.4 * before))
    # A window ends in a row with a person: clip by clip there are fewer, and each of them was one before.
    counts = [np.bincount(one.data.clip, minlength=len(before)) for one in (missing, labelled)]
    assert (counts[0] <= counts[1]).all() and counts[0].sum() < 0.8 * counts[1].sum()
    assert set(missing.data.positions[:, -1]) < set(labelled.data.positions[:, -1])
    gone = ~np.isfinite(missing.landmarks).all(axis=(1, 2))
    assert np.isnan(missing.physical[gone]).all()


def test_mirroring_twice_changes_nothing(labelled):
    mirror = robustness.CORRUPTIONS["mirrored"]
    once = robustness.with_corruption(labelled, mirror, RULE)
    assert np.nanmax(np.abs(once.physical - labelled.physical)) > 0.1
    twice = robustness.with_corruption(once, mirror, RULE)
    np.testing.assert_array_equal(twice.landmarks, labelled.landmarks)
    np.testing.assert_allclose(twice.physical, labelled.physical, rtol=1e-5, atol=1e-5)


def test_noise_differs_by_clip_and_is_the_same_in_every_run(labelled):
    corruption = robustness.CORRUPTIONS["noise/0.05_torso"]
    first, second = (robustness.with_corruption(labelled, corruption, RULE) for _ in range(2))
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    noise = first.landmarks - labelled.landmarks
    of_clip = [noise[clip.rows][:5] for clip in labelled.data.clips]
    assert not np.allclose(of_clip[0] / np.nanstd(of_clip[0]), of_clip[1] / np.nanstd(of_clip[1]), atol=0.1)


def test_a_source_of_half_the_rate_gives_half_the_rows():
    clips_30hz = labelled_set((Body("squat", "a"), Body("raise", "b")), LABELS, num_rows=90, rate_hz=30)
    half = robustness.at_rate(clips_30hz, 15, RULE)
    assert [(clip.first_row, clip.num_rows) for clip in half.data.clips] == [(0, 45), (45, 45)]
    for clip, before in zip(half.data.clips, clips_30hz.data.clips, strict=True):
        rows = clips_30hz.landmarks[before.rows][::2]
        np.testing.assert_allclose(half.landmarks[clip.rows], rows, atol=1e-6)
    # Two rows in a grid of 66.7 ms: of times that begin anew with each clip.
    assert half.data.timestamp_ms[[0, 1, 2, 45, 46]].tolist() == [0, 67, 133, 0, 67]
    # Windows of half as many rows end three rows apart: 45 rows end some at 12, 15, ... 42.
    assert (half.truth[half.data.clip == 0] == LABELS.index("squat")).all()
    ends = half.data.positions[half.data.clip == 1, -1] - 45
    assert not (ends % 3).any() and ends.max() == 42


def test_corrupted_clips_are_tested_by_their_own_fold(labelled):
    fold = cross_validation.folds(labelled, 2, 0, "group")
    test_set = robustness.with_corruption(labelled, robustness.CORRUPTIONS["missing_rows/0.2"], RULE)
    all_chosen: list[int] = []
    for number in range(2):
        chosen = robustness.windows_to_test("missing_rows/0.2", test_set, labelled, fold, number)
        tested = {labelled.data.clips[clip].video_id for clip in labelled.data.clip[fold == number]}
        assert {test_set.data.clips[clip].video_id for clip in test_set.data.clip[chosen]} == tested
        all_chosen += chosen.tolist()
    # Each window of a known class by one fold's fits, and no other.
    assert sorted(all_chosen) == np.flatnonzero(test_set.truth >= 0).tolist()


def test_unknown_exercises_are_tested_by_every_fold(labelled):
    fold = cross_validation.folds(labelled, 2, 0, "group")
    unknown = robustness.windows_to_test("unknown_exercises", labelled, labelled, fold, 1)
    assert {labelled.data.clips[clip].label for clip in labelled.data.clip[unknown]} == {"none", "wave"}
    idle = cross_validation.only(dataclasses.replace(labelled, truth=np.where(labelled.truth < 0, 0, -1)), LABELS[0])
    assert len(robustness.windows_to_test("drawn_athletes", idle, labelled, fold, 0)) == len(idle.data) == len(unknown)


def test_people_who_stand_still_are_tested_by_the_fold_of_their_clip():
    resting = tuple(Body(label, f"r{who}", shown="none") for who in range(2) for label in LABELS)
    moving = tuple(Body(label, f"p{who}") for who in range(3) for label in LABELS)
    labelled = labelled_set((*resting, *moving), LABELS)
    fold = cross_validation.folds(labelled, 2, 0, "group")
    chosen = [robustness.windows_to_test("standing_still", labelled, labelled, fold, number) for number in range(2)]
    groups = np.array([clip.group for clip in labelled.data.clips])[labelled.data.clip]
    for number, windows in enumerate(chosen):
        assert windows.tolist() == np.flatnonzero(np.char.startswith(groups, "r") & (fold == number)).tolist()
    assert sum(map(len, chosen)) > 0


def test_source_rates_are_tested_with_tables_of_30_hz(monkeypatch):
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"mirrored": robustness.CORRUPTIONS["mirrored"]})
    bodies = (Body("squat", "a"), Body("wave", "b"))
    clips, clips_30hz = labelled_set(bodies, LABELS), labelled_set(bodies, LABELS, num_rows=60, rate_hz=30)
    assert list(robustness.build_test_sets(clips, None, {}, {})) == ["mirrored", "unknown_exercises", "standing_still"]
    labelled = robustness.build_test_sets(clips, clips_30hz, {"cropped": clips}, {"drawn_athletes": clips})
    assert list(labelled)[1:] == [
        *(f"source_rate/{rate}_fps" for rate in (10, 15, 24, 30, 60)),
        "variant/cropped",
        *list(labelled)[-3:],
    ]
    assert list(labelled)[-3:] == ["unknown_exercises", "standing_still", "drawn_athletes"]
    # 2 s of 10 frames each second; faster sources than the grid's rate give as many rows as the grid has cells.
    assert [labelled[f"source_rate/{rate}_fps"].data.clips[0].num_rows for rate in (10, 15, 30, 60)] == [20, 30, 30, 30]
