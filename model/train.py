"""Tables to a bundle: load, fit, calibrate, score, write."""

import contextlib
import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from beam_jobs.errors import UserError
from beam_jobs.labels import NO_EXERCISE
from model import bundle, calibration, config, dataset, fitting, networks, rehearsal, training_data, transform_graph
from model import holds as hold_rule
from model.batches import Batches
from model.callbacks import Progress
from model.evaluation import predictions
from model.evaluation.metrics import temperature as fit_temperature
from model.training_data import LabelledSplit, TrainingData, TrainingInputs

# The surest that a validation split may make a network.
_LOWEST_TEMPERATURE = 0.5


@dataclasses.dataclass(frozen=True)
class Validated:
    """A network's calibration, and how well it did on the validation split.

    Attributes:
      calibrated: what is done to the logits.
      metrics: of the validation split; none where every clip was trained on.
    """

    calibrated: calibration.Calibration
    metrics: dict[str, Any]


def train(inputs: TrainingInputs, output: str, settings: config.Config, log_dir: str | None = None) -> dict[str, Any]:
    """Trains a network on the train split and writes a bundle.

    Args:
      inputs: what to learn from.
      output: the bundle's folder, local or gs://.
      settings: the configuration.
      log_dir: where TensorBoard's logs go while it trains; by default they are in the bundle when it is done.

    Returns:
      The metrics of the validation split; none with `all_splits`.

    Raises:
      UserError: if a split is empty, or there is one class alone.
    """
    graph = transform_graph.find_beside_tables(inputs.tables)
    if inputs.all_splits and not settings.training.temperature:
        print(
            "warning: with every clip trained on, none is left to take a temperature from: probabilities stay the "
            "network's own. Set training.temperature in --config to one that other groups gave.",
            file=sys.stderr,
        )
    data = training_data.load_training_data(inputs, settings.window)
    labels = training_data.classes(data.train)
    if len(labels) < 2:
        raise UserError(
            f"{inputs.tables}: what is trained on has the one class '{labels[0]}'; expected two or more to tell apart. "
            "Give videos of other exercises, too."
        )
    learned, validation = label_splits(inputs, data, labels, settings.training)
    fitting.seed_everything(settings.seed)
    network = networks.build(settings.network, len(labels))
    describe(network, settings, learned, validation, len(labels))
    started = time.monotonic()
    with log_folder(log_dir) as logs:
        training = settings.training
        history = fit(
            *(network, learned, validation, data.landmarks, graph, settings, logs),
            *(training.epochs, training.learning_rate),
        )
        given = given_calibration(settings.training)
        result = calibrate(network, labels, data.validation, validation, given)
        write(
            output,
            network=network,
            labels=labels,
            settings=settings,
            calibrated=result.calibrated,
            tables_path=inputs.tables,
            metrics={"validation": result.metrics} if result.metrics else {},
            phase=phase("train", learned, history, started),
            trained=learned.data,
            validated=validation.data if validation else None,
            logs=None if log_dir else logs,
            rehearsal_clips=rehearsal.choose_clips(data.train.select(data.synthetic), data.landmarks),
        )
    return result.metrics


def label_splits(
    inputs: TrainingInputs, data: TrainingData, labels: tuple[str, ...], training: config.TrainingConfig
) -> tuple[LabelledSplit, LabelledSplit | None]:
    """The windows of known classes to learn from, and those to validate on (None: none).

    Raises:
      UserError: where no class that is learned has a window in the validation split.
    """
    learned = training_data.labelled(data.train, labels, data.synthetic)
    if training.standing_still_as_none:
        learned = training_data.standing_still_as_none(learned, labels, data.landmarks)
    if data.validation is None:
        return learned, None
    _warn_of_classes(training_data.classes(data.train), training_data.classes(data.validation))
    validation = training_data.labelled(data.validation, labels)
    if not len(validation):
        raise UserError(
            f"{inputs.tables}: no class of the train split has a window in the validation split; expected the same "
            "classes in both. Set the split column of labels.csv."
        )
    return learned, validation


def _warn_of_classes(train: tuple[str, ...], validation: tuple[str, ...]) -> None:
    def warn(names: set[str], what: str) -> None:
        if names:
            print(f"warning: {', '.join(sorted(names))}: {what}", file=sys.stderr)

    warn(set(validation) - set(train), "in the validation split and not in the train split; left out.")
    warn(set(train) - set(validation), "not in the validation split; early stopping does not see these classes.")


def describe(
    network: keras.Model,
    settings: config.Config,
    learned: LabelledSplit,
    validation: LabelledSplit | None,
    num_classes: int,
) -> None:
    """Says on standard error what will be trained on."""
    held_out = "none to validate on"
    if validation:
        held_out = f"{len(validation)} of {len(validation.data.groups())} to validate on"
    print(
        f"{len(learned)} windows of {len(learned.data.groups())} groups to train on, {held_out}; "
        f"{num_classes} classes; network {settings.network.name}, {network.count_params():,} parameters.",
        file=sys.stderr,
    )


def fit(
    network: keras.Model,
    learned: LabelledSplit,
    validation: LabelledSplit | None,
    landmarks: np.ndarray,
    graph: str,
    settings: config.Config,
    logs: str,
    epochs: int,
    learning_rate: float,
    keep_start: bool = False,
) -> fitting.FitHistory:
    """Trains a network on augmented windows.

    Args:
      network: from windows to logits.
      learned: windows to learn from.
      validation: windows to stop by; None trains for all the epochs.
      landmarks: of the rows of `learned`, float32, shape (R, 33, 3).
      graph: the transform graph's SavedModel folder.
      settings: the configuration.
      logs: a local folder for TensorBoard's logs.
      epochs: at most.
      learning_rate: at the start.
      keep_start: whether the weights at the start may turn out to be the best ones.
    """
    num_classes, training = network.output_shape[-1], settings.training
    augmenter = fitting.augmenter(graph, learned.data, landmarks, settings.augmentation)
    batches = Batches(
        learned.data,
        learned.truth,
        num_classes,
        training,
        settings.seed,
        augmenter,
        settings.augmentation.mixup,
        learned.synthetic,
    )
    stop_by = None
    if validation is not None:
        stop_by = fitting.Validation(validation_batches(validation, num_classes, settings), keep_start)
    shown = (keras.callbacks.TensorBoard(logs, write_graph=False), Progress(epochs))
    return fitting.fit(network, batches, training, epochs, learning_rate, stop_by, shown)


def validation_batches(validation: LabelledSplit, num_classes: int, settings: config.Config) -> Batches:
    """All windows, unweighted, not augmented, without label smoothing: for the figure that is reported, too."""
    every_window = dataclasses.replace(settings.training, class_weights=False, max_windows_per_clip=0, batch_size=256)
    return Batches(validation.data, validation.truth, num_classes, every_window, settings.seed)


def given_calibration(training: config.TrainingConfig) -> calibration.Calibration:
    """What the configuration says; 0 stands for what the validation split says."""
    return calibration.Calibration(training.temperature, training.known_threshold)


def calibrate(
    network: keras.Model,
    labels: tuple[str, ...],
    data: dataset.Windows | None,
    validation: LabelledSplit | None,
    given: calibration.Calibration,
) -> Validated:
    """Takes the calibration that suits the validation split, where it is not given, and scores the network there.

    Args:
      network: from windows to logits.
      labels: its classes.
      data: all windows of the validation split; None where there is none.
      validation: those of known classes.
      given: to use; a 0 in it is taken from the validation split, where there is one (else it changes nothing).
    """
    temperature, threshold = given.temperature, given.known_threshold
    if data is None or validation is None:
        return Validated(calibration.Calibration(temperature or 1.0, threshold or calibration.NO_THRESHOLD), {})
    logits = fitting.logits(network, data)
    known = logits[data.labels(labels) >= 0]
    temperature = temperature or best_temperature(known, validation)
    threshold = threshold or best_threshold(calibration.Calibration(temperature), known, validation, labels)
    calibrated = calibration.Calibration(temperature, threshold)
    return Validated(calibrated, score(logits, calibrated, data, labels))


def best_temperature(logits: np.ndarray, validation: LabelledSplit) -> float:
    """What divides the logits so that the validation split's probabilities fit best; every clip counts the same."""
    best = fit_temperature(logits, validation.truth, _clip_weights(validation))
    # Where nearly every window is right, the best fit would make all answers certain; a few clips cannot say that much.
    return max(best, _LOWEST_TEMPERATURE)


def _clip_weights(validation: LabelledSplit) -> np.ndarray:
    return np.asarray(1 / np.bincount(validation.data.clip)[validation.data.clip])


def best_threshold(
    calibrated: calibration.Calibration, logits: np.ndarray, validation: LabelledSplit, labels: tuple[str, ...]
) -> float:
    """From where on an exercise is a known one, by the validation split's people; every clip counts the same."""
    known = calibration.known_probability(calibrated.probabilities(logits, labels), labels)
    is_exercise = np.array([label != NO_EXERCISE for label in labels])[validation.truth]
    return calibration.known_threshold(known, is_exercise, _clip_weights(validation))


def score(
    logits: np.ndarray, calibrated: calibration.Calibration, data: dataset.Windows, labels: tuple[str, ...]
) -> dict[str, Any]:
    """The metrics of windows and clips, from logits of all windows of `data`, shape (N, C)."""
    return predictions.predictions_of(data, calibrated.probabilities(logits, labels), labels).compute_metrics()


def phase(name: str, learned: LabelledSplit, history: fitting.FitHistory, started: float) -> dict[str, Any]:
    """The entry of bundle.json about one fit; `started` is of time.monotonic."""
    return {
        "phase": name,
        "num_windows": len(learned),
        "num_clips": len(np.unique(learned.data.clip)),
        "num_groups": len(learned.data.groups()),
        "minutes": round((time.monotonic() - started) / 60, 2),
        "best_epoch": history.best_epoch,
        "curves": history.curves,
    }


@contextlib.contextmanager
def log_folder(log_dir: str | None) -> Iterator[str]:
    """A folder for TensorBoard's logs: the user's, which stays, or one that goes."""
    if log_dir:
        os.makedirs(log_dir, exist_ok=True)
        yield log_dir
    else:
        with tempfile.TemporaryDirectory() as scratch:
            yield scratch


def write(
    output: str,
    *,
    network: keras.Model,
    labels: tuple[str, ...],
    settings: config.Config,
    calibrated: calibration.Calibration,
    tables_path: str,
    metrics: Mapping[str, Any],
    phase: Mapping[str, Any],
    trained: dataset.Windows,
    validated: dataset.Windows | None,
    logs: str | None,
    before: Mapping[str, Any] | None = None,
    rehearsal_clips: Sequence[rehearsal.RehearsalClip] = (),
    holds: Sequence[str] = (),
) -> None:
    """Writes the bundle of a network, with where it is from.

    Args:
      output: the bundle's folder.
      network: from windows to logits.
      labels: its classes, in order.
      settings: the configuration.
      calibrated: what is done to the logits.
      tables_path: whose transform graph and fingerprint it has.
      metrics: how well it did.
      phase: how it was fitted, as `phase` says.
      trained: windows that it learned from.
      validated: windows that it was stopped, calibrated or scored by; None where there were none.
      logs: a folder of TensorBoard's logs to keep in the bundle; None keeps none.
      before: bundle.json of the bundle that it was fine-tuned from; None where the network was new.
      rehearsal_clips: of synthetic athletes, to keep in the bundle for fine-tuning.
      holds: classes without movement, beside those that are known by name (see model/holds.py).
    """
    before = before or {"phases": [], "trained_groups": [], "validation_groups": []}
    bundle.write(
        output,
        network=network,
        labels=labels,
        calibrated=calibrated,
        rule=settings.window,
        fingerprint=dataset.fingerprint(tables_path),
        transform_fn=transform_graph.find_beside_tables(tables_path),
        extra={
            "holds": sorted({*hold_rule.holds_of(labels), *holds}),
            "network": settings.network.name,
            "num_parameters": network.count_params(),
            "config": config.to_dict(settings),
            # Of groups that early stopping and the temperature have seen, so that they flatter: `evaluate` reports on
            # groups that nothing has seen.
            "metrics": dict(metrics),
            "phases": [*before["phases"], dict(phase)],
            "trained_groups": _hashes(before["trained_groups"], trained),
            "validation_groups": _hashes(before["validation_groups"], validated),
        },
        logs=logs,
        rehearsal_clips=rehearsal_clips,
    )


def _hashes(before: Iterable[str], data: dataset.Windows | None) -> list[str]:
    return sorted({*before, *(predictions.group_hash(group) for group in (data.groups() if data else ()))})
