"""The page of model: its table of configuration keys is that of the code."""

import dataclasses

from manual import config_table

from model import config


def test_the_table_of_keys_is_up_to_date():
    page = config_table.PAGE.read_text(encoding="utf-8")
    assert config_table.with_table(page) == page, "run make config-table"


def test_every_key_is_in_the_table_with_its_default():
    lines = config_table.table().splitlines()
    whole = dataclasses.asdict(config.Config())
    expected = ["seed", *(f"{name}.{key}" for name, part in whole.items() if isinstance(part, dict) for key in part)]
    assert sorted(line.split("`")[1] for line in lines[2:]) == sorted(expected)
    assert sum("`training.learning_rate` | `0.002` |" in line for line in lines) == 1
