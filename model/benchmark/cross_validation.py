"""Cross-validation: labelled clips in folds, a fit on each fold's training clips, and its answers about the others.

Features are standardised anew by each fold's training rows, as the features job does it for a train split: what is
tested has no part in it.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from beam_jobs import tables, windows
from model import config, dataset

SPLITS = ("group", "random")
# Which of the 189 features are lengths, or lengths over time.
IN_TORSO_LENGTHS = np.array(["torso" in column.unit for table in tables.UNSCALED_TABLES for column in table.columns])
# As in beam_jobs.preprocessing: a column that varies less is rounding noise round a constant.
_CONSTANT_BELOW = 1e-5


@dataclasses.dataclass(frozen=True)
class LabelledWindows:
    """Clips to cross-validate on, or to add to the training clips of others.

    Attributes:
      data: windows of all clips; those whose label is not in `labels` are tested by nobody.
      physical: features in their own units, float32, shape (1 + R, 189), NaN where missing.
      landmarks: float32, shape (1 + R, 33, 3).
      labels: the classes.
      truth: of each window, int32, shape (N,); -1 where its label is none of the classes.
      kind: one of `coordinates.KINDS`, in whose way `physical` was computed; "" for as everywhere.
    """

    data: dataset.Windows
    physical: np.ndarray
    landmarks: np.ndarray
    labels: tuple[str, ...]
    truth: np.ndarray
    kind: str = ""


def load(
    tables_path: str,
    settings: config.Config,
    min_clips: int = 1,
    labels: Sequence[str] = (),
    splits: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
) -> LabelledWindows:
    """Reads the output of a features job.

    Args:
      tables_path: local or gs://.
      settings: its `window` cuts windows.
      min_clips: a class needs so many clips, with or without a window.
      labels: the classes, in order; by default those that have enough clips, sorted.
      splits: which clips; by default all, whatever their split.
      rename: labels that are to have other names.
    """
    data = dataset.renamed(dataset.load(tables_path, splits, settings.window), rename or {})
    if not labels:
        known = [clip.label for clip in data.clips]
        labels = sorted({label for label in known if label is not None and known.count(label) >= min_clips})
    return LabelledWindows(
        data,
        dataset.load_physical(tables_path, data),
        dataset.load_landmarks(tables_path, data),
        tuple(labels),
        data.labels(labels),
    )


def only(found: LabelledWindows, label: str) -> LabelledWindows:
    """The same set with the windows of one class alone."""
    keep = found.truth == found.labels.index(label)
    return dataclasses.replace(found, data=found.data.select(keep), truth=found.truth[keep])


def folds(found: LabelledWindows, num_folds: int, seed: int, split: str) -> np.ndarray:
    """The fold in which each window is tested, int32, shape (N,); -1 where it is in none.

    Args:
      found: the clips.
      num_folds: how many folds.
      seed: of the draw.
      split: "group": a group's windows are all in one fold, classes spread as evenly as that allows; "random": windows
        are spread whomever they show, which flatters, since neighbours in a clip are nearly the same.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    fold = np.full(len(found.truth), -1, np.int32)
    usable = np.flatnonzero(found.truth >= 0)
    if split == "random":
        splitter = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
        for number, (_, tested) in enumerate(splitter.split(usable, found.truth[usable])):
            fold[usable[tested]] = number
        return fold
    clips = np.unique(found.data.clip[usable])
    truth = dataset.clip_labels([found.data.clips[clip] for clip in clips], found.labels)
    groups = [found.data.clips[clip].group for clip in clips]
    grouped = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    of_clip = np.full(len(found.data.clips), -1, np.int32)
    for number, (_, tested) in enumerate(grouped.split(clips, truth, groups)):
        of_clip[clips[tested]] = number
    return of_clip[found.data.clip]


@dataclasses.dataclass(frozen=True)
class Standardizer:
    """Mean and deviation of each feature over training rows; what `preprocessing.standardized` does, in NumPy.

    `kind` as in `LabelledWindows`: of which features it is.
    """

    mean: np.ndarray
    deviation: np.ndarray
    usable: np.ndarray
    kind: str = ""

    @classmethod
    def of(cls, physical: np.ndarray) -> "Standardizer":
        """Of rows in their own units, shape (R, 189); NaN is skipped, column by column."""
        wide = physical.astype(np.float64)
        known = np.isfinite(wide)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, wide, 0).sum(0) / count
        deviation = np.sqrt(np.where(known, (wide - mean) ** 2, 0).sum(0) / count)
        usable = known.any(0) & (deviation > _CONSTANT_BELOW * np.maximum(np.abs(mean), 1))
        return cls(mean, np.where(usable, deviation, 1), usable)

    def apply(self, physical: np.ndarray) -> np.ndarray:
        """z-scores, float32; 0 where a value is missing or says nothing."""
        scores = ((physical - self.mean) / self.deviation).astype(np.float32)
        return np.where(np.isfinite(scores) & self.usable, scores, np.float32(0))

    def featurize(self) -> Callable:
        """From landmarks to windows of z-scores, in TensorFlow; as `end_to_end.window_features` with a graph."""
        import tensorflow as tf

        from beam_jobs.features.unscaled import physical_window_features, window_torso_lengths

        mean, deviation = (tf.constant(value, tf.float32) for value in (self.mean, self.deviation))

        def featurize(rows, times):
            if self.kind == "flat":
                # Depth that augmentation has made, too.
                rows *= tf.constant([1.0, 1.0, 0.0])
            features = physical_window_features(rows, times, windows.HISTORY_LENGTH)
            if self.kind == "metres":
                torso = window_torso_lengths(rows, windows.HISTORY_LENGTH)[..., None]
                features *= tf.where(IN_TORSO_LENGTHS, torso, 1.0)
            scores = (features - mean) / deviation
            detected = tf.reduce_any(tf.math.is_finite(rows[:, windows.HISTORY_LENGTH - 1 :]), axis=[2, 3])
            return tf.where(tf.math.is_finite(scores) & self.usable & detected[..., None], scores, 0.0)

        return featurize


@dataclasses.dataclass(frozen=True)
class FoldTrainingData:
    """What a fold trains on, standardised.

    Attributes:
      data: windows with known classes, with rows of standardised features.
      truth: their classes, int32, shape (N,).
      landmarks: of the rows, float32, shape (1 + R, 33, 3).
      labels: the classes.
      standard: how features were standardised.
      further: which windows are of further clips, bool, shape (N,).
    """

    data: dataset.Windows
    truth: np.ndarray
    landmarks: np.ndarray
    labels: tuple[str, ...]
    standard: Standardizer
    further: np.ndarray


def training_clips(
    found: LabelledWindows,
    keep: np.ndarray,
    others: Sequence[LabelledWindows] = (),
    standard: Standardizer | None = None,
    own: Sequence[LabelledWindows] = (),
) -> FoldTrainingData:
    """The training side of a fold.

    Args:
      found: the clips.
      keep: which of their windows to train on, bool, shape (N,).
      others: further clips, of the same classes, all of whose windows are trained on.
      standard: how to standardise; by default by the windows of `found` that are trained on, as a bundle does by its
        tables' train split, or where these are none, by all that is trained on.
      own: as `others`, but these count as the fold's own clips, not as further ones.
    """
    whole = ((other, other.truth >= 0) for other in (*own, *others))
    parts = [(found, keep & (found.truth >= 0)), *whole]
    # The rows of a class that nobody trains on have no part in the mean either.
    if standard is None:
        measured = parts[:1] if parts[0][1].any() else parts
        rows = [part.physical[np.setdiff1d(part.data.positions[mask], 0)] for part, mask in measured]
        standard = dataclasses.replace(Standardizer.of(np.concatenate(rows)), kind=found.kind)
    data = dataset.joined([part.data for part, _ in parts])
    landmarks = dataset.joined_rows([part.landmarks for part, _ in parts])
    keep_all = np.concatenate([mask for _, mask in parts])
    physical = dataset.joined_rows([part.physical for part, _ in parts])
    data = dataclasses.replace(data.select(keep_all), rows=standard.apply(physical))
    data.rows[0] = 0
    truth = np.concatenate([part.truth for part, _ in parts])[keep_all]
    further = np.repeat(np.arange(len(parts)) > len(own), [int(mask.sum()) for _, mask in parts])
    return FoldTrainingData(data, truth, landmarks, found.labels, standard, further)


@dataclasses.dataclass(frozen=True)
class FittedModel:
    """What came of a fold.

    Attributes:
      logits: from windows of standardised features (B, 34, 189) to logits (B, C); log-probabilities are some.
      standard: how features must be standardised for it.
      minutes: what it cost.
      weights: a network's, to fine-tune from.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    standard: Standardizer
    minutes: float
    weights: list[np.ndarray] = dataclasses.field(default_factory=list)


def fit_network(
    train: FoldTrainingData, settings: config.Config, start_from: list[np.ndarray] | None = None
) -> FittedModel:
    """Trains a network for a fixed number of epochs; nobody is held out to stop it.

    Args:
      train: the clips.
      settings: the configuration; `training.epochs` of them.
      start_from: weights to fine-tune from, at the rate and for the epochs of fine-tuning; by default it starts anew.
    """
    from model import augmentation, batches, fitting, networks

    started = time.monotonic()
    fitting.seed_everything(settings.seed)
    network = networks.build(settings.network, len(train.labels))
    tuned = start_from is not None
    if start_from is not None:
        network.set_weights(start_from)
    plan = settings.training
    augmenter = augmentation.Augmenter(train.data, train.landmarks, train.standard.featurize(), settings.augmentation)
    feed = batches.Batches(
        train.data,
        train.truth,
        len(train.labels),
        plan,
        settings.seed,
        augmenter,
        settings.augmentation.mixup,
        train.further,
    )
    epochs = plan.finetune_epochs if tuned else plan.epochs
    rate = plan.finetune_learning_rate if tuned else plan.learning_rate
    fitting.fit(network, feed, plan, epochs, rate)
    minutes = (time.monotonic() - started) / 60
    return FittedModel(network.predict_on_batch, train.standard, minutes, network.get_weights())


def answers(fitted: FittedModel, found: LabelledWindows, chosen: np.ndarray) -> np.ndarray:
    """Logits of some of a set's windows, float32, shape (N, C)."""
    rows = fitted.standard.apply(found.physical)
    rows[0] = 0
    positions = found.data.positions[chosen]
    if not len(positions):
        # The fit knows how many classes it has: `none` may be one that the set has not.
        return fitted.logits(rows[np.zeros((1, found.data.positions.shape[1]), int)])[:0]
    return np.concatenate(
        [fitted.logits(rows[positions[start : start + 512]]) for start in range(0, len(positions), 512)]
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, float64, shape (N, C)."""
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
