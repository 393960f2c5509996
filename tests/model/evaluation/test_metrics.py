"""Every expected figure is worked out by hand."""

import math

import numpy as np
import pytest

from model.evaluation import metrics


def test_negative_log_likelihood():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], np.float32)
    # Truth: 0.25 and 0.8.
    expected = -(math.log(0.25) + math.log(0.8)) / 2
    assert metrics.negative_log_likelihood(probabilities, np.array([2, 1])) == pytest.approx(expected, rel=1e-6)


def test_a_uniform_guess_has_the_log_of_the_classes():
    assert metrics.negative_log_likelihood(np.full((5, 8), 1 / 8, np.float32), np.arange(5)) == pytest.approx(
        math.log(8)
    )


def test_calibration_error():
    # Ten bins. (0.6, 0.7]: confidence 0.62 and 0.68, one right -> |0.5 - 0.65| = 0.15, weight 2 of 4.
    # (0.9, 1.0]: confidence 0.95 and 1.0, both right -> |1 - 0.975| = 0.025, weight 2 of 4.
    highest = np.array([0.62, 0.68, 0.95, 1.0])
    probabilities = np.stack([highest, 1 - highest], axis=1)
    truth = np.array([0, 1, 0, 0])
    expected = 0.5 * 0.15 + 0.5 * 0.025
    assert metrics.expected_calibration_error(probabilities, truth, num_bins=10) == pytest.approx(expected)
    bins = metrics.reliability(probabilities, truth, num_bins=10)
    assert [(entry["count"], entry["accuracy"]) for entry in bins] == [(2, 0.5), (2, 1.0)]
    assert bins[0]["confidence"] == pytest.approx(0.65)


def test_macro_f1_weighs_classes_alike_and_counts_no_answer_as_a_miss():
    truth = np.array([0, 0, 0, 1])
    answers = np.array([0, 0, metrics.NO_ANSWER, 0])
    # Class 0: precision 2/3, recall 2/3, F1 2/3. Class 1: F1 0. Class 2 is not in the truth: left out.
    assert metrics.macro_f1(answers, truth) == pytest.approx((2 / 3 + 0) / 2)


def test_windows_are_scored_by_accuracy_macro_f1_and_nll():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    figures = metrics.window_metrics(probabilities, np.array([0, 1, 1, 0]))
    assert figures["num_windows"] == 4
    assert figures["accuracy"] == 0.75
    # Class 0: precision 2/3, recall 1 -> 0.8. Class 1: precision 1, recall 1/2 -> 2/3.
    assert figures["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert figures["nll"] == pytest.approx(-(math.log(0.9) + math.log(0.4) + math.log(0.8) + math.log(0.7)) / 4)


def test_a_clip_is_the_mean_of_its_windows_and_wrong_without_one():
    windows = np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8]], np.float32)
    clips = metrics.clip_probabilities(windows, np.array([0, 0, 2]), 3)
    np.testing.assert_allclose(clips[[0, 2]], [[0.6, 0.4], [0.2, 0.8]], atol=1e-6)
    assert np.isnan(clips[1]).all()
    assert metrics.clip_answers(clips).tolist() == [0, metrics.NO_ANSWER, 1]
    figures = metrics.clip_metrics(clips, np.array([0, 0, 0]))
    assert (figures["num_clips"], figures["num_unanswered"]) == (3, 1)
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert figures["nll"] == pytest.approx(-(math.log(0.6) + math.log(0.2)) / 2, rel=1e-5)


def test_wilson_interval():
    # 7 of 8: middle (0.875 + 3.8415 / 16) / (1 + 3.8415 / 8) = 1.11509 / 1.48018 = 0.75335,
    # half 1.959964 / 1.48018 * sqrt(0.875 * 0.125 / 8 + 3.8415 / 256) = 1.32414 * 0.16935 = 0.22424.
    assert metrics.wilson_interval(7, 8) == pytest.approx((0.52911, 0.97759), abs=1e-4)
    # All right: it ends at 1 and begins at n / (n + z²).
    assert metrics.wilson_interval(10, 10) == pytest.approx((10 / (10 + 3.841459), 1.0), abs=1e-6)


def test_calibration_of_clips_needs_a_hundred_of_them():
    clips = np.tile([[0.8, 0.2]], (100, 1))
    truth = np.repeat([0, 1], [70, 30])
    figures = metrics.clip_metrics(clips, truth)
    assert figures["num_answered"] == 100 and figures["ece"] == pytest.approx(0.1)
    clips[0] = np.nan
    figures = metrics.clip_metrics(clips, truth)
    assert (figures["num_answered"], figures["num_unanswered"], figures["ece"]) == (99, 1, None)


def test_no_clip_answered_has_no_likelihood():
    figures = metrics.clip_metrics(np.full((2, 2), np.nan), np.array([0, 1]))
    assert figures["accuracy"] == 0 and figures["nll"] is None and figures["ece"] is None


def test_confusion_and_classes():
    truth, answers = np.array([0, 0, 1, 1]), np.array([0, 1, 1, metrics.NO_ANSWER])
    assert metrics.confusion(answers, truth, 3).tolist() == [[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]]
    table = metrics.class_table(answers, truth, ("a", "b", "c"))
    assert table["a"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert table["b"]["precision"] == 0.5
    assert table["c"]["precision"] is None and table["c"]["support"] == 0


def test_auroc_counts_pairs():
    # 6 pairs: 0.9 beats both; 0.5 ties with 0.5 (a half) and beats 0.1; 0.3 beats 0.1 alone: 4.5 of 6.
    assert metrics.auroc(np.array([0.9, 0.5, 0.3]), np.array([0.5, 0.1])) == pytest.approx(4.5 / 6)
    assert metrics.auroc(np.array([0.2, 0.1]), np.array([0.3])) == 0


def test_false_accept_rate():
    known = np.arange(1, 21) / 20  # 0.05 to 1.00: 19 of 20 are at or above 0.10.
    unknown = np.array([0.05, 0.09, 0.1, 0.5])
    assert metrics.false_accept_rate(known, unknown) == 0.5
    assert metrics.false_accept_rate(known, unknown, recall=1) == 1.0
    assert metrics.false_accept_rate(known, unknown, recall=0.5) == 0.0  # 0.55
    # Half of 3 is 1.5: two must pass.
    assert metrics.false_accept_rate(np.array([3, 1, 2]), np.array([1.5, 2, 2.5, 4]), recall=0.5) == 0.75


def test_a_tie_at_the_threshold_passes():
    assert metrics.false_accept_rate(np.ones(4), np.array([1.0, 0.9]), recall=0.25) == 0.5


@pytest.mark.parametrize(
    ("known", "unknown", "recall"), [([], [1], 0.9), ([1], [], 0.9), ([math.nan], [1], 0.9), ([1], [1], 0)]
)
def test_scores_that_say_nothing_are_an_error(known, unknown, recall):
    with pytest.raises(ValueError, match="expected"):
        metrics.false_accept_rate(np.array(known, float), np.array(unknown, float), recall)


def test_temperature_of_two_classes():
    # Three of four are right, all with logits 4 apart. Likeliest is a probability of 3/4: 4 / T = log 3.
    logits, truth = np.tile([4.0, 0.0], (4, 1)), np.array([0, 0, 0, 1])
    expected = 4 / math.log(3)
    assert metrics.temperature(logits, truth) == pytest.approx(expected, rel=1e-4)
    # Logits k times as large, a temperature k times as high.
    assert metrics.temperature(0.1 * logits, truth) == pytest.approx(0.1 * expected, rel=1e-4)
    assert metrics.temperature(3 * logits, truth) == pytest.approx(3 * expected, rel=1e-4)


def test_temperature_of_logarithms_of_probabilities():
    # Sure to 0.99, right in 9 of 10: log 99 / T = log 9.
    logits = np.log(np.tile([0.99, 0.01], (10, 1)).astype(np.float32))
    assert metrics.temperature(logits, np.repeat([0, 1], [9, 1])) == pytest.approx(math.log(99) / math.log(9), rel=1e-4)


def test_temperature_with_weights():
    # The wrong row counts three times: as much as the right ones. 1 to 1 asks for the flattest there is.
    logits, truth = np.tile([4.0, 0.0], (4, 1)), np.array([0, 0, 0, 1])
    flattest = metrics.temperature(logits, truth, np.array([1, 1, 1, 3]))
    assert flattest == pytest.approx(metrics.MAX_TEMPERATURE, rel=1e-3)
    # As two copies of a row.
    assert metrics.temperature(logits, truth, np.array([2, 2, 2, 1])) == pytest.approx(4 / math.log(6), rel=1e-4)
    # All right: the sharpest there is.
    sharpest = metrics.temperature(logits / 8, truth, np.array([1, 1, 1, 0]))
    assert sharpest == pytest.approx(metrics.MIN_TEMPERATURE, rel=1e-2)


def test_temperature_needs_something_to_go_by():
    for logits, truth, weights in (
        (np.zeros((0, 2)), np.zeros(0, int), None),
        (np.zeros((2, 2)), np.zeros(3, int), None),
        (np.array([[0, -math.inf]]), np.zeros(1, int), None),
        (np.zeros((1, 2)), np.zeros(1, int), np.array([-1])),
    ):
        with pytest.raises(ValueError, match="expected"):
            metrics.temperature(logits, truth, weights)
