"""Tables to a bundle: train, and fine-tune from a bundle."""

import dataclasses
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from beam_jobs import storage
from beam_jobs.errors import UserError
from model import bundle, config, dataset, evaluate, networks
from model.batches import Batches
from model.callbacks import Checkpoint, Progress

_CHECKPOINT = "best.weights.h5"


@dataclasses.dataclass(frozen=True)
class _Split:
    """Windows with known classes of one split."""

    data: dataset.Windows
    truth: np.ndarray


def _labelled(data: dataset.Windows, classes: Iterable[str]) -> _Split:
    classes = tuple(classes)
    truth = data.labels(classes)
    return _Split(data.select(truth >= 0), truth[truth >= 0])


def _classes(data: dataset.Windows) -> tuple[str, ...]:
    with_window = np.unique(data.clip)
    return tuple(sorted({label for index in with_window if (label := data.clips[index].label) is not None}))


def _read(tables_path: str, settings: config.Config) -> tuple[dataset.Windows, dataset.Windows]:
    """The training and validation windows.

    Raises:
      UserError: where a split is empty.
    """
    found = []
    for split in ("train", "validation"):
        data = dataset.load(tables_path, [split], settings.window)
        if not _classes(data):
            num_rows = sum(clip.num_rows for clip in data.clips)
            raise UserError(
                f"{tables_path}: the {split} split has no window with a label ({len(data.clips)} clips, "
                f"{num_rows} rows); expected some: training needs the splits train and validation. A clip needs "
                f"{settings.window.min_detected} rows with a person. Give more videos, or set the split column of "
                "labels.csv."
            )
        _warn_of_clips(split, data)
        found.append(data)
    return found[0], found[1]


def _warn_of_clips(split: str, data: dataset.Windows) -> None:
    unlabelled = sum(clip.label is None for clip in data.clips)
    short = len(dataset.without_window(data))
    if unlabelled:
        print(f"warning: {unlabelled} clips of the {split} split have no label: not used.", file=sys.stderr)
    if short:
        print(
            f"warning: {short} clips of the {split} split have too few rows with a person: not used.", file=sys.stderr
        )


def _warn_of_classes(labels: tuple[str, ...], train: tuple[str, ...], validation: tuple[str, ...]) -> None:
    def warn(classes: set[str], what: str) -> None:
        if classes:
            print(f"warning: {', '.join(sorted(classes))}: {what}", file=sys.stderr)

    warn(set(validation) - set(labels), "in the validation split and not in the train split; left out.")
    warn(set(train) - set(validation), "not in the validation split; early stopping does not see these classes.")
    warn(set(labels) - set(train), "known to the bundle and not in these tables; may be forgotten.")


def _seed(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def _fit(
    network: keras.Model,
    train: _Split,
    validation: _Split,
    num_classes: int,
    settings: config.Config,
    epochs: int,
    learning_rate: float,
    log_dir: str,
    keep_start: bool,
) -> dict[str, list[float]]:
    """Trains, and leaves the network with the weights of the best validation loss.

    Args:
      network: from windows to logits.
      train: windows to learn from.
      validation: windows to stop by.
      num_classes: C.
      settings: the configuration.
      epochs: of this phase, at most.
      learning_rate: of this phase, at the start.
      log_dir: for TensorBoard's logs and the checkpoint.
      keep_start: whether the weights at the start count as a candidate for the best ones.

    Returns:
      The learning curves: a list of figures an epoch.
    """
    training = settings.training
    batches = Batches(train.data, train.truth, num_classes, training, settings.seed)
    # Validation is on all windows, unweighted, and without label smoothing: the figure that is reported, too.
    everything = dataclasses.replace(training, class_weights=False, max_windows_per_clip=0, batch_size=256)
    held_out = Batches(validation.data, validation.truth, num_classes, everything, settings.seed)
    model = keras.Sequential([networks.Augmentation(settings.augmentation, settings.seed), network])
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * len(batches), alpha=0.01)
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=training.weight_decay, clipnorm=1.0),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=training.label_smoothing),
        metrics=["accuracy", keras.metrics.CategoricalCrossentropy(from_logits=True, name="nll")],
        # XLA takes longer to compile these than they take to train on a CPU, and then runs them slower.
        jit_compile=False,
    )
    checkpoint = os.path.join(log_dir, _CHECKPOINT)
    start = None
    if keep_start:
        start = model.evaluate(held_out, verbose=0, return_dict=True)["nll"]
        network.save_weights(checkpoint)
    history = model.fit(
        batches,
        validation_data=held_out,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping("val_nll", patience=training.patience, mode="min"),
            Checkpoint(network, checkpoint, start),
            keras.callbacks.TensorBoard(log_dir, write_graph=False),
            Progress(epochs),
        ],
    ).history
    if not os.path.exists(checkpoint):
        raise UserError(
            "the validation loss was never a number; expected the network to learn. Lower training.learning_rate "
            "in --config."
        )
    network.load_weights(checkpoint)
    os.remove(checkpoint)
    return {name: [float(value) for value in values] for name, values in history.items()}


def _probabilities(network: keras.Model, data: dataset.Windows) -> np.ndarray:
    logits = [network.predict_on_batch(data.features(slice(start, start + 256))) for start in range(0, len(data), 256)]
    return keras.ops.convert_to_numpy(keras.ops.softmax(np.concatenate(logits)))


def _make(
    tables_path: str,
    output: str,
    network: keras.Model,
    labels: tuple[str, ...],
    settings: config.Config,
    log_dir: str | None,
    extra: dict[str, Any] | None = None,
    data: tuple[dataset.Windows, dataset.Windows] | None = None,
) -> dict[str, Any]:
    """Trains a network and writes its bundle; returns the figures of the validation split.

    `extra` is of the bundle that it is fine-tuned from; None where the network is new.
    """
    train_data, validation_data = data or _read(tables_path, settings)
    train, validation = _labelled(train_data, labels), _labelled(validation_data, labels)
    _warn_of_classes(labels, _classes(train_data), _classes(validation_data))
    if not len(validation.data):
        raise UserError(
            f"{tables_path}: no class of the train split has a window in the validation split; expected the same "
            "classes in both. Set the split column of labels.csv."
        )
    print(
        f"{len(train.data)} windows of {len(train.data.groups())} groups to train on, {len(validation.data)} of "
        f"{len(validation.data.groups())} to stop by; {len(labels)} classes; network {settings.network.name}, "
        f"{network.count_params():,} parameters.",
        file=sys.stderr,
    )
    tuning = extra is not None
    training = settings.training
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        logs = log_dir or scratch
        os.makedirs(logs, exist_ok=True)
        curves = _fit(
            network,
            train,
            validation,
            len(labels),
            settings,
            epochs=training.finetune_epochs if tuning else training.epochs,
            learning_rate=training.finetune_learning_rate if tuning else training.learning_rate,
            log_dir=logs,
            keep_start=tuning,
        )
        minutes = (time.monotonic() - started) / 60
        figures = evaluate.judge(validation_data, _probabilities(network, validation_data), labels).figures()
        phase = {
            "phase": "finetune" if tuning else "train",
            "num_windows": len(train.data),
            "num_clips": len(np.unique(train.data.clip)),
            "num_groups": len(train.data.groups()),
            "minutes": round(minutes, 2),
            "curves": curves,
        }
        before = extra or {"phases": [], "trained_groups": [], "validation_groups": []}
        bundle.write(
            output,
            network=network,
            labels=labels,
            rule=settings.window,
            fingerprint=dataset.fingerprint(tables_path),
            transform_fn=bundle.transform_folder(tables_path),
            extra={
                "network": settings.network.name,
                "num_parameters": network.count_params(),
                "config": config.to_dict(settings),
                # Of the split that early stopping has seen: `evaluate` tells of groups that nothing has seen.
                "metrics": {"validation": figures},
                "phases": [*before["phases"], phase],
                "trained_groups": _hashes(before["trained_groups"], train.data),
                "validation_groups": _hashes(before["validation_groups"], validation.data),
            },
            logs=None if log_dir else scratch,
        )
    return figures


def _hashes(before: Iterable[str], data: dataset.Windows) -> list[str]:
    return sorted({*before, *(evaluate.group_hash(group) for group in data.groups())})


def train(tables_path: str, output: str, settings: config.Config, log_dir: str | None = None) -> dict[str, Any]:
    """Trains a network on the train split and writes a bundle.

    Args:
      tables_path: the output of `python -m beam_jobs features`, local or gs://.
      output: the bundle's folder, local or gs://.
      settings: the configuration.
      log_dir: where TensorBoard's logs go while it trains; by default they are in the bundle when it is done.

    Returns:
      The figures of the validation split.

    Raises:
      UserError: if a split is empty, or there is one class alone.
    """
    bundle.transform_folder(tables_path)
    data = _read(tables_path, settings)
    labels = _classes(data[0])
    if len(labels) < 2:
        raise UserError(
            f"{tables_path}: the train split has the one class '{labels[0]}'; expected two or more to tell apart. "
            "Give videos of other exercises, too."
        )
    _seed(settings.seed)
    network = networks.build(settings.network, len(labels))
    return _make(tables_path, output, network, labels, settings, log_dir, data=data)


def finetune(
    bundle_path: str, tables_path: str, output: str, settings: config.Config, log_dir: str | None = None
) -> dict[str, Any]:
    """Trains a bundle's network further, at a lower rate, on other tables; writes another bundle.

    Classes that the bundle does not know get new outputs, behind the known ones; classes that the tables do not have
    keep theirs. Where no epoch is better on the validation split than the bundle was and no class is new, the weights
    stay as they were.

    Args:
      bundle_path: the bundle to start from, local or gs://.
      tables_path: made with the bundle's transform_fn.
      output: the new bundle's folder.
      settings: the bundle's configuration, changed in what is to differ; its network and window must be the bundle's.
      log_dir: as in `train`.

    Raises:
      UserError: if the tables do not fit the bundle, or a split is empty.
    """
    metadata = bundle.read_metadata(bundle_path)
    bundle.check_tables(metadata, bundle_path, tables_path)
    theirs = config.from_dict(metadata["config"])
    if (settings.network, settings.window) != (theirs.network, theirs.window):
        raise UserError(
            f"--config asks for {settings.network}, {settings.window}; the bundle has {theirs.network}, "
            f"{theirs.window}. Leave `network` and `window` out of it, or train anew."
        )
    data = _read(tables_path, settings)
    known = tuple(metadata["labels"])
    labels = known + tuple(label for label in _classes(data[0]) if label not in known)
    _seed(settings.seed)
    network = networks.build(settings.network, len(known))
    with storage.local_copy(storage.join(bundle_path, bundle.WEIGHTS)) as weights:
        network.load_weights(weights)
    if labels != known:
        network = _with_more_classes(network, settings.network, len(labels))
    return _make(tables_path, output, network, labels, settings, log_dir, extra=metadata, data=data)


def _with_more_classes(network: keras.Model, settings: config.NetworkConfig, num_classes: int) -> keras.Model:
    """The same network with more outputs: what it knew is copied, what is new starts afresh."""
    wider = networks.build(settings, num_classes)
    # By position: the names of nameless layers count on from network to network.
    for layer, old_layer in zip(wider.layers, network.layers, strict=True):
        known = old_layer.get_weights()
        if layer.name == networks.HEAD:
            merged = layer.get_weights()
            for new, old in zip(merged, known, strict=True):
                new[..., : old.shape[-1]] = old
            known = merged
        layer.set_weights(known)
    return wider
