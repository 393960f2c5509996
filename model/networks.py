"""Networks from windows (B, 34, 189) to logits (B, C), behind one interface."""

from collections.abc import Callable

import keras
import tcn
from keras import layers

from beam_jobs import tables
from model.config import WINDOW_LENGTH, AugmentationConfig, NetworkConfig

# The last layer's name: fine-tuning gives it more columns when there are new classes.
HEAD = "logits"


def _input() -> keras.KerasTensor:
    return keras.Input((WINDOW_LENGTH, tables.NUM_FEATURES), name="windows")


def seed_tcn(config: NetworkConfig, num_classes: int) -> keras.Model:
    """The notebook project's network: a TCN over the window, its last step, a hidden layer, the classes.

    With the default configuration 298,688, 8,320 and, for 8 classes, 1,032 parameters. Rows that are missing are zeros
    (keras-tcn drops masks).
    """
    windows = _input()
    last = tcn.TCN(
        nb_filters=config.filters,
        kernel_size=config.kernel_size,
        dilations=config.dilations,
        nb_stacks=1,
        dropout_rate=config.block_dropout,
        return_sequences=False,
        name="tcn",
    )(windows)
    hidden = layers.Dense(config.dense_units, activation="relu", name="hidden")(layers.Dropout(config.dropout)(last))
    logits = layers.Dense(num_classes, name=HEAD)(layers.Dropout(config.dropout)(hidden))
    return keras.Model(windows, logits, name="tcn")


@keras.saving.register_keras_serializable(package="exercise")
class ValidRows(layers.Layer):
    """1 where a row of a window is there and 0 where it is missing (zeros), shape (B, T, 1)."""

    def call(self, windows):
        """Says which rows are there."""
        return keras.ops.cast(keras.ops.any(keras.ops.not_equal(windows, 0), axis=-1, keepdims=True), windows.dtype)


def conv(config: NetworkConfig, num_classes: int) -> keras.Model:
    """A residual convolution network with layer normalisation, that averages over the rows that are there.

    Blocks are of depth-wise separable convolutions with a window of `kernel_size` rows and the first three dilations.
    """
    windows = _input()
    valid = ValidRows(name="valid")(windows)
    x = layers.Dense(config.filters, name="embed")(layers.Dropout(config.block_dropout)(windows))
    for dilation in config.dilations[:3]:
        shortcut = x
        x = layers.LayerNormalization()(x) * valid
        x = layers.SeparableConv1D(
            config.filters, config.kernel_size, padding="same", dilation_rate=dilation, depth_multiplier=2
        )(x)
        x = layers.SpatialDropout1D(config.block_dropout)(layers.Activation("gelu")(x))
        x = shortcut + layers.Dense(config.filters)(x)
    x = layers.LayerNormalization()(x) * valid
    pooled = keras.ops.sum(x, axis=1) / keras.ops.maximum(keras.ops.sum(valid, axis=1), 1.0)
    hidden = layers.Dense(config.dense_units, activation="gelu", name="hidden")(layers.Dropout(config.dropout)(pooled))
    logits = layers.Dense(num_classes, name=HEAD)(layers.Dropout(config.dropout)(hidden))
    return keras.Model(windows, logits, name="conv")


NETWORKS: dict[str, Callable[[NetworkConfig, int], keras.Model]] = {"tcn": seed_tcn, "conv": conv}


def build(config: NetworkConfig, num_classes: int) -> keras.Model:
    """The network of a configuration."""
    return NETWORKS[config.name](config, num_classes)


@keras.saving.register_keras_serializable(package="exercise")
class Augmentation(layers.Layer):
    """Drops rows of windows (to zeros) and adds noise, in training alone; see AugmentationConfig."""

    def __init__(self, config: AugmentationConfig, seed: int, **kwargs) -> None:
        """Makes the layer with a random state of its own."""
        super().__init__(**kwargs)
        self.augmentation = config
        self.random = keras.random.SeedGenerator(seed)

    def call(self, windows, training=False):
        """The windows as they are, or, in training, augmented."""
        if not training:
            return windows
        ops, random, config = keras.ops, keras.random, self.augmentation
        num, length = ops.shape(windows)[0], windows.shape[1]
        row = ops.arange(length)[None, :]
        share = random.uniform((num, 1), 0, config.max_drop_share, seed=self.random)
        kept = random.uniform((num, length), seed=self.random) >= share
        lead = ops.floor(random.uniform((num, 1), 0, config.max_lead_rows + 1, seed=self.random))
        leads = random.uniform((num, 1), seed=self.random) < config.lead_probability
        kept = ops.logical_and(kept, ops.cast(row, "float32") >= ops.where(leads, lead, 0.0))
        # The last row stays, and a row that is missing stays missing: noise must not show up in it.
        kept = ops.logical_or(kept, row == length - 1)
        kept = ops.logical_and(kept, ops.any(ops.not_equal(windows, 0), axis=-1))
        noisy = windows + config.noise * random.normal(ops.shape(windows), seed=self.random)
        return ops.where(kept[:, :, None], noisy, 0.0)
