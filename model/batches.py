"""Windows to batches: which of them an epoch sees, in which order, and what each weighs."""

from collections.abc import Callable

import keras
import numpy as np

from model import config, dataset


def class_weights(counts: np.ndarray) -> np.ndarray:
    """Weights that let each class count the same: total / (classes × its count), float32, shape (C,).

    Over the classes that are there: a class without windows has 0, and the mean weight of a window is 1.
    """
    there = counts > 0
    return np.where(there, counts.sum() / (max(there.sum(), 1) * np.maximum(counts, 1)), 0).astype(np.float32)


# So many batches are augmented at once: half the time a window of one after the other.
_BATCHES_AUGMENTED_AT_ONCE = 8


# Of an epoch's windows, which may be left out so that batches are full; else they are made smaller.
_MOST_LEFT_OUT = 0.1


def _full_batch_size(num: int, size: int) -> int:
    """At most `size`, so that batches of it leave few of `num` windows over."""
    left_out = num % size if num >= size else num
    return size if left_out <= _MOST_LEFT_OUT * num else num // (num // size + 1)


class Batches(keras.utils.PyDataset):
    """Batches of (windows, one-hot truth, weights), in an order that depends on the seed and the epoch alone.

    Augmented, for training, all are of the same size, for a last one of few windows would move the weights as far as
    any other: a few windows, others every time, are left out of an epoch. Several batches are augmented at once, so
    that the order must stay as it is (`fit` with shuffle=False).

    Attributes:
      batch_size: of each of them, the last one apart where nothing is augmented.
      epoch: which one is drawn, from 0 on.
      order: the windows of this epoch, by their numbers, in the order in which they come.
    """

    def __init__(
        self,
        data: dataset.Windows,
        truth: np.ndarray,
        num_classes: int,
        settings: config.TrainingConfig,
        seed: int,
        augmenter: Callable[[np.ndarray, tuple[int, int]], np.ndarray] | None = None,
        mixup: float = 0.0,
        synthetic: np.ndarray | None = None,
        teacher: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Draws the first epoch.

        Args:
          data: windows, all of known labels.
          truth: indices of classes, shape (N,).
          num_classes: C.
          settings: batch size, windows a clip and epoch, class weights.
          seed: of the draw.
          augmenter: makes windows from the rows that they end in, in place of those of `data`; see
            `augmentation.Augmenter`.
          mixup: see AugmentationConfig.
          synthetic: which windows are of synthetic athletes, bool, shape (N,). `settings.synthetic_fraction` of an
            epoch are of these. By default none is.
          teacher: probabilities of all classes, (B, C), for augmented windows, (B, 34, 189): the truth of
            synthetic windows, in place of their labels. By default labels are the truth.
        """
        super().__init__(workers=1, use_multiprocessing=False)
        self._data, self._truth, self._settings = data, truth, settings
        self._one_hot = np.eye(num_classes, dtype=np.float32)
        self._augmenter, self._mixup = augmenter, mixup
        self._seed, self.epoch = seed, 0
        self._random = np.random.default_rng(seed)
        self._synthetic = np.zeros(len(truth), bool) if synthetic is None else synthetic
        self._teacher = teacher
        # Which batches were augmented last; their windows, and their truth.
        self._augmented: tuple[int, np.ndarray, np.ndarray] | None = None
        self._draw()
        self.batch_size = settings.batch_size
        if augmenter is not None:
            self.batch_size = _full_batch_size(len(self.order), settings.batch_size)
        # The same in every epoch, for the tables' own windows: how many of a clip are drawn does not depend on which.
        self._weights = np.ones((2, num_classes), np.float32)
        if settings.class_weights:
            drawn, is_synthetic = truth[self.order], self._synthetic[self.order]
            for part in (0, 1):
                self._weights[part] = class_weights(np.bincount(drawn[is_synthetic == part], minlength=num_classes))

    def _draw(self) -> None:
        order = self._random.permutation(len(self._truth))
        limit = self._settings.max_windows_per_clip
        if limit:
            # How many windows of the same clip came before, in the random order: at most `limit` of each stay.
            clip = self._data.clip[order]
            by_clip = np.argsort(clip, kind="stable")
            starts = np.searchsorted(clip[by_clip], clip[by_clip])
            rank = np.empty(len(order), np.int64)
            rank[by_clip] = np.arange(len(order)) - starts
            order = order[rank < limit]
        self.order = self._shared(order)

    def _shared(self, order: np.ndarray) -> np.ndarray:
        """As many synthetic windows as are to be in an epoch, where there are so many."""
        fraction, synthetic = self._settings.synthetic_fraction, self._synthetic[order]
        num_own = int((~synthetic).sum())
        if not fraction or not num_own or num_own == len(order):
            return order
        num = round(num_own * fraction / (1 - fraction))
        return order[~synthetic | (np.cumsum(synthetic) <= num)]

    def __len__(self) -> int:
        if self._augmenter is not None:
            return len(self.order) // self.batch_size
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        size = self.batch_size
        chosen = self.order[index * size : (index + 1) * size]
        truth = self._truth[chosen]
        weights = self._weights[self._synthetic[chosen].astype(int), truth]
        if self._augmenter is None:
            return self._data.features(chosen), self._one_hot[truth], weights
        features, answers = self._augmented_batch(index)
        if self._mixup:
            features, answers, weights = self._blended(index, features, answers, weights)
        return features, answers, weights

    def _augmented_batch(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        assert self._augmenter is not None
        number, within = divmod(index, _BATCHES_AUGMENTED_AT_ONCE)
        size = self.batch_size
        if self._augmented is None or self._augmented[0] != number:
            start = number * _BATCHES_AUGMENTED_AT_ONCE * size
            chosen = self.order[start : start + _BATCHES_AUGMENTED_AT_ONCE * size]
            seed = (self._seed % 2**31, self.epoch * len(self) + number)
            features = self._augmenter(self._data.positions[chosen, -1], seed)
            answers = self._one_hot[self._truth[chosen]]
            taught = self._synthetic[chosen]
            if self._teacher is not None and taught.any():
                answers[taught] = self._teacher(features[taught])
            self._augmented = number, features, answers
        part = slice(within * size, (within + 1) * size)
        return self._augmented[1][part], self._augmented[2][part]

    def _blended(self, index: int, *arrays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        random = np.random.default_rng([self._seed, self.epoch, index])
        num = len(arrays[0])
        share, other = random.beta(self._mixup, self._mixup, num).astype(np.float32), random.permutation(num)
        features, answers, weights = arrays
        share = share.reshape(-1, 1)
        both = np.stack([share[:, 0] * weights, (1 - share[:, 0]) * weights[other]])
        # Each of the two answers weighs what it would alone: a rare class does not lend its weight to the other one.
        parts = (both / both.sum(axis=0))[..., None]
        blended = share[..., None] * features + (1 - share[..., None]) * features[other]
        return blended, parts[0] * answers + parts[1] * answers[other], both.sum(axis=0)

    def on_epoch_end(self) -> None:
        """Draws the next epoch."""
        self.epoch += 1
        self._augmented = None
        self._draw()
