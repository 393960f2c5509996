"""Changed clips: the same as before where nothing is changed, and rightly asked about."""

import dataclasses

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from model import config
from model.benchmark import cross_validation, robustness

RULE = config.Config().window


@pytest.fixture(scope="module")
def found(real_tables) -> cross_validation.LabelledWindows:
    return cross_validation.load(real_tables, config.Config(), min_clips=4)


def detected_rows(found: cross_validation.LabelledWindows) -> np.ndarray:
    """Of each clip, how many rows have a person."""
    there = np.isfinite(found.landmarks).all(axis=(1, 2))
    return np.array([there[clip.first_row : clip.first_row + clip.num_rows].sum() for clip in found.data.clips])


def test_unchanged_clips_have_the_features_and_windows_of_the_tables(found):
    same = robustness.with_corruption(found, lambda rows, times, rng: (rows, times), RULE)
    assert same.labels == found.labels and np.isnan(same.physical[0]).all() and np.isnan(found.physical[1:]).any()
    np.testing.assert_array_equal(same.landmarks, found.landmarks)
    np.testing.assert_allclose(same.physical, found.physical, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(same.data.positions, found.data.positions)
    np.testing.assert_array_equal(same.data.clip, found.data.clip)
    np.testing.assert_array_equal(same.truth, found.truth)


def test_missing_rows_are_missed(found):
    missing = robustness.with_corruption(found, robustness.CORRUPTIONS["missing 40%"], RULE)
    before = detected_rows(found)
    np.testing.assert_array_equal(detected_rows(missing), before - np.round(0.4 * before))
    # A window ends in a row with a person: clip by clip there are fewer, and each of them was one before.
    counts = [np.bincount(one.data.clip, minlength=len(before)) for one in (missing, found)]
    assert (counts[0] <= counts[1]).all() and counts[0].sum() < 0.8 * counts[1].sum()
    assert set(missing.data.positions[:, -1]) < set(found.data.positions[:, -1])
    gone = ~np.isfinite(missing.landmarks).all(axis=(1, 2))
    assert np.isnan(missing.physical[gone]).all()


def test_mirrored_twice_is_as_before(found):
    mirror = robustness.CORRUPTIONS["mirrored"]
    once = robustness.with_corruption(found, mirror, RULE)
    assert np.nanmax(np.abs(once.physical - found.physical)) > 0.1
    twice = robustness.with_corruption(once, mirror, RULE)
    np.testing.assert_array_equal(twice.landmarks, found.landmarks)
    np.testing.assert_allclose(twice.physical, found.physical, rtol=1e-5, atol=1e-5)


def test_noise_is_another_in_each_clip_and_the_same_every_time(found):
    change = robustness.CORRUPTIONS["noise 0.05 torso"]
    first, second = (robustness.with_corruption(found, change, RULE) for _ in range(2))
    np.testing.assert_array_equal(first.landmarks, second.landmarks)
    noise = first.landmarks - found.landmarks
    of_clip = [noise[clip.first_row : clip.first_row + 5] for clip in found.data.clips]
    assert not np.allclose(of_clip[0] / np.nanstd(of_clip[0]), of_clip[1] / np.nanstd(of_clip[1]), atol=0.1)


def test_a_source_of_half_the_rate_gives_half_the_rows():
    native = labelled_set((Body("squat", "a"), Body("raise", "b")), LABELS, num_rows=90, rate_hz=30)
    half = robustness.at_rate(native, 15, RULE)
    assert [(clip.first_row, clip.num_rows) for clip in half.data.clips] == [(1, 45), (46, 45)]
    for clip, before in zip(half.data.clips, native.data.clips, strict=True):
        rows = native.landmarks[before.first_row : before.first_row + 90 : 2]
        np.testing.assert_allclose(half.landmarks[clip.first_row : clip.first_row + 45], rows, atol=1e-6)
    # Two rows in a grid of 66.7 ms: of times that begin anew with each clip.
    assert half.data.timestamp_ms[[1, 2, 3, 46, 47]].tolist() == [0, 67, 133, 0, 67]
    # Windows of half as many rows end three rows apart: 45 rows end some at 12, 15, ... 42.
    assert (half.truth[half.data.clip == 0] == LABELS.index("squat")).all()
    ends = half.data.positions[half.data.clip == 1, -1] - 46
    assert not (ends % 3).any() and ends.max() == 42


def test_a_folds_fits_are_asked_about_clips_that_it_tests(found):
    fold = cross_validation.folds(found, 2, 0, "group")
    probe = robustness.with_corruption(found, robustness.CORRUPTIONS["missing 20%"], RULE)
    asked = []
    for number in range(2):
        chosen = robustness.windows_to_test("missing 20%", probe, found, fold, number)
        tested = {found.data.clips[clip].video_id for clip in found.data.clip[fold == number]}
        assert {probe.data.clips[clip].video_id for clip in probe.data.clip[chosen]} == tested
        asked += chosen.tolist()
    # Each window of a known class by one fold's fits, and no other.
    assert sorted(asked) == np.flatnonzero(probe.truth >= 0).tolist()


def test_every_folds_fits_are_asked_about_all_that_is_unknown(found):
    fold = cross_validation.folds(found, 2, 0, "group")
    unknown = robustness.windows_to_test("unknown exercises", found, found, fold, 1)
    assert {found.data.clips[clip].label for clip in found.data.clip[unknown]} == {"none", "wave"}
    idle = cross_validation.only(dataclasses.replace(found, truth=np.where(found.truth < 0, 0, -1)), LABELS[0])
    assert len(robustness.windows_to_test("drawn idlers", idle, found, fold, 0)) == len(idle.data) == len(unknown)


def test_rests_are_asked_about_where_their_clip_is_tested(found, monkeypatch):
    monkeypatch.setattr(
        robustness.standing_still, "standing_still", lambda landmarks, positions: positions[:, -1] % 2 == 0
    )
    fold = cross_validation.folds(found, 2, 0, "group")
    asked = [robustness.windows_to_test("rests in clips", found, found, fold, number) for number in range(2)]
    resting = (found.data.positions[:, -1] % 2 == 0) & (found.truth >= 0)
    for number, chosen in enumerate(asked):
        assert chosen.tolist() == np.flatnonzero(resting & (fold == number)).tolist() != []


def test_rates_are_probed_where_there_is_a_table_of_30_hz(monkeypatch):
    monkeypatch.setattr(robustness, "CORRUPTIONS", {"mirrored": robustness.CORRUPTIONS["mirrored"]})
    bodies = (Body("squat", "a"), Body("wave", "b"))
    clips, native = labelled_set(bodies, LABELS), labelled_set(bodies, LABELS, num_rows=60, rate_hz=30)
    assert list(robustness.all_of(clips, None, {}, {})) == ["mirrored", "unknown exercises", "rests in clips"]
    found = robustness.all_of(clips, native, {"cropped": clips}, {"drawn idlers": clips})
    assert list(found)[1:] == [*(f"source {rate} fps" for rate in (10, 15, 24, 30, 60)), "cropped", *list(found)[-3:]]
    assert list(found)[-3:] == ["unknown exercises", "rests in clips", "drawn idlers"]
    # 2 s of 10 frames each second; faster sources than the grid's rate give as many rows as the grid has cells.
    assert [found[f"source {rate} fps"].data.clips[0].num_rows for rate in (10, 15, 30, 60)] == [20, 30, 30, 30]
