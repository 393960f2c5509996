"""One fit: train on the other folds, and keep the logits of what it is tested on."""

import dataclasses
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from beam_jobs import storage
from beam_jobs.labels import NO_EXERCISE
from model import config, standing_still
from model.benchmark import cross_validation, fits, robustness
from model.benchmark.cross_validation import FittedModel, LabelledWindows
from model.benchmark.experiments import SYNTHETIC_FIRST, Baseline, Experiment, TrainingMix
from model.benchmark.fits import Fit
from model.benchmark.inputs import BenchmarkData


def run_fit(data: BenchmarkData, experiment: Experiment, fit: Fit) -> None:
    """Does one fit and writes its file."""
    clips = data.clips_in(experiment.data.coordinates)
    fold = cross_validation.folds(clips, data.inputs.num_folds, fit.seed, fit.split)
    tested = fits.tested_windows(data, experiment, fit)
    left_out = fits.left_out_classes(experiment, fit.fold, data.inputs.num_folds, clips.labels)
    if experiment.data.learns_none_class and NO_EXERCISE not in clips.labels:
        clips = dataclasses.replace(clips, labels=(*clips.labels, NO_EXERCISE))
    keep = training_windows(experiment.data, clips, (fold >= 0) & (fold != fit.fold), fit.seed)
    models = fit_models(data, experiment, clips, keep & ~np.isin(clips.truth, left_out), fit.seed, left_out)
    arrays: dict[str, Any] = {
        "settings_sha256": data.settings_sha256(experiment),
        "windows": tested,
        "logits": _mean_logits(models, clips, tested),
        "minutes": sum(one.minutes for one in models),
    }
    if len(left_out):
        unknown = np.flatnonzero(np.isin(clips.truth, left_out))
        arrays |= _named(fits.CLASSES_LEFT_OUT, unknown, _mean_logits(models, clips, unknown))
    if experiment.test == "robustness" and fit.split == "group":
        for name, test_set in data.test_sets.items():
            chosen = robustness.windows_to_test(name, test_set, clips, fold, fit.fold)
            arrays |= _named(name, chosen, _mean_logits(models, test_set, chosen))
    with storage.atomic_file(os.path.join(data.inputs.fits_dir, fit.file)) as path, open(path, "wb") as opened:
        np.savez_compressed(opened, **arrays)


def _named(name: str, windows: np.ndarray, logits: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}/windows": windows, f"{name}/logits": logits}


def training_windows(mix: TrainingMix, labelled: LabelledWindows, keep: np.ndarray, seed: int) -> np.ndarray:
    """Those of some windows that an experiment trains on, if it sees fewer people or not every window; bool (N,)."""
    if mix.every_nth_window > 1:
        # Its place in its clip: windows are in order.
        first = np.searchsorted(labelled.data.clip, labelled.data.clip)
        keep = keep & ((np.arange(len(keep)) - first) % mix.every_nth_window == 0)
    if mix.fraction_of_people < 1:
        groups = np.array([clip.group for clip in labelled.data.clips])[labelled.data.clip]
        chosen = np.zeros_like(keep)
        rng = np.random.default_rng(seed)
        for number in range(len(labelled.labels)):
            of_class = keep & (labelled.truth == number)
            people = rng.permutation(np.unique(groups[of_class]))
            num_people = max(1, round(mix.fraction_of_people * len(people)))
            chosen |= of_class & np.isin(groups, people[:num_people])
        keep = chosen
    return keep


def fit_models(
    data: BenchmarkData,
    experiment: Experiment,
    clips: LabelledWindows,
    keep: np.ndarray,
    seed: int,
    left_out: Sequence[int] | np.ndarray = (),
) -> list[FittedModel]:
    """Fits an experiment's model, or models that answer together.

    Args:
      data: the tables of synthetic athletes and of further real clips.
      experiment: what to fit.
      clips: the clips, with the classes to learn.
      keep: which of their windows to train on, bool, shape (N,).
      seed: of the first model.
      left_out: classes that are not learned.
    """

    def with_classes(sets: Sequence[LabelledWindows]) -> list[LabelledWindows]:
        known = [one.with_labels(clips.labels) for one in sets]
        return [dataclasses.replace(one, truth=np.where(np.isin(one.truth, left_out), -1, one.truth)) for one in known]

    synthetic = with_classes(data.synthetic) if experiment.data.synthetic != "none" else []
    extra = with_classes(data.extra) if experiment.data.extra_real_clips else []
    if isinstance(experiment.model, Baseline):
        return [_fit_baseline(experiment.model, cross_validation.training_data(clips, keep, extra=extra), seed)]
    network = experiment.model
    if experiment.data.learns_none_class and network.settings(seed).training.standing_still_as_none:
        clips, *extra = (_with_standing_still_as_none(one) for one in (clips, *extra))
    return [
        _fit_network(network.settings(seed + 1000 * number), experiment, clips, keep, synthetic, extra)
        for number in range(network.num_networks)
    ]


def _with_standing_still_as_none(labelled: LabelledWindows) -> LabelledWindows:
    truth = standing_still.relabel_standing_still(
        labelled.truth, labelled.labels, labelled.landmarks, labelled.data.positions
    )
    return dataclasses.replace(labelled, truth=truth)


def _fit_network(
    settings: config.Config,
    experiment: Experiment,
    clips: LabelledWindows,
    keep: np.ndarray,
    synthetic: Sequence[LabelledWindows],
    extra: Sequence[LabelledWindows],
) -> FittedModel:
    use = experiment.data.synthetic
    if use in ("none", "mixed"):
        mixed = cross_validation.training_data(clips, keep, synthetic, extra=extra)
        return cross_validation.fit_network(mixed, settings)
    no_clips = np.zeros_like(keep)
    first_settings = config.from_dict(SYNTHETIC_FIRST, settings)
    if use == "only":
        return cross_validation.fit_network(cross_validation.training_data(clips, no_clips, synthetic), first_settings)
    # Standardised by the clips, which the second fit is trained on.
    standard = cross_validation.training_data(clips, keep).standard
    first = cross_validation.fit_network(
        cross_validation.training_data(clips, no_clips, synthetic, standard), first_settings
    )
    second = cross_validation.fit_network(
        cross_validation.training_data(clips, keep, extra=extra), settings, first.weights
    )
    return dataclasses.replace(second, minutes=first.minutes + second.minutes)


def _fit_baseline(baseline: Baseline, train: cross_validation.FoldTrainingData, seed: int) -> FittedModel:
    from model.benchmark import baselines

    started = time.monotonic()
    model = baselines.BASELINES[baseline.name](seed)
    counts = np.bincount(train.data.clip, minlength=len(train.data.clips))
    per_class = np.bincount(train.truth, weights=1 / counts[train.data.clip], minlength=len(train.labels))
    # Every class weighs the same, and in it every clip.
    weights = 1 / counts[train.data.clip] / per_class[train.truth]
    model.fit(train.data.features(), train.truth, weights / weights.mean(), len(train.labels))
    minutes = (time.monotonic() - started) / 60
    return FittedModel(lambda windows: np.log(model.probabilities(windows)), train.standard, minutes)


def _mean_logits(models: Sequence[FittedModel], labelled: LabelledWindows, windows: np.ndarray) -> np.ndarray:
    return np.mean([cross_validation.predict_logits(one, labelled, windows) for one in models], axis=0)
