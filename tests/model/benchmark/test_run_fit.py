"""What each kind of experiment is trained on, and what is kept of a fit."""

import dataclasses

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from beam_jobs.errors import UserError
from model import dataset
from model.benchmark import cross_validation, fits, run_fit
from model.benchmark.experiments import EXPERIMENTS, Experiment, Network, TrainingMix
from model.benchmark.fits import Fit
from model.benchmark.inputs import BenchmarkData

# A network that trains in seconds.
TINY_NETWORK = {
    "network": {"name": "conv", "filters": 8, "dense_units": 8, "dilations": [1]},
    "training": {"epochs": 1, "max_windows_per_clip": 4},
}


def tiny(mix: TrainingMix, test: str = "accuracy", **overrides) -> Experiment:
    return Experiment("a tiny network", Network({**TINY_NETWORK, **overrides}), mix, test)  # type: ignore[arg-type]


@pytest.fixture
def trained(monkeypatch) -> list[tuple]:
    """Instead of training: the training data, settings and first weights of each network; its logits are features."""
    calls = []

    def fit_network(train, settings, start_from=None):
        calls.append((train, settings, start_from))
        num_classes = len(train.labels)
        return cross_validation.FittedModel(
            lambda rows: rows[:, -1, :num_classes] + settings.seed, train.standard, 0.25, [np.array(len(calls))]
        )

    monkeypatch.setattr(cross_validation, "fit_network", fit_network)
    return calls


def of_fold(data: BenchmarkData, fold: int, seed: int = 0) -> np.ndarray:
    return cross_validation.folds(data.clips, data.inputs.num_folds, seed, "group") == fold


def last_features(data: BenchmarkData, train: cross_validation.FoldTrainingData, windows: np.ndarray) -> np.ndarray:
    return train.standard.apply(data.clips.physical)[data.clips.data.positions[windows, -1], :3]


@pytest.mark.slow
def test_a_real_network_with_synthetic_athletes_and_a_none_class(few_test_sets, fits_dir):
    """The released recipe's way, in small and without a stand-in."""
    experiment = tiny(TrainingMix(synthetic="mixed", learns_none_class=True), "robustness")
    data = few_test_sets
    run_fit.run_fit(data, experiment, Fit("tiny", "group", 0, 0))
    with np.load(fits_dir / "tiny" / "group_0_0.npz") as arrays:
        # Three exercises and `none`.
        assert arrays["logits"].shape == (of_fold(data, 0).sum(), 4)
        assert np.isfinite(arrays["logits"]).all() and arrays["logits"].std() > 0
        # One of the two who do no exercise is in the test split, the only one who is not trained on.
        assert arrays["drawn_athletes/logits"].shape == (12, 4)
        assert len(arrays["missing_rows/0.4/logits"]) == len(arrays["missing_rows/0.4/windows"]) > 0


@pytest.mark.parametrize("seed", [0, 3])
def test_a_model_of_synthetic_athletes_alone_tests_every_clip(data, trained, seed):
    experiment = EXPERIMENTS["synthetic_only"]
    run_fit.run_fit(data, experiment, Fit("synthetic_only", "group", seed, 0))
    ((train, settings, start_from),) = trained
    assert settings.seed == seed and start_from is None
    # Its tables are the clips' own here: all people who do an exercise, and not the fold's clips beside them.
    assert len(train.data) == (data.clips.truth >= 0).sum() and train.labels == LABELS
    assert train.is_synthetic.all()
    logits, fold, minutes = fits.load_logits(data, experiment, "synthetic_only", "group", seed)
    assert np.array_equal(np.isfinite(logits).all(axis=1), data.clips.truth >= 0)
    assert set(fold) == {-1, 0} and minutes == 0.25
    window = np.flatnonzero(data.clips.truth >= 0)[5:6]
    np.testing.assert_allclose(logits[window], last_features(data, train, window) + seed, rtol=1e-6)


def test_networks_of_successive_seeds_answer_by_the_mean_of_their_logits(data, fits_dir, trained):
    run_fit.run_fit(data, EXPERIMENTS["conv/three_networks"], Fit("three", "group", 2, 1))
    assert [settings.seed for _, settings, _ in trained] == [2, 1002, 2002]
    other_fold = np.flatnonzero(of_fold(data, 0, seed=2))
    for train, _, _ in trained:
        assert train.data.groups() == data.clips.data.groups(other_fold)
    with np.load(fits_dir / "three" / "group_2_1.npz") as arrays:
        assert arrays["windows"].tolist() == np.flatnonzero(of_fold(data, 1, seed=2)).tolist()
        last = last_features(data, trained[0][0], arrays["windows"])
        # 2, 1002 and 2002 are 1002 in the mean.
        np.testing.assert_allclose(arrays["logits"], last + 1002, atol=1e-3)
        assert arrays["minutes"] == 0.75


def test_pretraining_is_on_synthetic_athletes_then_on_clips(data, fits_dir, trained):
    run_fit.run_fit(data, EXPERIMENTS["synthetic_then_clips"], Fit("pretrained", "group", 0, 1))
    (first, _, no_weights), (second, _, weights) = trained
    assert len(first.data) == (data.clips.truth >= 0).sum() and no_weights is None
    # Then the clips alone, from those weights, with the same standardisation.
    assert len(second.data) == of_fold(data, 0).sum() and weights == [np.array(1)]
    np.testing.assert_array_equal(second.standard.mean, first.standard.mean)
    rows = np.setdiff1d(data.clips.data.positions[of_fold(data, 0)], dataset.MISSING)
    np.testing.assert_allclose(first.standard.mean, np.nanmean(data.clips.physical[rows].astype(float), axis=0))
    with np.load(fits_dir / "pretrained" / "group_0_1.npz") as arrays:
        assert arrays["minutes"] == 0.5


def test_athletes_who_do_no_exercise_are_the_none_class(data, trained):
    run_fit.run_fit(data, tiny(TrainingMix(synthetic="mixed", learns_none_class=True)), Fit("tiny", "group", 0, 0))
    ((train, _, _),) = trained
    assert train.labels == (*LABELS, "none")
    groups = {train.data.clips[clip].group for clip in train.data.clip[train.truth == 3]}
    # Not the one of the test split, and not the clips' own people, who are of no class.
    assert groups == {"standing_1"}
    num_exercising = int((data.clips.truth >= 0).sum())
    assert (train.truth < 3).sum() == of_fold(data, 1).sum() + num_exercising and (train.truth == 3).sum() == 12


@pytest.mark.parametrize("as_none", [True, False])
def test_real_people_who_stand_still_are_taught_as_none(data, trained, as_none):
    """Unless the configuration says otherwise; athletes keep the label that they were made with."""
    moving = tuple(Body(label, f"p{who}") for who in range(4) for label in LABELS)
    data.clips = labelled_set((*moving, Body("squat", "r0", shown="none"), Body("squat", "r1", shown="none")), LABELS)
    data.synthetic = [labelled_set((Body("squat", "a", shown="none"), Body("none", "a")), LABELS)]
    experiment = tiny(TrainingMix(synthetic="mixed", learns_none_class=True))
    if not as_none:
        overrides = {"training": {**TINY_NETWORK["training"], "standing_still_as_none": False}}
        experiment = tiny(experiment.data, **overrides)
    run_fit.run_fit(data, experiment, Fit("tiny", "group", 0, 0))
    ((train, _, _),) = trained
    by_group: dict[tuple[str, str], set[str]] = {}
    for clip, truth in zip(train.data.clip, train.truth, strict=True):
        key = train.data.clips[clip].group[0], str(train.data.clips[clip].label)
        by_group.setdefault(key, set()).add(train.labels[truth])
    assert by_group["a", "squat"] == {"squat"} and by_group["a", "none"] == {"none"}
    assert by_group["p", "squat"] == {"squat"}
    assert by_group["r", "squat"] == {"none" if as_none else "squat"}


def test_classes_that_are_left_out_are_tested_and_not_trained_on(data, fits_dir, trained):
    experiment = tiny(TrainingMix(synthetic="mixed", learns_none_class=True), "leave_classes_out")
    for number, names in enumerate([("bend", "squat"), ("raise",)]):
        run_fit.run_fit(data, experiment, Fit("tiny", "group", 0, number))
        train = trained[-1][0]
        assert {train.labels[index] for index in train.truth} == {*LABELS, "none"} - {*names}
        left_out = np.isin(data.clips.truth, [LABELS.index(name) for name in names])
        with np.load(fits_dir / "tiny" / f"group_0_{number}.npz") as arrays:
            assert arrays["classes_left_out/windows"].tolist() == np.flatnonzero(left_out).tolist()
            assert arrays["windows"].tolist() == np.flatnonzero(of_fold(data, number) & ~left_out).tolist()


def test_a_fraction_of_people_keeps_all_windows_of_each(data):
    keep, clips = of_fold(data, 0), data.clips
    half = run_fit.training_windows(TrainingMix(fraction_of_people=0.5), clips, keep, 0)
    groups = np.array([clip.group for clip in clips.data.clips])[clips.data.clip]
    assert not (half & ~keep).any()
    for number in range(3):
        of_class = clips.truth == number
        before, after = (set(groups[chosen & of_class]) for chosen in (keep, half))
        assert len(after) == max(1, round(len(before) / 2)) < len(before)
        assert (half & of_class).sum() == (keep & of_class & np.isin(groups, [*after])).sum()


def test_every_fifth_window_is_counted_from_a_clips_first(data):
    """A clip has 12 windows here: counted over all clips they would be others."""
    keep, clip = of_fold(data, 0), data.clips.data.clip
    fifth = run_fit.training_windows(TrainingMix(every_nth_window=5), data.clips, keep, 0)
    for index in np.unique(clip[keep]):
        windows = np.flatnonzero(keep & (clip == index))
        assert np.flatnonzero(fifth & (clip == index)).tolist() == windows[::5].tolist()
    assert not (fifth & ~keep).any()


def test_extra_real_clips_count_as_the_folds_own(data, trained):
    people = tuple(Body(label, f"x{who}") for who in range(2) for label in LABELS)
    data.extra = [labelled_set(people, LABELS)]
    experiment = tiny(TrainingMix(synthetic="mixed", extra_real_clips=True))
    run_fit.run_fit(data, experiment, Fit("tiny", "group", 0, 0))
    ((train, _, _),) = trained
    num_own, num_extra = int(of_fold(data, 1).sum()), len(data.extra[0].truth)
    num_synthetic = len(train.truth) - num_own - num_extra
    assert num_synthetic > 0
    assert train.is_synthetic.tolist() == [False] * (num_own + num_extra) + [True] * num_synthetic


def test_missing_tables_are_named(data):
    without = BenchmarkData(dataclasses.replace(data.inputs, athletes=""))
    with pytest.raises(UserError, match="--athletes"):
        run_fit.run_fit(without, EXPERIMENTS["synthetic_only"], Fit("tiny", "group", 0, 0))
    with pytest.raises(UserError, match="--extra_tables"):
        run_fit.run_fit(data, tiny(TrainingMix(extra_real_clips=True)), Fit("tiny", "group", 0, 0))
