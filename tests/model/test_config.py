import json

import pytest

from beam_jobs.errors import UsageError
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
        ('{"trainnig": {}}', "unknown key 'trainnig'; known here are augmentation, network, seed, training, window"),
        ('{"training": {"epoch": 5}}', "unknown key 'training.epoch'"),
        ('{"training": {"epochs": "5"}}', "training.epochs is '5'; expected a int"),
        ('{"training": {"epochs": true}}', "training.epochs is True"),
        ('{"training": {"class_weights": 1}}', "training.class_weights is 1; expected a bool"),
        ('{"training": 5}', "training is 5; expected a JSON object"),
        ('{"training": {"epochs": 0}}', "training: epochs is 0; expected 1 or more"),
        ('{"training": {"learning_rate": 1e-5}}', "finetune_learning_rate is 0.0001; expected at most learning_rate"),
        ('{"network": {"dropout": 1}}', "dropout is 1.0; expected a share"),
        ('{"network": {"dilations": []}}', "dilations"),
        ('{"window": {"length": 20, "min_detected": 3}}', "window.length is 20; expected 34"),
        ('{"window": {"min_detected": 35}}', "min_detected is 35"),
        ('{"seed": ', "is not JSON"),
        ("no_such_file.json", "no_such_file.json does not exist"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(UsageError) as caught:
        config.load(text)
    assert said in str(caught.value)
    assert caught.value.exit_code == 2
