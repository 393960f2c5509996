import json

import pytest
from commands import REPOSITORY

from beam_jobs.errors import UsageError, UserError
from model import config


def test_the_saved_configuration_reads_back_the_same():
    changed = config.from_dict({"seed": 7, "network": {"dilations": [1, 2]}, "window": {"stride": 5}})
    assert changed.network.dilations == (1, 2) and changed.window.stride == 5
    assert config.from_dict(json.loads(json.dumps(config.to_dict(changed)))) == changed


def test_inline_json_and_a_file_mean_the_same(tmp_path):
    text = '{"training": {"epochs": 5, "patience": 3}}'
    file = tmp_path / "config.json"
    file.write_text(text)
    assert config.load(text) == config.load(str(file))
    assert config.load(text).training.epochs == 5
    assert config.load(None) == config.Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"trainnig": {}}', "unknown key 'trainnig'"),
        ('{"training": {"epoch": 5}}', "unknown key 'training.epoch'"),
        ('{"training": {"epochs": "5"}}', "training.epochs is '5'"),
        ('{"training": {"epochs": true}}', "training.epochs is True"),
        ('{"training": {"class_weights": 1}}', "training.class_weights is 1"),
        ('{"training": 5}', "training is 5"),
        ('{"training": {"epochs": 0}}', "epochs is 0"),
        ('{"training": {"learning_rate": 1e-5}}', "finetune_learning_rate is 0.0001"),
        ('{"network": {"dropout": 1}}', "dropout is 1.0"),
        ('{"network": {"dilations": []}}', "dilations"),
        ('{"window": {"length": 20, "min_detected": 3}}', "window.length is 20"),
        ('{"window": {"min_detected": 35}}', "min_detected is 35"),
        ('{"window": {"size": 34}}', "unknown key 'window.size'"),
        ('{"window": {"min_detected": 20}}', "augmentation.max_lead_rows is 24"),
        ('{"seed": -1}', "seed is -1"),
        ('{"seed": 4294967296}', "seed is 4294967296"),
        ('{"training": {"learning_rate": Infinity}}', "learning_rate is inf"),
        ('{"training": {"learning_rate": NaN}}', "learning_rate is nan"),
        ('{"augmentation": {"noise": Infinity}}', "noise is inf"),
        (
            '{"network": {"name": "lstm"}}',
            "name is 'lstm'",
        ),
        ('{"seed": ', "is not JSON"),
        ("no_such_file.json", "no_such_file.json does not exist"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(UsageError) as caught:
        config.load(text)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_folder_or_what_is_no_text_is_no_configuration(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        config.load(str(tmp_path))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    with pytest.raises(UsageError, match=r"picture\.png is not text"):
        config.load(str(tmp_path / "picture.png"))


def test_a_bundles_configuration_is_reported_with_the_bundles_name():
    assert config.config_of_bundle({"config": config.to_dict(config.Config(seed=3))}, "b").seed == 3
    with pytest.raises(UserError, match=r"^my_bundle: .*bundle\.json: .*'sed'") as caught:
        config.config_of_bundle({"config": {"sed": 3}}, "my_bundle")
    assert caught.value.exit_code == 1


def test_the_shipped_bundle_and_bundles_with_former_keys_load():
    metadata = json.loads((REPOSITORY / "live" / "default_bundle" / "bundle.json").read_text())
    settings = config.config_of_bundle(metadata, "default_bundle")
    assert settings.augmentation.occlusion_probability == 0.2 and settings.training.standing_still_as_none
    former = {
        "training": {"rests_as_none": True, "further_share": 0.4},
        "augmentation": {"hidden_probability": 0.3, "max_stretch": 0.1, "lead_probability": 0.7},
    }
    settings = config.config_of_bundle({"config": former}, "b")
    assert (settings.training.standing_still_as_none, settings.training.synthetic_fraction) == (True, 0.4)
    augmentation = settings.augmentation
    assert augmentation.occlusion_probability == 0.3
    assert (augmentation.max_tempo_change, augmentation.late_start_probability) == (0.1, 0.7)


def test_a_former_key_in_config_is_answered_by_its_name_today():
    with pytest.raises(UsageError, match=r"max_stretch.*max_tempo_change"):
        config.load('{"augmentation": {"max_stretch": 0.1}}')
