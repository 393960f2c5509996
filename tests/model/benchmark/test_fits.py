"""Which fits there are, and which files are taken for them."""

import dataclasses

import numpy as np
import pytest

from beam_jobs.errors import UserError
from model.benchmark import cross_validation, fits, run_fit
from model.benchmark.experiments import Baseline, Experiment
from model.benchmark.fits import Fit

NEAREST = Experiment("nearest poses", Baseline("nearest_poses"))


def test_random_splits_have_one_seed():
    listed = fits.list_fits(["tcn"], ["group", "random"], range(2), 2)
    assert [(fit.experiment, fit.split, fit.seed, fit.fold) for fit in listed] == [
        *(("tcn", "group", 0, 0), ("tcn", "group", 0, 1), ("tcn", "random", 0, 0), ("tcn", "random", 0, 1)),
        *(("tcn", "group", 1, 0), ("tcn", "group", 1, 1)),
    ]


def test_a_model_that_is_trained_on_no_clip_is_fitted_once_a_seed():
    listed = fits.list_fits(["synthetic_only"], ["group", "random"], range(2), 5)
    assert [(fit.split, fit.seed, fit.fold) for fit in listed] == [("group", 0, 0), ("group", 1, 0)]


def test_experiments_that_leave_classes_out_have_no_random_split():
    listed = fits.list_fits(["conv+synthetic/leave_classes_out"], ["group", "random"], range(1), 5)
    assert {fit.split for fit in listed} == {"group"}


def test_each_exercise_is_left_out_in_one_fold():
    experiment = dataclasses.replace(NEAREST, test="leave_classes_out")
    labels = ("bend", "none", "raise", "squat")
    left_out = [fits.left_out_classes(experiment, fold, 2, labels).tolist() for fold in range(2)]
    assert left_out == [[0, 3], [2]]
    assert fits.left_out_classes(NEAREST, 0, 2, labels).tolist() == []


def test_all_folds_together_test_every_window_once(data):
    for number in range(2):
        run_fit.run_fit(data, NEAREST, Fit("nearest", "group", 1, number))
    logits, fold, minutes = fits.load_logits(data, NEAREST, "nearest", "group", 1)
    np.testing.assert_array_equal(fold, cross_validation.folds(data.clips, 2, 1, "group"))
    assert np.array_equal(np.isfinite(logits).all(axis=1), data.clips.truth >= 0)
    assert minutes > 0


def test_a_fit_of_other_settings_or_folds_is_refused(data, fits_dir):
    """Two fits of two folds are not two of three: together they would test some windows twice and some never."""
    run_fit.run_fit(data, NEAREST, Fit("nearest", "group", 0, 0))
    with pytest.raises(FileNotFoundError):
        fits.load_fit(data, NEAREST, Fit("nearest", "group", 0, 1))
    (fits_dir / "nearest" / "group_0_1.npz").write_bytes((fits_dir / "nearest" / "group_0_0.npz").read_bytes())
    with pytest.raises(UserError, match=r"group_0_1\.npz.*--fits_dir"):
        fits.load_fit(data, NEAREST, Fit("nearest", "group", 0, 1))
    with pytest.raises(UserError, match=r"group_0_0\.npz.*--fits_dir"):
        fits.load_fit(data, Experiment("trees", Baseline("extra_trees")), Fit("nearest", "group", 0, 0))
