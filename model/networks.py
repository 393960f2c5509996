"""Networks from windows (B, 34, 189) to logits (B, C), behind one interface."""

from collections.abc import Callable

import keras
import numpy as np
import tcn
from keras import layers

from beam_jobs import landmarks, tables
from model.config import WINDOW_LENGTH, NetworkConfig

# The last layer's name: fine-tuning gives it more columns when there are new classes.
OUTPUT_LAYER = "logits"
# The layer before it: fine-tuning to few clips trains these two.
HIDDEN_LAYER = "hidden"


def _input() -> keras.KerasTensor:
    return keras.Input((WINDOW_LENGTH, tables.NUM_FEATURES), name="windows")


def notebook_tcn(config: NetworkConfig, num_classes: int) -> keras.Model:
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
    hidden = layers.Dense(config.dense_units, activation="relu", name=HIDDEN_LAYER)(
        layers.Dropout(config.dropout)(last)
    )
    logits = layers.Dense(num_classes, name=OUTPUT_LAYER)(layers.Dropout(config.dropout)(hidden))
    return keras.Model(windows, logits, name="tcn")


@keras.saving.register_keras_serializable(package="exercise")
class ValidRows(layers.Layer):
    """1 where a row of a window is there and 0 where it is missing (zeros), shape (B, T, 1)."""

    def call(self, windows):
        """Says which rows are there."""
        return keras.ops.cast(keras.ops.any(keras.ops.not_equal(windows, 0), axis=-1, keepdims=True), windows.dtype)


@keras.saving.register_keras_serializable(package="exercise")
def silu(x):
    """The sigmoid linear unit, x * sigmoid(x) (Elfwing et al., 2017).

    TensorFlow's `swish` has a custom gradient: a SavedModel keeps it (a tenth of its size), or TensorFlow warns.
    """
    return x * keras.ops.sigmoid(x)


def _pooled(x, valid, config: NetworkConfig, num_classes: int):
    """Mean and maximum over the rows that are there, a hidden layer, the classes."""
    x = layers.LayerNormalization()(x)
    mean = keras.ops.sum(x * valid, axis=1) / keras.ops.maximum(keras.ops.sum(valid, axis=1), 1.0)
    highest = keras.ops.max(x * valid - 1e3 * (1 - valid), axis=1)
    pooled = layers.Dropout(config.dropout)(layers.Concatenate()([mean, highest]))
    hidden = layers.Dense(config.dense_units, activation=silu, name=HIDDEN_LAYER)(pooled)
    return layers.Dense(num_classes, name=OUTPUT_LAYER)(layers.Dropout(config.dropout)(hidden))


def _embedded_by_two(windows, config: NetworkConfig):
    """All features of each two rows as one, and which of these are there: half the rows, half the time.

    Where one of the two is missing, the other one counts half.
    """
    valid = ValidRows(name="valid")(windows)
    x = layers.Dense(config.filters, name="embed")(layers.Dropout(config.block_dropout)(windows))
    return layers.AveragePooling1D(2)(x * valid), layers.MaxPooling1D(2)(valid)


def _conv_block(x, valid, filters: int, kernel_size: int, dilation: int, dropout: float, skipped: float = 0.0):
    """Normalise, widen, look along time channel by channel, narrow; added to what came in, if it is not skipped."""
    y = layers.LayerNormalization()(x)
    y = layers.Dense(2 * filters, activation=silu)(y) * valid
    y = layers.DepthwiseConv1D(kernel_size, padding="same", dilation_rate=dilation)(y)
    y = layers.SpatialDropout1D(dropout)(layers.Activation(silu)(y))
    y = layers.Dense(filters)(y)
    return x + (layers.Dropout(skipped, noise_shape=(None, 1, 1))(y) if skipped else y)


def conv(config: NetworkConfig, num_classes: int) -> keras.Model:
    """A modern temporal convolutional network: residual depth-wise blocks, layer normalisation, pooling over rows.

    Each two rows are joined, which takes a third less time. With the first three dilations a block sees `kernel_size`
    of these pairs, by default the whole window. Pooling is over the rows that are there, not the last row alone.
    """
    windows = _input()
    x, valid = _embedded_by_two(windows, config)
    for dilation in config.dilations[:3]:
        skipped = config.stochastic_depth
        x = _conv_block(x, valid, config.filters, config.kernel_size, dilation, config.block_dropout, skipped)
    return keras.Model(windows, _pooled(x, valid, config, num_classes), name="conv")


def conv_transformer(config: NetworkConfig, num_classes: int) -> keras.Model:
    """Convolutions for what is near in time, then attention over the whole window.

    Two convolution blocks and a Transformer block, twice: a smaller version of the network that won Google's Isolated
    Sign Language Recognition (hoyso48).
    """
    windows = _input()
    x, valid = _embedded_by_two(windows, config)
    seen = keras.ops.reshape(valid, (-1, 1, WINDOW_LENGTH // 2)) > 0
    for _ in range(2):
        for dilation in config.dilations[:2]:
            x = _conv_block(x, valid, config.filters, config.kernel_size, dilation, config.block_dropout)
        y = layers.LayerNormalization()(x)
        # An attention mask gives missing rows no gradient; its shape (B, 1, T) is for all query rows.
        y = layers.MultiHeadAttention(4, config.filters // 4, dropout=config.block_dropout)(y, y, attention_mask=seen)
        x = x + layers.Dropout(config.block_dropout)(y)
        y = layers.Dense(2 * config.filters, activation=silu)(layers.LayerNormalization()(x))
        x = x + layers.Dropout(config.block_dropout)(layers.Dense(config.filters)(y))
    return keras.Model(windows, _pooled(x, valid, config, num_classes), name="conv_transformer")


# Where the features of a landmark's speed and acceleration begin.
_MOTION_STARTS = tuple(
    tables.FEATURE_NAMES.index(table.column_names[0]) for table in (tables.VELOCITY, tables.ACCELERATION)
)
# The landmarks of the graph network: one or two each for face, hands and feet. All 33 hardly help.
GRAPH_LANDMARKS = (0, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 31, 32)


def skeleton_adjacency() -> np.ndarray:
    """Which of GRAPH_LANDMARKS belong together, float32, shape (3, V, V), each row with sum 1 or 0.

    The landmark itself, the neighbours along the limbs, and the one on the other side.
    """
    edges = {frozenset(edge) for edge in landmarks.CONNECTIONS} | {frozenset((0, 11)), frozenset((0, 12))}
    sides = {frozenset(pair) for pair in landmarks.LEFT_RIGHT_PAIRS}
    num = len(GRAPH_LANDMARKS)
    adjacency = np.stack([np.eye(num), np.zeros((num, num)), np.zeros((num, num))]).astype(np.float32)
    for i, first in enumerate(GRAPH_LANDMARKS):
        for j, second in enumerate(GRAPH_LANDMARKS):
            adjacency[1, i, j] = frozenset((first, second)) in edges
            adjacency[2, i, j] = first != second and frozenset((first, second)) in sides
    return adjacency / np.maximum(adjacency.sum(axis=2, keepdims=True), 1)


@keras.saving.register_keras_serializable(package="exercise")
class GraphMixing(layers.Layer):
    """A graph convolution over landmarks, along the skeleton and along learned edges: (B, T, V, C) to (B, T, V, D)."""

    def __init__(self, filters: int, **kwargs) -> None:
        """Takes D as `filters`."""
        super().__init__(**kwargs)
        self.filters = filters

    def get_config(self) -> dict:
        """The layer's configuration, for Keras."""
        return {**super().get_config(), "filters": self.filters}

    def build(self, shape) -> None:
        """Makes the weights: a matrix over landmarks for each kind of edge, and one over channels."""
        start = skeleton_adjacency()
        self.adjacency = self.add_weight(start.shape, initializer=lambda *_, **__: keras.ops.convert_to_tensor(start))
        self.project = self.add_weight((start.shape[0] * shape[-1], self.filters), initializer="glorot_uniform")
        super().build(shape)

    def call(self, x):
        """Applies the graph convolution."""
        mixed = [keras.ops.matmul(self.adjacency[kind], x) for kind in range(self.adjacency.shape[0])]
        return keras.ops.matmul(keras.ops.concatenate(mixed, axis=-1), self.project)


def graph(config: NetworkConfig, num_classes: int) -> keras.Model:
    """A graph network over the skeleton (ST-GCN with learned edges), with a stream of all 189 features beside it.

    A landmark is its three coordinates, its step from the row before, its speed and its acceleration.

    Source: Yan et al., Spatial Temporal Graph Convolutional Networks, 2018; learned edges as in Shi et al., 2s-AGCN,
      2019.
    """
    windows = _input()
    features, valid = _embedded_by_two(windows, config)
    coordinates = [3 * index + axis for index in GRAPH_LANDMARKS for axis in range(3)]
    num = len(GRAPH_LANDMARKS)
    body = keras.ops.reshape(keras.ops.take(windows, coordinates, axis=2), (-1, WINDOW_LENGTH, num, 3))
    there = keras.ops.expand_dims(ValidRows(name="there")(windows), -1)
    # From one row to the next where both are there, else none.
    step = (body[:, 1:] - body[:, :-1]) * there[:, 1:] * there[:, :-1]
    step = keras.ops.pad(step, ((0, 0), (1, 0), (0, 0), (0, 0)))
    motion = [
        keras.ops.expand_dims(keras.ops.take(windows, [start + index for index in GRAPH_LANDMARKS], axis=2), -1)
        for start in _MOTION_STARTS
    ]
    x = keras.ops.concatenate([body, step, *motion], axis=-1)
    # Two rows side by side, as one row of twice the channels.
    num_rows, channels = WINDOW_LENGTH // 2, x.shape[-1]
    pairs = keras.ops.reshape(x, (-1, num_rows, 2, num, channels))
    x = keras.ops.reshape(keras.ops.transpose(pairs, (0, 1, 3, 2, 4)), (-1, num_rows, num, 2 * channels))
    filters = config.filters // 2
    for index, dilation in enumerate(config.dilations[:3]):
        y = GraphMixing(filters)(x if index == 0 else layers.LayerNormalization()(x))
        y = layers.Activation("gelu")(y) * keras.ops.expand_dims(valid, -1)
        y = layers.DepthwiseConv2D((config.kernel_size, 1), padding="same", dilation_rate=(dilation, 1))(y)
        y = layers.SpatialDropout2D(config.block_dropout)(layers.Dense(filters)(layers.Activation("gelu")(y)))
        x = y if index == 0 else x + y
    nodes = keras.ops.reshape(x, (-1, num_rows, num * filters))
    x = features + layers.Dense(config.filters)(layers.LayerNormalization()(nodes))
    x = _conv_block(x, valid, config.filters, config.kernel_size, config.dilations[0], config.block_dropout)
    return keras.Model(windows, _pooled(x, valid, config, num_classes), name="graph")


# The members of an ensemble: the two networks that did best alone, and that differ most in how they work.
ENSEMBLE_MEMBERS = (conv_transformer, graph)


def ensemble(config: NetworkConfig, num_classes: int) -> keras.Model:
    """`conv_transformer` and `graph` answer together, by their mean logits.

    Each is trained by itself, on the same windows (see `fitting.compile_for_training`), so that their errors differ.
    """
    windows = _input()
    answers = [member(config, num_classes)(windows) for member in ENSEMBLE_MEMBERS]
    return keras.Model(windows, layers.Average(name="mean")(answers), name="ensemble")


def members(network: keras.Model) -> list[keras.Model]:
    """The networks that answer together in an ensemble; none in any other network."""
    return [layer for layer in network.layers if isinstance(layer, keras.Model)]


NETWORKS: dict[str, Callable[[NetworkConfig, int], keras.Model]] = {
    "tcn": notebook_tcn,
    "conv": conv,
    "conv_transformer": conv_transformer,
    "graph": graph,
    "ensemble": ensemble,
}


def build(config: NetworkConfig, num_classes: int) -> keras.Model:
    """The network of a configuration."""
    return NETWORKS[config.name](config, num_classes)


def with_more_classes(network: keras.Model, config: NetworkConfig, num_classes: int) -> keras.Model:
    """A copy of the network with more outputs: the weights of known classes are kept, those of new ones are random."""
    wider = build(config, num_classes)
    _copy_weights(network, wider)
    return wider


def _copy_weights(network: keras.Model, wider: keras.Model) -> None:
    # By position: Keras numbers layers without a name across networks.
    for layer, old_layer in zip(wider.layers, network.layers, strict=True):
        if isinstance(layer, keras.Model):
            _copy_weights(old_layer, layer)
            continue
        known = old_layer.get_weights()
        if layer.name == OUTPUT_LAYER:
            merged = layer.get_weights()
            for new, old in zip(merged, known, strict=True):
                new[..., : old.shape[-1]] = old
            known = merged
        layer.set_weights(known)
