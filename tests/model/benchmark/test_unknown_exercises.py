"""Detection of unknown exercises and robustness, against formulas of their own."""

import dataclasses

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from beam_jobs.errors import UserError
from model import standing_still
from model.benchmark import clip_answers, cross_validation, fits, robustness, run_fit, unknown_exercises
from model.benchmark.experiments import Baseline, Experiment
from model.benchmark.inputs import BenchmarkData
from model.evaluation import metrics

NEAREST = Experiment("nearest poses", Baseline("nearest_poses"), test="robustness")


def fit_all(data: BenchmarkData, experiment: Experiment, name: str) -> None:
    for fit in fits.list_fits([name], ["group"], range(1), data.inputs.num_folds, {name: experiment}):
        run_fit.run_fit(data, experiment, fit)


def test_known_class_score_by_hand():
    """A large logit of an exercise raises it; a large one of `none`, wherever that stands, lowers it."""
    labels = ("bend", "none", "wave")
    logits = np.array([[2.0, 0.0, 0.0], [3.0, 1.0, 1.0], [2.0, 4.0, 0.0], [0.0, 0.0, 2.0]], np.float32)
    plain, stronger, likely_none, other = unknown_exercises.known_class_score(logits, labels)
    assert plain == other and stronger == pytest.approx(plain + 1) and likely_none < plain
    # The probabilities are the same.
    assert np.allclose(*cross_validation.softmax(logits)[:2])
    assert plain == pytest.approx(2 + np.log((np.exp(2) + 1) / (np.exp(2) + 2)))
    # A class beyond the labels is `none`; without one, the score is the largest logit.
    assert np.allclose(
        unknown_exercises.known_class_score(logits[:, [0, 2, 1]], ("bend", "wave")),
        [plain, stronger, likely_none, other],
    )
    assert np.allclose(unknown_exercises.known_class_score(logits, ("bend", "turn", "wave")), logits.max(axis=1))


def test_coverage_and_precision_by_hand():
    labels = ("bend", "none")
    probabilities = np.array([[0.95, 0.05], [0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    by_threshold = unknown_exercises.accuracy_by_threshold(probabilities, np.array([0, 1, 0, 0]), labels)
    assert [(one["coverage"], one["precision"]) for one in by_threshold.values()] == [
        (0.75, pytest.approx(2 / 3)),
        (0.75, pytest.approx(2 / 3)),
        (0.5, 0.5),
        (0.25, 1.0),
    ]
    never = unknown_exercises.accuracy_by_threshold(probabilities[3:], np.array([0]), labels)
    assert never["0.0"]["coverage"] == 0 and never["0.0"]["precision"] is None


def test_tables_of_known_exercises_alone_have_no_unknown_windows(data):
    known = data.clips.truth >= 0
    data.clips = dataclasses.replace(data.clips, data=data.clips.data.select(known), truth=data.clips.truth[known])
    data.test_sets = {"unknown_exercises": data.clips, "same": data.clips}
    fit_all(data, NEAREST, "nearest")
    found = unknown_exercises.robustness_metrics(data, NEAREST, "nearest", 0)
    assert found["unknown"] == {} and found["min_probability"]["0.0"]["unknown"] == {}
    # The same clips again get the same answers.
    assert set(found["corruptions"]) == {"unchanged", "same"}
    assert found["corruptions"]["same"] == found["corruptions"]["unchanged"]


def test_variants_are_tested_and_fits_tested_on_other_tables_are_refused(data, real_tables):
    inputs = dataclasses.replace(data.inputs, variants=(("again", real_tables),))
    with_variant = BenchmarkData(inputs)
    with_variant.test_sets = {"unknown_exercises": with_variant.clips, "variant/again": with_variant.variants["again"]}
    fit_all(with_variant, NEAREST, "nearest")
    found = unknown_exercises.robustness_metrics(with_variant, NEAREST, "nearest", 0)["corruptions"]
    assert [*found] == ["unchanged", "variant/again"] and found["variant/again"] == found["unchanged"]
    with_variant.test_sets["variant/other"] = with_variant.test_sets.pop("variant/again")
    with pytest.raises(UserError, match=r"variant/other.*--fits_dir"):
        unknown_exercises.robustness_metrics(with_variant, NEAREST, "nearest", 0)


def test_windows_of_people_who_stand_still_are_pooled_over_folds(data):
    """Few clips have such windows. They are no windows of exercises, either."""
    moving = tuple(Body(label, f"p{who}") for who in range(4) for label in LABELS)
    data.clips = labelled_set((*moving, Body("squat", "r0", shown="none")), LABELS)
    data.test_sets = {robustness.STANDING_STILL: data.clips}
    fit_all(data, NEAREST, "nearest")
    logits, fold, _ = fits.load_logits(data, NEAREST, "nearest", "group", 0)
    is_still = standing_still.standing_still(data.clips.landmarks, data.clips.data.positions)
    # One person, so one fold has them all.
    assert is_still.sum() == 10 and len(set(fold[is_still])) == 1
    score = logits.max(axis=1)  # without a class `none`
    expected = metrics.auroc(score[~is_still], score[is_still])
    both = unknown_exercises.robustness_metrics(data, NEAREST, "nearest", 0)
    found = both["unknown"][robustness.STANDING_STILL]
    assert (found["num_windows"], found["num_clips"]) == (10, 1) and found["auroc"] == pytest.approx(expected)
    probabilities, _ = clip_answers.calibrated(logits, fold, data.clips)
    right = probabilities.argmax(axis=1) == data.clips.truth
    assert both["min_probability"]["0.0"]["precision"] == pytest.approx(right[~is_still].mean())
    named = (probabilities.max(axis=1) >= 0.5)[is_still].mean()
    assert both["min_probability"]["0.5"]["unknown"] == {robustness.STANDING_STILL: pytest.approx(named)}
