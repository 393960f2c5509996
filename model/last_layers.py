"""The last two layers of a network, trained on activations that are computed once: a minute, where all layers take ten.

A network is cut before its hidden layer. What comes before stays as it is; the hidden layer and the outputs learn.
"""

import dataclasses

import keras
import numpy as np

from model import dataset, networks
from model.augmentation import Augmenter
from model.config import NetworkConfig

_WINDOWS_AT_ONCE = 512


@dataclasses.dataclass(frozen=True)
class SplitNetwork:
    """A network in two parts, which share its weights: training one of them trains the network.

    Attributes:
      body: from windows (B, 34, 189) to activations (B, M, D), of each of M members (1 where it has none).
      head: from activations to logits (B, C); has the network's members.
    """

    body: keras.Model
    head: keras.Model


@dataclasses.dataclass(frozen=True)
class Activations:
    """Activations of augmented windows.

    Attributes:
      values: float32, shape (N, M, D).
      window: which window each is of, int64, shape (N,).
    """

    values: np.ndarray
    window: np.ndarray


def split(network: keras.Model, config: NetworkConfig) -> SplitNetwork:
    """Cuts a network before its hidden layer."""
    parts = networks.members(network) or [network]
    windows = network.inputs[0]
    cuts = [keras.Model(part.inputs, part.get_layer(networks.HIDDEN_LAYER).input) for part in parts]
    body = keras.Model(windows, keras.ops.stack([cut(windows) for cut in cuts], axis=1))
    shape = body.output_shape[1:]
    heads = []
    for number, part in enumerate(parts):
        activations = keras.Input(shape)
        dropped = keras.layers.Dropout(config.dropout)(activations[:, number])
        hidden = part.get_layer(networks.HIDDEN_LAYER)(dropped)
        logits = part.get_layer(networks.OUTPUT_LAYER)(keras.layers.Dropout(config.dropout)(hidden))
        heads.append(keras.Model(activations, logits))
    if len(heads) == 1:
        return SplitNetwork(body, heads[0])
    activations = keras.Input(shape)
    return SplitNetwork(body, keras.Model(activations, keras.layers.Average()([head(activations) for head in heads])))


def augmented_activations(
    body: keras.Model, augmenter: Augmenter, data: dataset.Windows, chosen: np.ndarray, seed: int
) -> Activations:
    """The activations of some windows, augmented; a window that is chosen more than once is augmented anew.

    Args:
      body: of a split network.
      augmenter: of `data`.
      data: windows.
      chosen: indices of windows, shape (N,).
      seed: of the augmentation.
    """
    parts = []
    for number, start in enumerate(range(0, len(chosen), _WINDOWS_AT_ONCE)):
        last = data.positions[chosen[start : start + _WINDOWS_AT_ONCE], -1]
        parts.append(body.predict_on_batch(augmenter(last, (seed % 2**31, number))))
    return Activations(np.concatenate(parts), chosen)


def draw_windows(data: dataset.Windows, num_a_clip: int, seed: int) -> np.ndarray:
    """As many windows of each clip, each as often as the others of its clip, give or take one: indices, shape (N,)."""
    rng = np.random.default_rng(seed)
    drawn = []
    for clip in np.unique(data.clip):
        own = rng.permutation(np.flatnonzero(data.clip == clip))
        drawn.append(np.resize(own, num_a_clip))
    return np.concatenate(drawn) if drawn else np.zeros(0, np.int64)


class ActivationBatches(keras.utils.PyDataset):
    """Batches of (activations, truth, weights) in which every class has its share, drawn with replacement."""

    def __init__(
        self, values: np.ndarray, truth: np.ndarray, shares: np.ndarray, batch_size: int, num_batches: int, seed: int
    ) -> None:
        """Draws one epoch; another one is the same.

        Args:
          values: activations, float32, shape (N, M, D).
          truth: probabilities of the classes, float32, shape (N, C).
          shares: how often each is drawn, shape (N,); they sum to 1.
          batch_size: B.
          num_batches: an epoch.
          seed: of the draw.
        """
        super().__init__(workers=1, use_multiprocessing=False)
        self._values, self._truth = values, truth
        self._draws = np.random.default_rng(seed).choice(len(values), (num_batches, batch_size), p=shares)

    def __len__(self) -> int:
        return len(self._draws)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._draws[index]
        return self._values[chosen], self._truth[chosen]
