"""The benchmark's fits as results.json; results_markdown makes a page of it."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs import storage
from beam_jobs.errors import UserError
from model.benchmark import clip_answers, cross_validation, fits, results_markdown, unknown_exercises
from model.benchmark.clip_answers import calibrated
from model.benchmark.experiments import EXPERIMENTS, Experiment
from model.benchmark.inputs import BenchmarkData

RESULTS_FILE = "results.json"
# Where results.json has the experiments of a split; and those that leave classes out, which do not test every clip.
SPLIT_KEYS = {"group": "grouped_split", "random": "random_split"}
LEFT_OUT_KEY = "classes_left_out"
_EXPERIMENT_KEYS = (*SPLIT_KEYS.values(), LEFT_OUT_KEY)
# What to do with earlier figures of an experiment on other tables, with other settings or of an earlier version.
IF_SETTINGS_DIFFER = ("fail", "replace", "keep")


def write(
    data: BenchmarkData,
    output: str,
    experiments: Mapping[str, Experiment],
    splits: Sequence[str],
    seeds: Sequence[int],
    if_settings_differ: str = "fail",
) -> None:
    """Writes results.json and results.md from the fits that are there, and from the figures that are there already.

    Args:
      data: what was cross-validated.
      output: a local folder. Other experiments, and other seeds of the same ones, that an earlier run wrote are kept.
      experiments: by name.
      splits: "group" and, beside it, "random".
      seeds: of the group splits.
      if_settings_differ: see `load_previous`.

    Raises:
      UserError: as `load_previous`.
    """
    leaving_out = {name: one for name, one in experiments.items() if one.test == "leave_classes_out"}
    others = {name: one for name, one in experiments.items() if name not in leaving_out}
    now: dict[str, Any] = {SPLIT_KEYS[split]: summarize(data, others, split, seeds) for split in splits}
    for name, summary in now.get(SPLIT_KEYS["group"], {}).items():
        for one in summary["seeds"]:
            if others[name].test == "robustness":
                one["robustness"] = unknown_exercises.robustness_metrics(data, others[name], name, one["seed"])
    left_out = {
        name: {"seeds": unknown_exercises.left_out_metrics(data, one, name, seeds)} for name, one in leaving_out.items()
    }
    now[LEFT_OUT_KEY] = {name: one for name, one in left_out.items() if one["seeds"]}
    _write_clips(data, others, seeds)
    os.makedirs(output, exist_ok=True)
    # Read as late as possible: another run may have added to it.
    previous = load_previous(data, output, experiments, if_settings_differ)
    results = {**_tested(data), **_joined(previous, now)}
    storage.write_text(os.path.join(output, RESULTS_FILE), json.dumps(results, indent=1) + "\n")
    storage.write_text(os.path.join(output, "results.md"), results_markdown.markdown(results))


def _write_clips(data: BenchmarkData, experiments: Mapping[str, Experiment], seeds: Iterable[int]) -> None:
    """Writes the answer for each clip beside the fits of each experiment: to look at the wrong ones."""
    for name, experiment in experiments.items():
        for seed in seeds:
            try:
                logits, fold, _ = fits.load_logits(data, experiment, name, "group", seed)
            except FileNotFoundError:
                break
            text = io.StringIO()
            lines = csv.writer(text, lineterminator="\n")
            lines.writerow(("video", "label", "answer", "probability", "label_probability"))
            for one in clip_answers.clip_answers(data.clips, calibrated(logits, fold, data.clips)[0]):
                probabilities = f"{one.probability:.3f}", f"{one.label_probability:.3f}"
                lines.writerow((one.clip.name, one.clip.label, one.answer, *probabilities))
            storage.write_text(os.path.join(data.inputs.fits_dir, name, f"clips_{seed}.csv"), text.getvalue())


def _tested(data: BenchmarkData) -> dict[str, Any]:
    """What two benchmarks must have in common for their figures to stand in one table."""
    clips = np.unique(data.clips.data.clip[data.clips.truth >= 0])
    return {
        "num_windows": int((data.clips.truth >= 0).sum()),
        "num_clips": len(clips),
        "num_groups": len({data.clips.data.clips[index].group for index in clips}),
        "labels": list(data.clips.labels),
        "num_folds": data.inputs.num_folds,
    }


def load_previous(
    data: BenchmarkData, output: str, experiments: Mapping[str, Experiment], if_settings_differ: str = "fail"
) -> dict[str, Any]:
    """The figures that are in a folder already, to which those of some experiments are to be added.

    Args:
      data: what is cross-validated.
      output: the folder.
      experiments: by name; the seeds to come are joined to those that are there.
      if_settings_differ: what to do with figures of these experiments that are of other tables, other settings or an
        earlier version: "fail"; "replace" drops all seeds of the experiment; "keep" keeps them beside the new ones, as
        where athletes were drawn again on a machine that rounds differently, and results.md marks the experiment.

    Raises:
      UserError: if they are of other clips, or an experiment is of other settings and that is to fail.
    """
    file = os.path.join(output, RESULTS_FILE)
    if not os.path.exists(file):
        return {key: {} for key in _EXPERIMENT_KEYS}
    tested = _tested(data)
    try:
        with open(file, encoding="utf-8") as opened:
            read = json.load(opened)
        read_tested = {name: read[name] for name in tested}
        previous = {key: read[key] for key in _EXPERIMENT_KEYS}
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{file} is not a result of this benchmark, or of an earlier version; expected one of this version, or "
            "none. Choose another --output, or remove it."
        ) from None
    for name, ours in tested.items():
        if read_tested[name] != ours:
            raise UserError(
                f"{file} is of other clips ({name} {read_tested[name]}); expected {name} {ours}, as all figures stand "
                "in one table. Choose another --output, or remove it."
            )
    for name, experiment in experiments.items():
        parts = [previous[key] for key in _EXPERIMENT_KEYS if name in previous[key]]
        seeds = [one for part in parts for one in part[name]["seeds"]]
        any_settings = if_settings_differ == "keep"
        different = {one["seed"] for one in seeds if not _can_be_joined(data, experiment, one, any_settings)}
        if different and if_settings_differ != "replace":
            raise UserError(
                f"{file} has '{name}' of other tables, settings or of an earlier version (seeds "
                f"{', '.join(map(str, sorted(different)))}); expected the same ones, as the table has means over "
                "seeds. Choose another --output, drop these figures by --if_settings_differ replace, or, if of "
                "the same recipe, keep them by --if_settings_differ keep."
            )
        if different:
            for part in parts:
                del part[name]
    return previous


def _can_be_joined(data: BenchmarkData, experiment: Experiment, of_seed: dict[str, Any], any_settings: bool) -> bool:
    """Whether a seed's figures are of the same fits (or of any), and by the same score for unknown exercises."""
    if not any_settings and of_seed.get("settings_sha256") != data.settings_sha256(experiment):
        return False
    scored = of_seed if experiment.test == "leave_classes_out" else of_seed.get("robustness")
    return scored is None or scored.get("known_class_score") == unknown_exercises.SCORE


def _joined(previous: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """New figures, and earlier ones that they do not replace, experiments in the order of EXPERIMENTS."""
    joined: dict[str, Any] = {}
    for key in _EXPERIMENT_KEYS:
        seeds = _joined_seeds(previous[key], now.get(key, {}))
        joined[key] = {
            name: {"seeds": of_seeds} if key == LEFT_OUT_KEY else over_seeds(of_seeds)
            for name, of_seeds in seeds.items()
        }
    return joined


def _joined_seeds(previous: dict[str, Any], now: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    known = list(EXPERIMENTS)
    names = sorted({*previous, *now}, key=lambda name: (known.index(name) if name in known else len(known), name))
    joined = {}
    for name in names:
        by_seed = {one["seed"]: one for part in (previous, now) if name in part for one in part[name]["seeds"]}
        joined[name] = [by_seed[seed] for seed in sorted(by_seed)]
    return joined


def summarize(
    data: BenchmarkData, experiments: Mapping[str, Experiment], split: str, seeds: Iterable[int]
) -> dict[str, Any]:
    """Each experiment's metrics: of every seed, calibrated and not, and their mean and deviation over seeds."""
    summary = {}
    for name, experiment in experiments.items():
        of_seeds = []
        for seed in seeds if split == "group" else [seed for seed in seeds if not seed]:
            try:
                logits, fold, minutes = fits.load_logits(data, experiment, name, split, seed)
            except FileNotFoundError:
                break
            tested = fold >= 0
            uncalibrated = np.full(logits.shape, np.nan)
            uncalibrated[tested] = cross_validation.softmax(logits[tested])
            probabilities, temperatures = calibrated(logits, fold, data.clips)
            of_seeds.append(
                {
                    "seed": seed,
                    "settings_sha256": data.settings_sha256(experiment),
                    **clip_answers.clip_metrics(data.clips, probabilities),
                    "confusion": clip_answers.confusion_counts(clip_answers.clip_answers(data.clips, probabilities)),
                    "uncalibrated": clip_answers.clip_metrics(data.clips, uncalibrated),
                    "temperatures": [round(value, 3) for value in temperatures],
                    "minutes": minutes,
                }
            )
        if of_seeds:
            summary[name] = over_seeds(of_seeds)
    return summary


HEADLINE = {
    "window_accuracy": ("windows", "accuracy"),
    "clip_accuracy": ("clips", "accuracy"),
    "clip_macro_f1": ("clips", "macro_f1"),
    "window_nll": ("windows", "nll"),
    "window_ece": ("windows", "ece"),
    "clip_ece": ("clips", "ece"),
}


def over_seeds(of_seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """An experiment's metrics of every seed, and the mean and standard deviation of the main ones."""
    values = {name: [one[kind][key] for one in of_seeds] for name, (kind, key) in HEADLINE.items()}
    # Too few clips have no calibration error.
    values = {name: value for name, value in values.items() if None not in value}
    values["minutes"] = [one["minutes"] for one in of_seeds]
    return {
        "seeds": of_seeds,
        "mean": {name: float(np.mean(value)) for name, value in values.items()},
        "standard_deviation": {name: float(np.std(value, ddof=len(value) > 1)) for name, value in values.items()},
    }
