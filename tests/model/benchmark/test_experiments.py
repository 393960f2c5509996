"""Experiments are valid by construction, and their names can be typed."""

import re
from typing import get_args

import pytest

from model.benchmark import baselines, experiments
from model.benchmark.experiments import Baseline, Experiment, Network, TrainingMix


@pytest.mark.parametrize(
    "mix",
    [
        {"synthetic": "some"},
        {"coordinates": "polar"},
        {"learns_none_class": True},
        {"learns_none_class": True, "synthetic": "only"},
        {"coordinates": "flat", "synthetic": "mixed"},
        {"coordinates": "flat", "extra_real_clips": True},
        {"every_nth_window": 0},
        {"fraction_of_people": 0.0},
        {"fraction_of_people": 1.5},
    ],
)
def test_a_training_mix_that_contradicts_itself_is_refused(mix):
    with pytest.raises(ValueError, match=next(iter(mix))):
        TrainingMix(**mix)


def test_an_experiment_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError, match="guessing"):
        Baseline("guessing")
    with pytest.raises(ValueError, match="baseline"):
        Experiment("odd", Baseline("extra_trees"), TrainingMix(synthetic="mixed"))
    with pytest.raises(ValueError, match="test"):
        Experiment("odd", Baseline("extra_trees"), test="speed")
    with pytest.raises(ValueError, match="num_networks"):
        Network({}, 0)


def test_names_need_no_quotes_in_a_shell():
    for name in (*experiments.EXPERIMENTS, *experiments.GROUPS):
        assert re.fullmatch(r"[a-z0-9_+./]+", name), name
    assert not set(experiments.EXPERIMENTS) & set(experiments.GROUPS)


def test_what_experiments_refer_to_is_there():
    assert get_args(experiments.BaselineName) == tuple(baselines.BASELINES)
    for one in experiments.EXPERIMENTS.values():
        assert not one.compared_with or one.compared_with in experiments.EXPERIMENTS


def test_overrides_are_merged_level_by_level():
    base = {"network": {"name": "conv", "filters": 64}, "seed": 1}
    assert experiments.merged(base, {"network": {"filters": 8}, "training": {"epochs": 2}}) == {
        "network": {"name": "conv", "filters": 8},
        "seed": 1,
        "training": {"epochs": 2},
    }
    assert base == {"network": {"name": "conv", "filters": 64}, "seed": 1}


def test_the_listing_has_every_experiment_under_its_group():
    lines = experiments.listing().splitlines()
    assert lines[0] == "baselines:" and "all:" not in lines
    listed = [line.split()[0] for line in lines if line.startswith(" ")]
    assert listed == [*experiments.EXPERIMENTS]
