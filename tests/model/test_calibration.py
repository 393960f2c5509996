"""From where on an exercise is one that a bundle knows."""

import json
import pathlib

import numpy as np
import pytest
from scipy import special

from model import bundle, calibration, config, dataset, networks, train
from model.training_data import TrainingInputs

LABELS = ("lunge", "none", "squat")


def random_logits(num=200, seed=0):
    return np.random.default_rng(seed).normal(0, 3, (num, 3)).astype(np.float32)


def test_at_the_threshold_an_exercise_is_as_probable_as_none():
    logits = random_logits()
    before = calibration.known_probability(special.softmax(logits.astype(float), axis=1), LABELS)
    for threshold in (0.2, 0.5, 0.9):
        after = calibration.Calibration(known_threshold=threshold).probabilities(logits, LABELS)
        np.testing.assert_allclose(after.sum(axis=1), 1)
        assert ((after[:, 1] < 0.5) == (before > threshold)).all()
        # Exercises keep their shares of each other.
        np.testing.assert_allclose(after[:, 0] / after[:, 2], np.exp(logits[:, 0] - logits[:, 2]), rtol=1e-4)


def test_without_none_or_at_one_half_nothing_changes():
    logits = random_logits()
    plain = special.softmax(logits.astype(float), axis=1)
    np.testing.assert_allclose(calibration.Calibration(1.0, 0.9).probabilities(logits, ("a", "b", "c")), plain)
    np.testing.assert_allclose(calibration.UNCHANGED.probabilities(logits, LABELS), plain)
    assert (calibration.known_probability(plain, ("a", "b", "c")) == 1).all()


def test_one_in_twenty_windows_of_others_passes():
    known = np.concatenate([np.linspace(0.6, 1, 100), np.linspace(0, 0.5, 100)])
    is_exercise = np.arange(200) < 100
    threshold = calibration.known_threshold(known, is_exercise, np.ones(200))
    assert (known[~is_exercise] > threshold).mean() == pytest.approx(0.05, abs=0.011)
    # Not where it would take the name from more than a tenth of the exercises.
    overlapping = np.where(is_exercise, known - 0.4, known + 0.4)
    threshold = calibration.known_threshold(overlapping, is_exercise, np.ones(200))
    assert (overlapping[is_exercise] < threshold).mean() == pytest.approx(0.1, abs=0.011)


def test_windows_count_by_their_weights():
    known = np.array([0.9, 0.9, 0.1, 0.4])
    is_exercise = np.array([True, True, False, False])
    assert calibration.known_threshold(known, is_exercise, np.array([1, 1, 1, 1])) == pytest.approx(0.4)
    assert calibration.known_threshold(known, is_exercise, np.array([1, 1, 99, 1])) == pytest.approx(0.1)


@pytest.mark.parametrize("is_exercise", [[True, True], [False, False]])
def test_without_one_of_the_two_kinds_nothing_changes(is_exercise):
    assert calibration.known_threshold(np.array([0.2, 0.9]), np.array(is_exercise), np.ones(2)) == 0.5


@pytest.fixture(scope="module")
def tables_with_none(made, tmp_path_factory):
    """People of the validation split who do none, some of whom move as if they squatted."""
    clips = [
        made.Clip(f"{split}/{label}_{number}", label, split=split, movement="squat" if number == 3 else None)
        for label in LABELS
        for split, count in (("train", 3), ("validation", 4))
        for number in range(count)
    ]
    return made.tables(tmp_path_factory.mktemp("none") / "tables", clips)


@pytest.fixture(scope="module")
def trained(tables_with_none, tmp_path_factory, quick_config):
    output = str(tmp_path_factory.mktemp("trained") / "bundle")
    settings = config.from_dict({"training": {"epochs": 6, "learning_rate": 0.01}}, quick_config)
    train.train(TrainingInputs(tables_with_none), output, settings)
    return output


@pytest.mark.slow
def test_the_threshold_is_that_of_the_validation_split_and_inside_every_graph(trained, tables_with_none, quick_config):
    metadata = bundle.read_metadata(trained)
    calibrated = calibration.Calibration(metadata["temperature"], metadata["known_threshold"])
    validation = dataset.load(tables_with_none, ["validation"], quick_config.window)
    network = networks.build(config.config_of_bundle(metadata, trained).network, 3)
    network.load_weights(str(pathlib.Path(trained) / bundle.WEIGHTS))
    logits = network.predict(validation.features(), verbose=0)
    plain = calibration.Calibration(calibrated.temperature).probabilities(logits, LABELS)
    is_exercise = np.array([True, False, True])[validation.labels(LABELS)]
    weights = 1 / np.bincount(validation.clip)[validation.clip]
    known = calibration.known_probability(plain, LABELS)
    assert calibrated.known_threshold == pytest.approx(calibration.known_threshold(known, is_exercise, weights))
    assert calibrated.known_threshold != 0.5
    expected = calibrated.probabilities(logits, LABELS)
    assert np.abs(expected - plain).max() > 0.01
    np.testing.assert_allclose(bundle.load(trained).probabilities(validation.features()), expected, atol=1e-5)


@pytest.mark.slow
def test_a_threshold_that_is_given_is_kept(tables_with_none, tmp_path, quick_config):
    settings = config.from_dict({"training": {"epochs": 1, "temperature": 1.5, "known_threshold": 0.8}}, quick_config)
    output = str(tmp_path / "bundle")
    train.train(TrainingInputs(tables_with_none, all_splits=True), output, settings)
    metadata = json.loads((tmp_path / "bundle" / bundle.METADATA_FILE).read_text())
    assert (metadata["temperature"], metadata["known_threshold"]) == (1.5, 0.8)
