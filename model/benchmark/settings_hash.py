"""A hash of everything that a fit depends on, which stays the same when names in this code change.

Fits on disk and figures in results.json carry it (`settings_sha256`): what has another hash is of other tables or
settings. So that a new name for a configuration key or for a field of an experiment makes no earlier figure foreign,
the hash is of a record that keeps the first names. A test holds the hash of every experiment.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from model import config
from model.benchmark.experiments import SYNTHETIC_FIRST, Baseline, Experiment

# Raise it where a change of this project's code changes the result of a fit: earlier fits and figures are others then.
VERSION = 3
# What names in this code are called in the record.
_FIRST_NAMES = {
    "standing_still_as_none": "rests_as_none",
    "synthetic_fraction": "further_share",
    "occlusion_probability": "hidden_probability",
    "max_tempo_change": "max_stretch",
    "late_start_probability": "lead_probability",
}
_FIRST_SYNTHETIC = {"none": "none", "mixed": "mixed", "only": "alone", "pretrain": "pretrain"}
# The configuration as it was when the record began, by its first names; what has been added since is in the record
# only where it is not its default.
_FIRST_KEYS = {
    "network": "name filters kernel_size dilations dense_units block_dropout dropout stochastic_depth",
    "training": "epochs schedule patience batch_size learning_rate finetune_epochs finetune_learning_rate "
    "weight_decay label_smoothing class_weights max_windows_per_clip ema_momentum further_share temperature "
    "rests_as_none",
    "augmentation": "mirror_probability max_yaw_degrees tilt_degrees scale offset jitter hidden_probability "
    "max_stretch lead_probability max_lead_rows max_drop_share noise mixup",
    "window": "length stride min_detected",
}
# What fine-tuning was by default. Only an experiment that trains twice depends on it.
_FINETUNING = {"finetune_epochs": 20, "finetune_learning_rate": 0.0001}


def settings_sha256(
    experiment: Experiment,
    tables: Mapping[str, Any],
    labels: Sequence[str],
    rename_labels: Sequence[tuple[str, str]],
    synthetic_tables: Sequence[Mapping[str, Any]],
    extra_tables: Sequence[Mapping[str, Any]],
) -> str:
    """The hash of an experiment on some tables.

    Args:
      experiment: its description and its test have no part in the hash, except for leaving classes out.
      tables: `dataset.contents` of the clips' tables.
      labels: the classes.
      rename_labels: pairs of a label in the tables and its new name.
      synthetic_tables: `dataset.contents` of each table of synthetic athletes.
      extra_tables: likewise, of further real clips.
    """
    synthetic = experiment.data.synthetic
    record = {
        "version": VERSION,
        "row": _record_of_experiment(experiment),
        "config": None if isinstance(experiment.model, Baseline) else _record_of_config(experiment),
        "first": _with_first_names(SYNTHETIC_FIRST) if synthetic in ("only", "pretrain") else None,
        "tables": tables,
        "labels": [*labels],
        "rename": [*rename_labels],
        "athletes": [*synthetic_tables] if synthetic != "none" else None,
        "people": [*extra_tables] if experiment.data.extra_real_clips else None,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _record_of_experiment(experiment: Experiment) -> dict[str, Any]:
    model, data = experiment.model, experiment.data
    return {
        "rival": model.name if isinstance(model, Baseline) else "",
        "changes": {} if isinstance(model, Baseline) else _with_first_names(model.config_overrides),
        "num_networks": 1 if isinstance(model, Baseline) else model.num_networks,
        "athletes": _FIRST_SYNTHETIC[data.synthetic],
        "unknown": data.learns_none_class,
        "people": data.extra_real_clips,
        "coordinates": "" if data.coordinates == "world" else data.coordinates,
        "stride": data.every_nth_window,
        "group_share": data.fraction_of_people,
        "left_out": experiment.test == "leave_classes_out",
    }


def _record_of_config(experiment: Experiment) -> dict[str, Any]:
    assert not isinstance(experiment.model, Baseline)
    settings = experiment.model.settings(seed=0)
    whole, default = (_with_first_names(config.to_dict(one)) for one in (settings, config.Config(seed=0)))
    record: dict[str, Any] = {}
    for section, values in whole.items():
        if section not in _FIRST_KEYS:  # the seed, and sections that were added since
            if section == "seed" or values != default[section]:
                record[section] = values
            continue
        first = _FIRST_KEYS[section].split()
        record[section] = {
            key: value for key, value in values.items() if key in first or value != default[section].get(key)
        }
    if experiment.data.synthetic != "pretrain":
        record["training"] |= _FINETUNING
    return record


def _with_first_names(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _FIRST_NAMES.get(key, key): _with_first_names(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
    }
