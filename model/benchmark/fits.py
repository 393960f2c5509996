"""The fits of a benchmark, one for each experiment, split, seed and fold, and the file of each.

What has a file is not done again, so that a benchmark that was stopped goes on.
"""

import dataclasses
import os
from collections.abc import Iterable, Sequence

import numpy as np

from beam_jobs.errors import UserError
from beam_jobs.labels import NO_EXERCISE
from model.benchmark import cross_validation, robustness
from model.benchmark.experiments import EXPERIMENTS, Experiment
from model.benchmark.inputs import BenchmarkData

# In a fit's file: the logits of exercises that it was not trained on.
CLASSES_LEFT_OUT = "classes_left_out"


@dataclasses.dataclass(frozen=True)
class Fit:
    """One fit."""

    experiment: str
    split: str
    seed: int
    fold: int

    @property
    def file(self) -> str:
        """The name of its file below the folder of fits."""
        return os.path.join(self.experiment, f"{self.split}_{self.seed}_{self.fold}.npz")


def list_fits(
    names: Iterable[str],
    splits: Iterable[str],
    seeds: Iterable[int],
    num_folds: int,
    experiments: dict[str, Experiment] = EXPERIMENTS,
) -> list[Fit]:
    """Every fit, the first seed of all experiments before the second; random splits of seed 0 alone."""
    splits, names = list(splits), list(names)
    return [
        Fit(name, split, seed, fold)
        for seed in seeds
        for split in splits
        for name in names
        for fold in range(experiments[name].num_fits(num_folds))
        if split == "group" or (seed == 0 and experiments[name].has_random_split)
    ]


def left_out_classes(experiment: Experiment, fold: int, num_folds: int, labels: Sequence[str]) -> np.ndarray:
    """The classes that a fold's fit is not trained on: by turns all of them, where the experiment leaves some out."""
    if experiment.test != "leave_classes_out":
        return np.zeros(0, int)
    exercises = [index for index, label in enumerate(labels) if label != NO_EXERCISE]
    return np.array(exercises[fold::num_folds])


def tested_windows(data: BenchmarkData, experiment: Experiment, fit: Fit) -> np.ndarray:
    """The windows of the clips that a fit is tested on, as indices."""
    clips, num_folds = data.clips, data.inputs.num_folds
    fold = cross_validation.folds(clips, num_folds, fit.seed, fit.split)
    # A model that was trained on no clip is tested on all of them.
    tested = fold >= 0 if experiment.data.synthetic == "only" else fold == fit.fold
    left_out = left_out_classes(experiment, fit.fold, num_folds, clips.labels)
    return np.flatnonzero(tested & ~np.isin(clips.truth, left_out))


def load_fit(data: BenchmarkData, experiment: Experiment, fit: Fit) -> dict[str, np.ndarray]:
    """What is in a fit's file: logits, the windows that they are of, minutes.

    Raises:
      FileNotFoundError: if it was not done.
      UserError: if it is of other tables, classes, folds or settings.
    """
    file = os.path.join(data.inputs.fits_dir, fit.file)
    with np.load(file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    same_settings = str(arrays.get("settings_sha256")) == data.settings_sha256(experiment)
    if not same_settings or not np.array_equal(arrays["windows"], tested_windows(data, experiment, fit)):
        raise UserError(
            f"{file} is of other tables, classes (--min_clips), --folds or settings; expected a fit of this benchmark. "
            "Choose another --fits_dir, or remove that folder."
        )
    return arrays


def load_robustness_fit(data: BenchmarkData, experiment: Experiment, fit: Fit) -> dict[str, np.ndarray]:
    """As `load_fit`, of a fit that was tested for robustness on today's test sets.

    Raises:
      UserError: also if it was tested on others; what was fitted is gone by then.
    """
    arrays = load_fit(data, experiment, fit)
    fold = cross_validation.folds(data.clips, data.inputs.num_folds, fit.seed, fit.split)
    for name, test_set in data.test_sets.items():
        chosen = robustness.windows_to_test(name, test_set, data.clips, fold, fit.fold)
        key = f"{name}/windows"
        if key not in arrays or not np.array_equal(arrays[key], chosen):
            file = os.path.join(data.inputs.fits_dir, fit.file)
            raise UserError(
                f"{file} was not tested on '{name}', or on other windows of it; expected logits of {len(chosen)} "
                "windows. Choose another --fits_dir, remove that file, or leave out the tables of that name."
            )
    return arrays


def load_logits(
    data: BenchmarkData, experiment: Experiment, name: str, split: str, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """An experiment's logits of all windows (NaN where not tested), the fold of each, and the minutes of all folds.

    Raises:
      FileNotFoundError: if a fit was not done.
      UserError: as `load_fit`.
    """
    num_windows = len(data.clips.truth)
    logits, fold, minutes = None, np.full(num_windows, -1), 0.0
    for number in range(experiment.num_fits(data.inputs.num_folds)):
        arrays = load_fit(data, experiment, Fit(name, split, seed, number))
        if logits is None:
            logits = np.full((num_windows, arrays["logits"].shape[1]), np.nan, np.float32)
        logits[arrays["windows"]] = arrays["logits"]
        fold[arrays["windows"]] = number
        minutes += float(arrays["minutes"])
    assert logits is not None
    return logits, fold, minutes
