"""The one training loop: `train`, `finetune` and `benchmark` fit their networks here."""

import dataclasses
import math
import os
import sys
import tempfile

import keras
import numpy as np
import tensorflow as tf

from beam_jobs import saved_model, storage
from beam_jobs.errors import UserError
from model import augmentation, config, dataset, end_to_end, networks
from model.batches import Batches
from model.callbacks import Checkpoint


@dataclasses.dataclass(frozen=True)
class Validation:
    """How training is stopped by windows that it does not learn from.

    Attributes:
      batches: the windows, not augmented, not weighted.
      keep_start: whether the weights at the start may turn out to be the best ones.
    """

    batches: Batches
    keep_start: bool = False


@dataclasses.dataclass(frozen=True)
class FitHistory:
    """How a fit went.

    Attributes:
      curves: each metric's value after each epoch; None where it was not a number.
      best_epoch: whose weights the network has, counted from 1; 0 where the weights at the start were better.
      num_steps: how many batches it learned from.
    """

    curves: dict[str, list[float | None]]
    best_epoch: int
    num_steps: int


def seed_everything(seed: int) -> None:
    """Makes what follows the same every time."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def compile_for_training(
    network: keras.Model, training: config.TrainingConfig, learning_rate: float, num_steps: int
) -> keras.Model:
    """A model of the network's layers, to be fitted in `num_steps` steps from a learning rate, by `training.schedule`.

    Not the network itself, whose saved weights would hold the optimizer's, too. Members of an ensemble are fitted each
    by itself, on the same windows; metrics are of their mean.
    """
    falling = keras.optimizers.schedules.CosineDecay(learning_rate, num_steps, alpha=0.01)
    # No more of the start in the average than of an average over a tenth of the steps.
    momentum = min(training.ema_momentum, max(0.0, 1 - 10 / num_steps))
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


def fit(
    network: keras.Model,
    batches: keras.utils.PyDataset,
    training: config.TrainingConfig,
    epochs: int,
    learning_rate: float,
    validation: Validation | None = None,
    callbacks: tuple[keras.callbacks.Callback, ...] = (),
) -> FitHistory:
    """Trains, and leaves the network with the weights of the best validation loss, or those after the last epoch.

    Args:
      network: from windows to logits.
      batches: to learn from, inputs and one-hot truth, maybe with weights.
      training: how.
      epochs: at most.
      learning_rate: at the start.
      validation: when to stop; None trains for all the epochs.
      callbacks: more of them, called after averaged weights are in the network.

    Raises:
      UserError: where the validation loss never was a number.
    """
    model = compile_for_training(network, training, learning_rate, epochs * len(batches))
    # Averaged weights are validated and kept: they are in the network before the other callbacks look.
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if training.ema_momentum else []
    callbacks = (*averaging, *callbacks)
    if validation is None:
        history = model.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[*callbacks]).history
        return FitHistory(_curves(history), epochs, epochs * len(batches))
    with tempfile.TemporaryDirectory() as folder:
        weights = os.path.join(folder, "best.weights.h5")
        to_beat = math.inf
        if validation.keep_start:
            to_beat = model.evaluate(validation.batches, verbose=0, return_dict=True)["nll"]
            network.save_weights(weights)
        checkpoint = Checkpoint(network, weights, to_beat)
        stopping = keras.callbacks.EarlyStopping("val_nll", patience=training.patience, mode="min")
        history = model.fit(
            batches,
            validation_data=validation.batches,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[*callbacks, stopping, checkpoint],
        ).history
        if not os.path.exists(weights):
            raise UserError(
                "the validation loss was never a number; expected the network to learn. Lower training.learning_rate "
                "in --config."
            )
        network.load_weights(weights)
    best, num_epochs = checkpoint.best_epoch, len(history["val_nll"])
    kept = f"epoch {best} was the best" if best else "no epoch was better than the start, which was kept"
    print(f"stopped after {num_epochs} of at most {epochs} epochs; {kept}.", file=sys.stderr)
    return FitHistory(_curves(history), best, num_epochs * len(batches))


def _curves(history: dict[str, list[float]]) -> dict[str, list[float | None]]:
    # JSON has no NaN.
    return {
        name: [float(value) if math.isfinite(value) else None for value in values] for name, values in history.items()
    }


def augmenter(
    graph_path: str, data: dataset.Windows, landmarks: np.ndarray, settings: config.AugmentationConfig
) -> augmentation.Augmenter:
    """Makes training's windows from their landmarks, by a transform graph in a SavedModel folder, local or gs://."""
    with storage.local_folder_copy(graph_path) as folder:
        graph = saved_model.load(folder)

    # The closure keeps the loaded graph, whose constants live as long as it does.
    def featurize(rows, times):
        return end_to_end.window_features(rows, times, lambda inputs: graph.transform_fn(inputs))

    return augmentation.Augmenter(data, landmarks, featurize, settings)


def logits(network: keras.Model, data: dataset.Windows) -> np.ndarray:
    """A network's logits of all windows, float32, shape (N, C)."""
    # Called, not `predict_on_batch`, which takes seconds to compile each network that it meets.
    batches = (data.features(slice(start, start + 256)) for start in range(0, len(data), 256))
    parts = [keras.ops.convert_to_numpy(network(batch, training=False)) for batch in batches]
    return np.concatenate(parts) if parts else np.zeros((0, network.output_shape[-1]), np.float32)
