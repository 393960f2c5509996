"""results.json: figures computed again from the fits by other formulas, and what becomes of earlier figures."""

import collections
import csv
import dataclasses
import json
import pathlib

import numpy as np
import pytest

from beam_jobs.errors import UserError
from model.benchmark import fits, results, run_fit, unknown_exercises
from model.benchmark.experiments import Baseline, Experiment
from model.benchmark.inputs import BenchmarkData

NEAREST = {"nearest_poses": Experiment("nearest poses", Baseline("nearest_poses"))}


def fit_and_write(
    data: BenchmarkData, output: pathlib.Path, experiments: dict, splits=("group",), seeds=range(1)
) -> dict:
    for fit in fits.list_fits(experiments, splits, seeds, data.inputs.num_folds, experiments):
        run_fit.run_fit(data, experiments[fit.experiment], fit)
    results.write(data, str(output), experiments, splits, seeds)
    return json.loads((output / "results.json").read_text())


def arrays_in(file: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(file) as archive:
        return dict(archive)


def nll(logits: np.ndarray, truth: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Of each window, by its definition."""
    wide = logits.astype(np.float64) / temperature
    return np.log(np.exp(wide).sum(axis=1)) - wide[np.arange(len(truth)), truth]


def test_figures_are_those_of_the_fits(data, fits_dir, tmp_path):
    written = fit_and_write(data, tmp_path / "out", NEAREST, seeds=range(2))
    truth, clip = data.clips.truth, data.clips.data.clip
    summary = written["grouped_split"]["nearest_poses"]
    accuracies, minutes = [], []
    for seed, one in enumerate(summary["seeds"]):
        folds = [arrays_in(fits_dir / "nearest_poses" / f"group_{seed}_{fold}.npz") for fold in range(2)]
        windows = np.concatenate([fold["windows"] for fold in folds])
        assert sorted(windows) == np.flatnonzero(truth >= 0).tolist()
        logits = np.concatenate([fold["logits"] for fold in folds])
        right = logits.argmax(axis=1) == truth[windows]
        assert one["windows"]["accuracy"] == pytest.approx(right.mean()) == one["smoothed_accuracy"]["1"]
        assert one["uncalibrated"]["windows"]["nll"] == pytest.approx(nll(logits, truth[windows]).mean(), rel=1e-5)
        calibrated = 0.0
        for own, other, temperature in zip(folds, reversed(folds), one["temperatures"], strict=True):
            other_truth = truth[other["windows"]]
            weights = 1 / np.bincount(clip[other["windows"]])[clip[other["windows"]]]

            def loss(value, other=other, other_truth=other_truth, weights=weights):
                return float(np.average(nll(other["logits"], other_truth, value), weights=weights))

            # Of two folds, the other one sets the temperature: none near it suits that one better (0.05 is the least
            # that there is).
            assert loss(temperature) <= min(loss(max(temperature * 0.98, 0.05)), loss(temperature * 1.02))
            calibrated += nll(own["logits"], truth[own["windows"]], temperature).sum()
        # Temperatures are written with three digits.
        assert one["windows"]["nll"] == pytest.approx(calibrated / len(windows), rel=1e-2)
        # A clip's answer is the mean of its windows' calibrated probabilities.
        powers = np.exp(logits / np.repeat(one["temperatures"], [len(fold["windows"]) for fold in folds])[:, None])
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        answered = [
            probabilities[clip[windows] == index].mean(axis=0).argmax() == truth[clip == index][0]
            for index in np.unique(clip[windows])
        ]
        assert len(answered) == 15 and one["clips"]["accuracy"] == pytest.approx(np.mean(answered))
        accuracies.append(right.mean())
        minutes.append(sum(float(fold["minutes"]) for fold in folds))
    assert summary["mean"]["window_accuracy"] == pytest.approx(np.mean(accuracies))
    assert summary["standard_deviation"]["window_accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    assert summary["mean"]["minutes"] == pytest.approx(np.mean(minutes))
    # Three exercises that look nothing like each other, three clips of fifteen under a wrong name.
    assert 0.6 < summary["mean"]["clip_accuracy"] < 0.9


def test_answers_for_clips_agree_with_the_confusion(data, fits_dir, tmp_path):
    (one,) = fit_and_write(data, tmp_path / "out", NEAREST)["grouped_split"]["nearest_poses"]["seeds"]
    with open(fits_dir / "nearest_poses" / "clips_0.csv", newline="") as file:
        clips = [*csv.DictReader(file)]
    assert len(clips) == 15
    for label, counts in one["confusion"].items():
        assert sum(counts.values()) == 5
        assert counts == collections.Counter(clip["answer"] for clip in clips if clip["label"] == label)
    right = [clip for clip in clips if clip["answer"] == clip["label"]]
    assert len(right) / 15 == pytest.approx(one["clips"]["accuracy"])
    assert all((clip["probability"] == clip["label_probability"]) == (clip in right) for clip in clips)


@pytest.mark.slow
def test_robustness_and_unknown_exercises_are_those_of_the_fits(few_test_sets, fits_dir, tmp_path):
    data = few_test_sets
    experiments = {"nearest": Experiment("nearest poses", Baseline("nearest_poses"), test="robustness")}
    (one,) = fit_and_write(data, tmp_path / "out", experiments)["grouped_split"]["nearest"]["seeds"]
    folds = [arrays_in(fits_dir / "nearest" / f"group_0_{fold}.npz") for fold in range(2)]
    missing = data.test_sets["missing_rows/0.4"]
    right = [
        fold["missing_rows/0.4/logits"].argmax(axis=1) == missing.truth[fold["missing_rows/0.4/windows"]]
        for fold in folds
    ]
    corruptions, unknown = one["robustness"]["corruptions"], one["robustness"]["unknown"]
    assert corruptions["missing_rows/0.4"]["window_accuracy"] == pytest.approx(np.concatenate(right).mean())
    assert corruptions["unchanged"]["window_accuracy"] == one["windows"]["accuracy"]
    # Two who do no exercise, and one who waves; of the first, one is in the test split of the athletes.
    assert unknown["unknown_exercises"]["num_windows"] == (data.clips.truth < 0).sum()
    assert (unknown["drawn_athletes"]["num_windows"], unknown["drawn_athletes"]["num_clips"]) == (12, 1)
    assert unknown["drawn_athletes"]["named_an_exercise"] == 1  # there is no class `none`
    aurocs = []
    for fold in folds:
        known, other = (fold[name].max(axis=1) for name in ("logits", "unknown_exercises/logits"))
        # How often a known window scores above an unknown one, counted.
        aurocs.append((known[:, None] > other).mean() + (known[:, None] == other).mean() / 2)
    assert unknown["unknown_exercises"]["auroc"] == pytest.approx(np.mean(aurocs))


def test_experiments_that_leave_classes_out_stand_apart(data, fits_dir, tmp_path):
    """They have not tested every clip. Three folds: each leaves one of three classes out."""
    data = BenchmarkData(dataclasses.replace(data.inputs, num_folds=3))
    experiments = {"nearest": Experiment("nearest poses", Baseline("nearest_poses"), test="leave_classes_out")}
    written = fit_and_write(data, tmp_path / "out", experiments)
    assert written["grouped_split"] == {}
    (one,) = written["classes_left_out"]["nearest"]["seeds"]
    assert one["num_windows"] == (data.clips.truth >= 0).sum()
    aurocs = []
    for fold in range(3):
        arrays = arrays_in(fits_dir / "nearest" / f"group_0_{fold}.npz")
        known, other = (arrays[name].max(axis=1) for name in ("logits", "classes_left_out/logits"))
        aurocs.append((known[:, None] > other).mean() + (known[:, None] == other).mean() / 2)
    assert one["auroc"] == pytest.approx(np.mean(aurocs))


def figures(data: BenchmarkData, experiment: Experiment, seed: int, settings_sha256: str = "") -> dict:
    """Some figures of a seed."""
    both = {"accuracy": 0.5, "macro_f1": 0.5, "nll": 1.0, "ece": 0.1}
    settings_sha256 = settings_sha256 or data.settings_sha256(experiment)
    return {"seed": seed, "settings_sha256": settings_sha256, "windows": both, "clips": both, "minutes": 1.0}


def earlier(data: BenchmarkData, folder: pathlib.Path, **experiments: list[dict]) -> str:
    """A results.json with these experiments, by group and at random; returns its folder."""
    tested = {
        "num_windows": int((data.clips.truth >= 0).sum()),
        "num_clips": 15,
        "num_groups": 5,
        "labels": list(data.clips.labels),
        "num_folds": 2,
    }
    split = {name: {"seeds": seeds} for name, seeds in experiments.items()}
    written = {**tested, "grouped_split": split, "random_split": split, "classes_left_out": {}}
    (folder / "results.json").write_text(json.dumps(written))
    return str(folder)


def test_earlier_figures_of_other_settings_fail_or_are_replaced_or_kept(data, tmp_path):
    experiment = NEAREST["nearest_poses"]
    seeds = [figures(data, experiment, 0), figures(data, experiment, 1, "something else")]
    output = earlier(data, tmp_path, nearest_poses=seeds, extra_trees=seeds)
    with pytest.raises(UserError, match=r"nearest_poses.*seeds 1.*--if_settings_differ"):
        results.load_previous(data, output, NEAREST)
    # The whole experiment with its random split, which would stand beside figures of other settings.
    replaced = results.load_previous(data, output, NEAREST, "replace")
    assert [*replaced["grouped_split"]] == ["extra_trees"] == [*replaced["random_split"]]
    kept = results.load_previous(data, output, NEAREST, "keep")
    assert kept["grouped_split"]["nearest_poses"]["seeds"] == seeds


@pytest.mark.parametrize("test", ["robustness", "leave_classes_out"])
def test_figures_of_another_score_cannot_be_kept(data, tmp_path, test):
    """The score of unknown exercises is no matter of the fits: it is written beside the figures."""
    experiments = {"nearest": Experiment("nearest poses", Baseline("nearest_poses"), test=test)}
    for score, fits_in in ((unknown_exercises.SCORE, True), ("another", False)):
        scored = {"known_class_score": score}
        one = figures(data, experiments["nearest"], 0)
        one |= scored if test == "leave_classes_out" else {"robustness": scored}
        output = earlier(data, tmp_path, nearest=[one])
        if fits_in:
            assert results.load_previous(data, output, experiments)["grouped_split"]["nearest"]["seeds"] == [one]
            continue
        for if_settings_differ in ("fail", "keep"):
            with pytest.raises(UserError, match=r"nearest.*replace"):
                results.load_previous(data, output, experiments, if_settings_differ)
        assert results.load_previous(data, output, experiments, "replace")["grouped_split"] == {}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"num_folds": 5}, "num_folds 5.*num_folds 2"),
        ({"labels": ["a"]}, r"labels \['a'\]"),
        ({"grouped_split": None}, "not a result"),
    ],
)
def test_a_results_json_of_something_else_is_refused(data, tmp_path, change, match):
    output = earlier(data, tmp_path)
    read = json.loads((tmp_path / "results.json").read_text()) | change
    (tmp_path / "results.json").write_text(json.dumps({key: one for key, one in read.items() if one is not None}))
    with pytest.raises(UserError, match=match):
        results.load_previous(data, output, NEAREST)
