"""Folds that keep groups whole, and features standardised by the training data alone."""

import collections
import dataclasses

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from beam_jobs import tables, windows
from model import clip_rows, config, dataset
from model.benchmark import cross_validation

NAN = float("nan")
PEOPLE = tuple(Body(label, f"p{who}") for who in range(7) for label in LABELS)


@pytest.fixture(scope="module")
def labelled() -> cross_validation.LabelledWindows:
    """Seven people who do three exercises, and one clip of none of them."""
    return labelled_set((*PEOPLE, Body("wave", "p3")), LABELS)


def folds_of(labelled: cross_validation.LabelledWindows, fold: np.ndarray, key: str) -> dict[str, set[int]]:
    """In which folds each clip or group is, by name."""
    seen = collections.defaultdict(set)
    for clip, number in zip(labelled.data.clip, fold, strict=True):
        seen[getattr(labelled.data.clips[clip], key)].add(int(number))
    return seen


@pytest.mark.parametrize("seed", [0, 5])
def test_grouped_folds_keep_groups_whole_and_test_every_known_window_once(labelled, seed):
    fold = cross_validation.folds(labelled, 3, seed, "group")
    assert fold.shape == (len(labelled.data),)
    # A window of a known class is in one of the folds 0 to 2, and each of them has some of every class.
    assert np.array_equal(fold >= 0, labelled.truth >= 0)
    for number in range(3):
        assert set(labelled.truth[fold == number]) == {0, 1, 2}
    of_group = folds_of(labelled, fold, "group")
    # p3 also waves: that clip is in no fold.
    assert all(len(numbers - {-1}) == 1 for numbers in of_group.values())
    assert of_group["p3"] - {-1} and folds_of(labelled, fold, "video_id")["p3_wave"] == {-1}
    np.testing.assert_array_equal(fold, cross_validation.folds(labelled, 3, seed, "group"))


def test_another_seed_draws_other_folds(labelled):
    assert not np.array_equal(
        cross_validation.folds(labelled, 3, 0, "group"), cross_validation.folds(labelled, 3, 1, "group")
    )


def test_random_folds_split_clips(labelled):
    fold = cross_validation.folds(labelled, 3, 0, "random")
    assert np.array_equal(fold >= 0, labelled.truth >= 0)
    of_clip = folds_of(labelled, fold, "video_id")
    assert of_clip.pop("p3_wave") == {-1}
    # Ten windows of a clip, each in one of three folds: all in the same one by a chance of 3 in 59,049.
    assert all(len(numbers) > 1 for numbers in of_clip.values())
    for label in range(3):
        counts = np.bincount(fold[labelled.truth == label])
        assert counts.max() - counts.min() <= 1


def test_standardizer_by_hand():
    physical = np.zeros((4, 189), np.float32)
    physical[:, 0] = [1, 3, NAN, 8]  # mean 4, variance (9 + 1 + 16) / 3
    physical[:, 1] = 7
    physical[:, 2] = NAN
    physical[:, 3] = [NAN, 5, NAN, NAN]
    physical[:, 4] = [1e4, 1e4 + 0.05, 1e4 - 0.05, 1e4]  # varies by less than 1e-5 of its mean: rounding
    standard = cross_validation.Standardizer.of(physical)
    deviation = (26 / 3) ** 0.5
    scores = standard.apply(physical)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores[:, 0], [-3 / deviation, -1 / deviation, 0, 4 / deviation], rtol=1e-6)
    assert not scores[:, 1:].any()
    # Other rows: what was constant, or never there, still says nothing, whatever it is now.
    other = np.full((1, 189), 9, np.float32)
    np.testing.assert_allclose(standard.apply(other)[0, :5], [5 / deviation, 0, 0, 0, 0], rtol=1e-6)


def test_standardizer_equals_the_features_job(real_tables):
    """TFT has analysed the train split; `final_features` of all clips is what its graph made of them."""
    rule = config.Config().window
    train, everything = (dataset.load(real_tables, splits, rule) for splits in (["train"], None))
    assert 0 < len(train.rows) < len(everything.rows)
    standard = cross_validation.Standardizer.of(clip_rows.load_unscaled(real_tables, train))
    physical = clip_rows.load_unscaled(real_tables, everything)
    assert np.isnan(physical).any() and np.abs(everything.rows).max() > 1
    np.testing.assert_allclose(standard.apply(physical), everything.rows, atol=1e-4, rtol=1e-5)


def test_standardizer_in_a_graph_equals_numpy():
    import tensorflow as tf

    from beam_jobs.features.unscaled import physical_features

    labelled = labelled_set(PEOPLE[:2], LABELS)
    histories = windows.histories(labelled.landmarks[:40], labelled.data.timestamp_ms[:40])
    landmarks, times = (tf.constant(value) for value in histories)
    outputs = physical_features(landmarks, times)
    physical = np.concatenate([outputs[table.name].numpy() for table in tables.UNSCALED_TABLES], axis=1)
    assert np.isnan(physical).any()
    standard = cross_validation.Standardizer.of(physical)
    rows, rows_ms = labelled.landmarks[None, :40], labelled.data.timestamp_ms[None, :40].astype(np.int64)
    in_graph = tf.function(standard.featurize())(tf.constant(rows), tf.constant(rows_ms))[0]
    # The last 33 of the 40 rows have their whole history in the window.
    expected = np.where(np.isfinite(rows[0, 7:]).any(axis=(1, 2))[:, None], standard.apply(physical)[7:], 0)
    np.testing.assert_allclose(in_graph, expected, atol=2e-3, rtol=1e-3)
    assert np.abs(in_graph).max() > 1


def test_tested_clips_have_no_part_in_the_standardisation(labelled):
    fold = cross_validation.folds(labelled, 3, 0, "group")
    keep = (fold >= 0) & (fold != 0)
    train = cross_validation.training_data(labelled, keep)
    assert len(train.data) == keep.sum() and len(train.truth) == keep.sum()
    trained = {labelled.data.clips[index].video_id for index in np.unique(labelled.data.clip[keep])}
    changed = labelled.physical.copy()
    for clip in labelled.data.clips:
        if clip.video_id not in trained:
            changed[clip.rows] = 1000
    again = cross_validation.training_data(dataclasses.replace(labelled, physical=changed), keep)
    np.testing.assert_array_equal(again.standard.mean, train.standard.mean)
    np.testing.assert_array_equal(again.standard.deviation, train.standard.deviation)
    # What is trained on has: its features' mean is 0 and their deviation 1, over the rows that windows hold.
    rows = np.setdiff1d(train.data.positions, dataset.MISSING)
    there = np.isfinite(labelled.physical[rows])
    scores = np.where(there, train.data.rows[rows], np.nan)
    np.testing.assert_allclose(np.nanmean(scores, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.nanstd(scores, axis=0), 1, atol=1e-5)


def test_synthetic_clips_are_appended(labelled):
    others = labelled_set((Body("squat", "drawn"), Body("none", "drawn"), Body("bend", "drawn")), LABELS, seed=3)
    fold = cross_validation.folds(labelled, 3, 0, "group")
    keep = fold == 1
    train = cross_validation.training_data(labelled, keep, [others])
    own, theirs = int(keep.sum()), int((others.truth >= 0).sum())
    assert theirs and len(train.data) == len(train.truth) == own + theirs
    np.testing.assert_array_equal(train.truth[:own], labelled.truth[keep])
    np.testing.assert_array_equal(train.truth[own:], others.truth[others.truth >= 0])
    for part, mask, index in ((labelled, keep, slice(own)), (others, others.truth >= 0, slice(own, None))):
        positions = part.data.positions[mask]
        expected = np.where(positions[..., None] >= 0, train.standard.apply(part.physical)[positions], 0)
        np.testing.assert_array_equal(train.data.features(index), expected)
        for ours, others_ in ((train.landmarks, part.landmarks), (train.data.timestamp_ms, part.data.timestamp_ms)):
            gathered = dataset.gather(ours, train.data.positions[index], -1)
            np.testing.assert_array_equal(gathered, dataset.gather(others_, positions, -1))
        names = [part.data.clips[clip].video_id for clip in part.data.clip[mask]]
        assert [train.data.clips[clip].video_id for clip in train.data.clip[index]] == names
    # As a bundle's graph is fitted on the tables' train split: by a fold's own clips; without any, by the others.
    for chosen, part, mask in ((keep, labelled, keep), (np.zeros_like(keep), others, others.truth >= 0)):
        used = part.physical[np.setdiff1d(part.data.positions[mask], dataset.MISSING)].astype(float)
        standard = cross_validation.training_data(labelled, chosen, [others]).standard
        np.testing.assert_allclose(standard.mean, np.nanmean(used, axis=0))
    # A given standard is kept.
    assert cross_validation.training_data(labelled, keep, [others], train.standard).standard is train.standard


def test_joined_keeps_every_window():
    first, second = (labelled_set(PEOPLE[start : start + 2], LABELS, seed=start).data for start in (0, 2))
    both = dataset.joined([first, second])
    np.testing.assert_array_equal(both.features(), np.concatenate([first.features(), second.features()]))
    assert len(both.rows) == 2 * 40 + 2 * 40 and len(both.clips) == 4
    for index, clip in enumerate(both.clips):
        source = (first, second)[index // 2]
        before = source.clips[index % 2]
        assert clip.video_id == before.video_id and clip.num_rows == before.num_rows
        np.testing.assert_array_equal(both.rows[clip.rows], source.rows[before.rows])
        np.testing.assert_array_equal(both.timestamp_ms[clip.rows], source.timestamp_ms[before.rows])


def test_logits_are_of_standardised_windows(labelled):
    """A network that gives back a window's last row: its features, by the fit's own mean and deviation."""
    standard = cross_validation.training_data(labelled, labelled.truth == 0).standard
    fitted = cross_validation.FittedModel(lambda rows: rows[:, -1, :3], standard, 0.0)
    chosen = np.array([1, 30, 7])
    expected = standard.apply(labelled.physical[labelled.data.positions[chosen, -1]])[:, :3]
    np.testing.assert_array_equal(cross_validation.predict_logits(fitted, labelled, chosen), expected)


def test_softmax_of_large_logits():
    # e^0 : e^(log 3) = 1 : 3; numbers that float64's exp cannot hold change nothing.
    logits = np.array([[0, np.log(3)], [5000, 5000], [-4000, 4000]], np.float32)
    np.testing.assert_allclose(cross_validation.softmax(logits), [[0.25, 0.75], [0.5, 0.5], [0, 1]], rtol=1e-6)


def test_loading_takes_classes_with_enough_clips(real_tables):
    labelled = cross_validation.load(real_tables, config.Config(), min_clips=3)
    assert labelled.labels == LABELS
    assert {labelled.data.clips[clip].label for clip in labelled.data.clip[labelled.truth < 0]} == {"none", "wave"}
    assert labelled.landmarks.shape == (len(labelled.data.rows), 33, 3)
    # In the order in which they are named, of the splits that are named; clips of one label alone.
    idle = cross_validation.load(real_tables, config.Config(), labels=("squat", "none"), splits=("test",))
    alone = cross_validation.only(idle, "none")
    assert len(alone.data) == len(idle.data) > 0 and set(alone.truth) == {1}
    assert not len(cross_validation.only(idle, "squat").data)
