"""Tables to a bundle: training; and what fine-tuning does in the same way."""

import dataclasses
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from beam_jobs import storage, tables
from beam_jobs.errors import UserError
from model import augmentation, bundle, config, dataset, end_to_end, networks, standing_still, transform_graph
from model.batches import Batches
from model.callbacks import Checkpoint, Progress
from model.evaluation import metrics, predictions

# The surest that a validation split may make a network.
_LOWEST_TEMPERATURE = 0.5


@dataclasses.dataclass(frozen=True)
class _Split:
    """Windows with known classes of one split; which of them are of further tables."""

    data: dataset.Windows
    truth: np.ndarray
    further: np.ndarray | None = None


def _labelled(data: dataset.Windows, labels: tuple[str, ...], further: np.ndarray | None = None) -> _Split:
    truth = data.labels(labels)
    known = truth >= 0
    return _Split(data.select(known), truth[known], None if further is None else further[known])


def _resting_as_none(train: _Split, labels: tuple[str, ...], landmarks: np.ndarray) -> _Split:
    """Teaches rests in real clips as `none`; what further tables show was drawn, and is what they say."""
    truth = standing_still.as_none(train.truth, labels, landmarks, train.data.positions)
    return dataclasses.replace(
        train, truth=truth if train.further is None else np.where(train.further, train.truth, truth)
    )


def classes(data: dataset.Windows) -> tuple[str, ...]:
    """The labels of the clips that have a window, sorted."""
    with_window = np.unique(data.clip)
    return tuple(sorted({label for index in with_window if (label := data.clips[index].label) is not None}))


@dataclasses.dataclass(frozen=True)
class Material:
    """What there is to learn from.

    Attributes:
      train: windows to learn from.
      landmarks: of its rows, float32, shape (1 + R, 33, 3).
      validation: windows to stop by; None where everything is learned from.
      further: which windows of `train` are of further tables, bool, shape (N,); None: none is.
    """

    train: dataset.Windows
    landmarks: np.ndarray
    validation: dataset.Windows | None
    further: np.ndarray | None = None


def read(
    tables_path: str,
    settings: config.Config,
    also: Sequence[str] = (),
    everything: bool = False,
    people: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
) -> Material:
    """The windows to train on and to stop by.

    Args:
      tables_path: feature tables; their train and validation splits.
      settings: its `window` cuts windows.
      also: further feature tables, made by the same transform graph; all of their clips are trained on, as further
        ones (`training.further_share`).
      everything: train on every clip of `tables_path`, whatever its split.
      people: likewise, but their clips count as those of `tables_path`.
      rename: labels that are to have other names.

    Raises:
      UserError: where a split is empty, or further tables were made by another transform graph or have groups of the
        validation split.
    """

    def load(path: str, splits: Sequence[str] | None) -> dataset.Windows:
        return dataset.renamed(dataset.load(path, splits, settings.window), rename or {})

    if everything:
        train, validation = load(tables_path, None), None
        _check_labelled(tables_path, "whole", train, settings)
    else:
        if lost := dataset.without_split(tables_path):
            print(
                f"warning: {len(lost)} videos are in none of the splits {', '.join(tables.SPLITS)} (such as "
                f"'{lost[0]}'): not used. Set the split column of labels.csv.",
                file=sys.stderr,
            )
        train, validation = (load(tables_path, [split]) for split in ("train", "validation"))
        _check_labelled(tables_path, "train split", train, settings)
        _check_labelled(tables_path, "validation split", validation, settings)
    parts, landmarks = [train], [dataset.load_landmarks(tables_path, train)]
    ours = transform_graph.sha256(transform_graph.find_beside_tables(tables_path))
    for flag, path in (*(("--people", path) for path in people), *(("--also", path) for path in also)):
        theirs = transform_graph.sha256(transform_graph.find_beside_tables(path))
        if theirs != ours:
            raise UserError(
                f"{flag} {path} was made by another transform graph (sha256 {theirs[:12]}…) than {tables_path} "
                f"({ours[:12]}…). Make it with that one: python -m beam_jobs features --input LANDMARKS --output "
                f"{path} --transform_fn {tables_path}"
            )
        parts.append(load(path, None))
        _check_labelled(path, "whole", parts[-1], settings)
        if shared := sorted(validation.groups() & parts[-1].groups() if validation is not None else ()):
            raise UserError(
                f"{flag} {path} has {len(shared)} groups of the validation split of {tables_path} (such as "
                f"'{shared[0]}'); expected other people: the same ones would be trained on and stopped by."
            )
        landmarks.append(dataset.load_landmarks(path, parts[-1]))
    further = np.repeat(np.arange(len(parts)) > len(people), [len(part) for part in parts])
    return Material(dataset.joined(parts), dataset.joined_rows(landmarks), validation, further)


def _check_labelled(tables_path: str, what: str, data: dataset.Windows, settings: config.Config) -> None:
    if not classes(data):
        num_rows = sum(clip.num_rows for clip in data.clips)
        raise UserError(
            f"{tables_path}: the {what} has no window with a label ({len(data.clips)} clips, {num_rows} rows); "
            f"expected some{': training needs the splits train and validation' if 'split' in what else ''}. A clip "
            f"needs {settings.window.min_detected} rows with a person. Give more videos, or set the split column of "
            "labels.csv."
        )
    _warn_of_clips(what, data)


def _warn_of_clips(what: str, data: dataset.Windows) -> None:
    unlabelled = sum(clip.label is None for clip in data.clips)
    short = len(dataset.without_window(data))
    if unlabelled:
        print(f"warning: {unlabelled} clips of the {what} have no label: not used.", file=sys.stderr)
    if short:
        print(f"warning: {short} clips of the {what} have too few rows with a person: not used.", file=sys.stderr)


def _warn_of_classes(labels: tuple[str, ...], train: tuple[str, ...], validation: tuple[str, ...]) -> None:
    def warn(names: set[str], what: str) -> None:
        if names:
            print(f"warning: {', '.join(sorted(names))}: {what}", file=sys.stderr)

    warn(set(validation) - set(labels), "in the validation split and not in the train split; left out.")
    warn(set(train) - set(validation), "not in the validation split; early stopping does not see these classes.")
    warn(set(labels) - set(train), "known to the bundle and not in these tables; may be forgotten.")


def seed_everything(seed: int) -> None:
    """Makes what follows the same every time."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def compiled(network: keras.Model, training: config.TrainingConfig, learning_rate: float, steps: int) -> keras.Model:
    """A model of the network's layers, to be fitted in `steps` steps from a learning rate, by `training.schedule`.

    Not the network itself, whose saved weights would hold the optimizer's, too. Members of an ensemble are fitted each
    by itself, on the same windows; figures are of their mean.
    """
    falling = keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.01)
    # No more of the start in the average than of an average over a tenth of the steps.
    momentum = min(training.ema_momentum, max(0.0, 1 - 10 / steps))
    members = networks.members(network) or [network]
    stacked = keras.ops.stack([member(network.inputs[0]) for member in members], axis=1)

    def loss(truth, logits):
        smoothing = training.label_smoothing
        return sum(
            keras.losses.categorical_crossentropy(truth, logits[:, number], from_logits=True, label_smoothing=smoothing)
            for number in range(len(members))
        )

    def nll(truth, logits):
        return keras.losses.categorical_crossentropy(truth, keras.ops.mean(logits, axis=1), from_logits=True)

    def accuracy(truth, logits):
        return keras.metrics.categorical_accuracy(truth, keras.ops.mean(logits, axis=1))

    model = keras.Model(network.inputs, stacked)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            falling if training.schedule == "cosine" else learning_rate,
            weight_decay=training.weight_decay,
            # Of each variable's gradient, so that one member's do not shorten another's.
            clipnorm=1.0,
            use_ema=bool(training.ema_momentum),
            ema_momentum=momentum,
        ),
        loss=loss,
        metrics=[keras.metrics.MeanMetricWrapper(figure, name=figure.__name__) for figure in (accuracy, nll)],
        # XLA takes longer to compile these than they take to train on a CPU, and then runs them slower.
        jit_compile=False,
    )
    return model


def _fit(
    network: keras.Model,
    train: _Split,
    validation: _Split | None,
    num_classes: int,
    settings: config.Config,
    epochs: int,
    learning_rate: float,
    log_dir: str,
    keep_start: bool,
    augmenter: augmentation.Augmenter,
) -> tuple[dict[str, list[float | None]], int]:
    """Trains, and leaves the network with the weights of the best validation loss, or those after the last epoch.

    Args:
      network: from windows to logits.
      train: windows to learn from.
      validation: windows to stop by; None trains for all the epochs.
      num_classes: C.
      settings: the configuration.
      epochs: of this phase, at most.
      learning_rate: of this phase, at the start.
      log_dir: for TensorBoard's logs.
      keep_start: whether the weights at the start count as a candidate for the best ones.
      augmenter: of the windows of `train`.

    Returns:
      The learning curves: a list of figures an epoch, None where one was not a number; and the best epoch, counted
      from 1, or 0 where the weights at the start were.
    """
    training, mixup = settings.training, settings.augmentation.mixup
    batches = Batches(train.data, train.truth, num_classes, training, settings.seed, augmenter, mixup, train.further)
    model = compiled(network, training, learning_rate, epochs * len(batches))
    # Averaged weights are judged and kept: swapped in before the callbacks that follow look.
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if training.ema_momentum else []
    always = [*averaging, keras.callbacks.TensorBoard(log_dir, write_graph=False), Progress(epochs)]
    if validation is None:
        history = model.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=always).history
        return _curves(history), epochs
    # Validation is on all windows, unweighted, and without label smoothing: the figure that is reported, too.
    everything = dataclasses.replace(training, class_weights=False, max_windows_per_clip=0, batch_size=256)
    held_out = Batches(validation.data, validation.truth, num_classes, everything, settings.seed)
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "best.weights.h5")
        to_beat = math.inf
        if keep_start:
            to_beat = model.evaluate(held_out, verbose=0, return_dict=True)["nll"]
            network.save_weights(weights)
        checkpoint = Checkpoint(network, weights, to_beat)
        stopping = keras.callbacks.EarlyStopping("val_nll", patience=training.patience, mode="min")
        history = model.fit(
            batches,
            validation_data=held_out,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[*always, stopping, checkpoint],
        ).history
        if not os.path.exists(weights):
            raise UserError(
                "the validation loss was never a number; expected the network to learn. Lower training.learning_rate "
                "in --config."
            )
        network.load_weights(weights)
    best = checkpoint.best_epoch
    kept = f"epoch {best} was the best" if best else "no epoch was better than the start, which was kept"
    print(f"stopped after {len(history['val_nll'])} of at most {epochs} epochs; {kept}.", file=sys.stderr)
    return _curves(history), best


def _curves(history: dict[str, list[float]]) -> dict[str, list[float | None]]:
    # JSON has no NaN.
    return {
        name: [float(value) if math.isfinite(value) else None for value in values] for name, values in history.items()
    }


def _augmenter(
    tables_path: str, data: dataset.Windows, landmarks: np.ndarray, settings: config.AugmentationConfig
) -> augmentation.Augmenter:
    """Makes training's windows from their landmarks, by the tables' own transform graph."""
    with storage.local_folder_copy(transform_graph.find_beside_tables(tables_path)) as folder:
        graph = tf.saved_model.load(folder)

    # The closure keeps the loaded graph, whose constants live as long as it does.
    def featurize(rows, times):
        return end_to_end.window_features(rows, times, lambda inputs: graph.transform_fn(inputs))

    return augmentation.Augmenter(data, landmarks, featurize, settings)


def _logits(network: keras.Model, data: dataset.Windows) -> np.ndarray:
    parts = [network.predict_on_batch(data.features(slice(start, start + 256))) for start in range(0, len(data), 256)]
    return np.concatenate(parts)


def _temperature(logits: np.ndarray, validation: _Split) -> float:
    """What divides the logits so that the validation split's probabilities fit best; every clip counts the same."""
    known = validation.data.clip
    found = metrics.temperature(logits, validation.truth, 1 / np.bincount(known)[known])
    # Where nearly every window is right, the best fit would make all answers certain; a few clips cannot say that much.
    return max(found, _LOWEST_TEMPERATURE)


def make(
    tables_path: str,
    output: str,
    network: keras.Model,
    labels: tuple[str, ...],
    settings: config.Config,
    log_dir: str | None,
    data: Material,
    before: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Trains a network and writes its bundle.

    Args:
      tables_path: where `data` is from.
      output: the bundle's folder.
      network: from windows to logits.
      labels: its classes, in order.
      settings: the configuration.
      log_dir: for TensorBoard's logs; None keeps them in the bundle.
      data: what to learn from.
      before: bundle.json of the bundle that it is fine-tuned from; None where the network is new.

    Returns:
      The figures of the validation split; none where everything is learned from.
    """
    train = _labelled(data.train, labels, data.further)
    if settings.training.rests_as_none:
        train = _resting_as_none(train, labels, data.landmarks)
    validation = None if data.validation is None else _labelled(data.validation, labels)
    if data.validation is not None:
        _warn_of_classes(labels, classes(data.train), classes(data.validation))
    if validation is not None and not len(validation.data):
        raise UserError(
            f"{tables_path}: no class of the train split has a window in the validation split; expected the same "
            "classes in both. Set the split column of labels.csv."
        )
    stopping = (
        f"{len(validation.data)} of {len(validation.data.groups())} to stop by" if validation else "none to stop by"
    )
    print(
        f"{len(train.data)} windows of {len(train.data.groups())} groups to train on, {stopping}; "
        f"{len(labels)} classes; network {settings.network.name}, "
        f"{network.count_params():,} parameters.",
        file=sys.stderr,
    )
    tuning = before is not None
    augmenter = _augmenter(tables_path, train.data, data.landmarks, settings.augmentation)
    training = settings.training
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        logs = log_dir or scratch
        os.makedirs(logs, exist_ok=True)
        curves, best_epoch = _fit(
            network,
            train,
            validation,
            len(labels),
            settings,
            epochs=training.finetune_epochs if tuning else training.epochs,
            learning_rate=training.finetune_learning_rate if tuning else training.learning_rate,
            log_dir=logs,
            # With outputs that are new the start is no candidate: it knows nothing of their classes.
            keep_start=before is not None and list(labels) == before["labels"],
            augmenter=augmenter,
        )
        minutes = (time.monotonic() - started) / 60
        temperature, figures = settings.training.temperature or 1.0, {}
        if data.validation is not None and validation is not None:
            logits = _logits(network, data.validation)
            if best_epoch == 0 and before is not None:
                # The weights are as they were: so are the probabilities.
                temperature = before.get("temperature", 1.0)
            elif not settings.training.temperature:
                temperature = _temperature(logits[data.validation.labels(labels) >= 0], validation)
            probabilities = keras.ops.convert_to_numpy(keras.ops.softmax(logits / temperature))
            figures = predictions.predictions_of(data.validation, probabilities, labels).figures()
        phase = {
            "phase": "finetune" if tuning else "train",
            "num_windows": len(train.data),
            "num_clips": len(np.unique(train.data.clip)),
            "num_groups": len(train.data.groups()),
            "minutes": round(minutes, 2),
            "best_epoch": best_epoch,
            "curves": curves,
        }
        before = before or {"phases": [], "trained_groups": [], "validation_groups": []}
        bundle.write(
            output,
            network=network,
            labels=labels,
            temperature=temperature,
            rule=settings.window,
            fingerprint=dataset.fingerprint(tables_path),
            transform_fn=transform_graph.find_beside_tables(tables_path),
            extra={
                "network": settings.network.name,
                "num_parameters": network.count_params(),
                "config": config.to_dict(settings),
                # Of the split that early stopping and the temperature have seen, so that they flatter: `evaluate` tells
                # of groups that nothing has seen.
                "metrics": {"validation": figures} if figures else {},
                "phases": [*before["phases"], phase],
                "trained_groups": _hashes(before["trained_groups"], train.data),
                "validation_groups": _hashes(before["validation_groups"], validation.data if validation else None),
            },
            logs=None if log_dir else scratch,
        )
    return figures


def _hashes(before: Iterable[str], data: dataset.Windows | None) -> list[str]:
    return sorted({*before, *(predictions.group_hash(group) for group in (data.groups() if data else ()))})


def train(
    tables_path: str,
    output: str,
    settings: config.Config,
    log_dir: str | None = None,
    also: Sequence[str] = (),
    everything: bool = False,
    people: Sequence[str] = (),
    rename: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Trains a network on the train split and writes a bundle.

    Args:
      tables_path: the output of `python -m beam_jobs features`, local or gs://.
      output: the bundle's folder, local or gs://.
      settings: the configuration.
      log_dir: where TensorBoard's logs go while it trains; by default they are in the bundle when it is done.
      also: further tables to train on; see `read`.
      everything: train on every clip, for all the epochs: the last bundle, when the figures are known by others.
      people: further tables, too; see `read`.
      rename: labels that are to have other names.

    Returns:
      The figures of the validation split; none with `everything`.

    Raises:
      UserError: if a split is empty, or there is one class alone.
    """
    transform_graph.find_beside_tables(tables_path)
    if everything and not settings.training.temperature:
        print(
            "warning: with every clip trained on, none is left to take a temperature from: probabilities stay the "
            "network's own. Set training.temperature in --config to one that other groups gave.",
            file=sys.stderr,
        )
    data = read(tables_path, settings, also, everything, people, rename)
    labels = classes(data.train)
    if len(labels) < 2:
        raise UserError(
            f"{tables_path}: what is trained on has the one class '{labels[0]}'; expected two or more to tell apart. "
            "Give videos of other exercises, too."
        )
    seed_everything(settings.seed)
    network = networks.build(settings.network, len(labels))
    return make(tables_path, output, network, labels, settings, log_dir, data)
