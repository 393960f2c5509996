"""From windows to clips: calibration by other folds, smoothing within a clip."""

import dataclasses

import numpy as np
import pytest
from moving_bodies import LABELS, Body, labelled_set

from model.benchmark import clip_answers, cross_validation

PEOPLE = tuple(Body(label, f"p{who}") for who in range(6) for label in LABELS)


def noisy_logits(labelled: cross_validation.LabelledWindows, fold: np.ndarray) -> np.ndarray:
    """Logits that favour the truth, with another scale in each fold; NaN where not tested."""
    logits = np.random.default_rng(1).normal(0, 1, (len(fold), 3))
    logits[np.arange(len(fold)), labelled.truth] += 2
    logits *= np.array([1, 4, 9])[fold][:, None]
    return np.where(fold[:, None] >= 0, logits, np.nan).astype(np.float32)


def test_a_folds_own_logits_have_no_part_in_its_temperature():
    labelled = labelled_set((*PEOPLE, Body("wave", "w")), LABELS)
    fold = cross_validation.folds(labelled, 3, 0, "group")
    logits = noisy_logits(labelled, fold)
    probabilities, temperatures = clip_answers.calibrated(logits, fold, labelled)
    assert np.array_equal(np.isfinite(probabilities).all(axis=1), fold >= 0)
    np.testing.assert_allclose(probabilities[fold >= 0].sum(axis=1), 1)
    truth = np.where(fold == 0, (labelled.truth + 1) % 3, labelled.truth)
    again, others = clip_answers.calibrated(logits, fold, dataclasses.replace(labelled, truth=truth))
    assert others[0] == temperatures[0]
    np.testing.assert_array_equal(again[fold == 0], probabilities[fold == 0])
    # The other folds' temperatures are from fold 0, too, which now is wrong: they are higher.
    assert others[1] > temperatures[1] * 1.2 and others[2] > temperatures[2] * 1.2
    for number, temperature in enumerate(temperatures):
        powers = np.exp(logits[fold == number].astype(np.float64) / temperature)
        expected = powers / powers.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities[fold == number], expected, rtol=1e-5)


def test_one_fit_of_all_clips_has_no_temperature():
    labelled = labelled_set(tuple(Body(label, "a") for label in LABELS), LABELS)
    fold = np.zeros(len(labelled.truth), np.int32)
    logits = noisy_logits(labelled, fold)
    probabilities, temperatures = clip_answers.calibrated(logits, fold, labelled)
    assert temperatures == []
    powers = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(probabilities, powers / powers.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("num", [1, 2, 5, 1000])
def test_smoothing_is_over_windows_of_one_clip(num):
    labelled = labelled_set((*PEOPLE, Body("wave", "p3")), LABELS)
    chosen, clip = labelled.truth >= 0, labelled.data.clip
    random = np.random.default_rng(3)
    probabilities = random.dirichlet(np.ones(len(labelled.labels)), len(labelled.truth))
    probabilities[~chosen] = np.nan
    right = []
    for index in np.flatnonzero(chosen):
        latest = [window for window in range(max(0, index - num + 1), index + 1) if clip[window] == clip[index]]
        right.append(probabilities[latest].mean(axis=0).argmax() == labelled.truth[index])
    assert clip_answers.smoothed_accuracy(labelled, probabilities, num) == pytest.approx(np.mean(right))


def test_a_clips_answer_is_the_class_with_the_largest_mean():
    labelled = labelled_set((Body("bend", "a"), Body("squat", "b"), Body("raise", "c")), LABELS)
    # Every window of "b" favours `none`, a class beyond the labels; "c" is not tested.
    probabilities = np.tile([0.5, 0.3, 0.1, 0.1], (len(labelled.truth), 1))
    probabilities[labelled.data.clip == 1] = [0.1, 0.1, 0.2, 0.6]
    probabilities[labelled.data.clip == 2] = np.nan
    first, second, third = clip_answers.clip_answers(labelled, probabilities)
    assert (first.answer, first.probability, first.label_probability) == ("bend", 0.5, 0.5)
    assert second.answer == "none" and second.label_probability == pytest.approx(0.2)
    assert third.answer == "" and np.isnan(third.probability)
    assert clip_answers.confusion_counts([first, second, third]) == {
        "bend": {"bend": 1},
        "raise": {"": 1},
        "squat": {"none": 1},
    }
