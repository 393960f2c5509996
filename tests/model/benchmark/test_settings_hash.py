"""Hashes of the settings: those that earlier figures carry, whatever names the code has now."""

import dataclasses

import pytest

from model import config
from model.benchmark import experiments, settings_hash

# The first digits of each experiment's hash with `TABLES`, computed by the first version that wrote hashes. Figures in
# results/ carry such hashes: where one differs, new figures of that experiment can no longer be joined to them.
FIRST_HASHES = {
    "notebook_tcn": "9a4d6cf549fd189e",
    "logistic_regression": "544799adcab4fa39",
    "extra_trees": "43908db532d938ab",
    "nearest_poses": "b6a9b9523a5f3a2f",
    "tcn": "a7d0d8a15f32197c",
    "conv": "31d54126fb0d1a03",
    "conv_transformer": "0afddaad2b29c10c",
    "graph": "86ba9b628239f2cf",
    "ensemble": "9b466ba6ca376e0b",
    "conv/image_landmarks": "b6e96c7f514cf6f1",
    "conv/no_depth": "7687999b1779bf0e",
    "conv/facing_camera": "e86ab8a929071cd3",
    "conv/metres": "b0cf3b99e8e6f4c3",
    "conv/no_augmentation": "0a281a5dc1bec042",
    "conv/no_mirroring": "106e137b5a534010",
    "conv/no_rotation": "6263851d840ae582",
    "conv/rotation_30_degrees": "608363e154283066",
    "conv/no_tilt": "bb163d2f115f7f0a",
    "conv/no_tempo": "e0d8abea485f814d",
    "conv/no_scale": "de99f6c54d2a6140",
    "conv/no_noise": "7fc414751315da3e",
    "conv/no_gaps": "e09c847aa614221a",
    "conv/no_tilt_tempo_noise_gaps": "87704b46cdc96413",
    "conv/occlusion": "4bf75de6b190ba6d",
    "conv/mixup": "0a76683b8369f7c5",
    "conv/no_label_smoothing": "cbfd08148c7458de",
    "conv/no_weight_decay": "9a02abbe9852e287",
    "conv/weight_decay_0.1": "cf62ecf0d249adfb",
    "conv/constant_learning_rate": "b4c7cca799bd85ea",
    "conv/no_weight_averaging": "e5f6b45923afa901",
    "conv/constant_learning_rate_no_weight_averaging": "76a8955b15cd0a3c",
    "conv/stochastic_depth": "3035687cf09bebb7",
    "conv/128_filters": "0a6362d06eac5f80",
    "conv/every_fourth_window": "54bc54c6f469bb65",
    "conv/three_networks": "8257d39ba81fc967",
    "synthetic_only": "aea4d825089453c9",
    "synthetic_then_clips": "dffa4249ab811f0b",
    "conv+synthetic/no_none_class": "1ea087a2906b0857",
    "conv+synthetic": "e3e3f65cb4678a1d",
    "conv+synthetic/standing_still_as_exercise": "91f035e0e337421d",
    "conv+synthetic/extra_real_clips": "12283062e6688138",
    "released_recipe": "7d27e134f2b611b9",
    "released_recipe/no_none_class": "7653d6619f08a53f",
    "conv+synthetic/leave_classes_out": "632c6ddbdc2ed7e5",
    "conv/quarter_of_people": "c12be91161a23726",
    "conv/half_of_people": "a2ce9110638834cb",
    "conv+synthetic/quarter_of_people": "8dd6c4349269156b",
    "conv+synthetic/half_of_people": "2a9a4343016d65b2",
}
TABLES = {
    "tables": {"of": "clips"},
    "labels": ("bend", "squat"),
    "rename_labels": [("a", "b")],
    "synthetic_tables": [{"of": "drawn"}, {"of": "synthesized"}],
    "extra_tables": [{"of": "people"}],
}


def hash_of(experiment: experiments.Experiment, **tables) -> str:
    return settings_hash.settings_sha256(experiment, **{**TABLES, **tables})


def test_hashes_are_those_of_earlier_figures():
    assert {name: hash_of(one)[:16] for name, one in experiments.EXPERIMENTS.items()} == FIRST_HASHES


def test_descriptions_and_further_tests_change_no_hash():
    conv = experiments.EXPERIMENTS["conv"]
    same = dataclasses.replace(conv, description="other words", test="accuracy", compared_with="tcn")
    assert hash_of(same) == hash_of(conv)
    assert hash_of(dataclasses.replace(conv, test="leave_classes_out")) != hash_of(conv)


@pytest.mark.parametrize(
    ("name", "changes", "differs"),
    [
        ("conv", {"tables": {"of": "others"}}, True),
        ("conv", {"labels": ("bend",)}, True),
        ("conv", {"rename_labels": []}, True),
        ("conv", {"synthetic_tables": [], "extra_tables": []}, False),
        ("conv+synthetic", {"synthetic_tables": [{"of": "drawn"}]}, True),
        ("conv+synthetic", {"extra_tables": []}, False),
        ("released_recipe", {"extra_tables": []}, True),
    ],
)
def test_tables_count_where_the_experiment_uses_them(name, changes, differs):
    experiment = experiments.EXPERIMENTS[name]
    assert (hash_of(experiment, **changes) != hash_of(experiment)) == differs


def test_every_setting_of_a_network_counts():
    """But for those of fine-tuning, where the experiment does not train twice."""
    conv = experiments.EXPERIMENTS["conv"]

    def with_settings(**overrides) -> experiments.Experiment:
        return dataclasses.replace(conv, model=experiments.Network(overrides))

    default = config.to_dict(config.Config())
    plain = hash_of(with_settings())
    for overrides in (
        {"network": {"filters": default["network"]["filters"] + 1}},
        {"training": {"epochs": default["training"]["epochs"] + 1}},
        {"augmentation": {"mixup": 0.3}},
    ):
        assert hash_of(with_settings(**overrides)) != plain
