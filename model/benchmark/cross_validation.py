"""Cross-validation: labelled clips in folds, a fit on each fold's training clips, and its answers about the others.

Features are standardised anew by each fold's training rows, as the features job does it for a train split: what is
tested has no part in it.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.special

from beam_jobs import tables, windows
from model import clip_rows, config, dataset

SPLITS = ("group", "random")
# Which of the 189 features are lengths, or lengths over time.
IN_TORSO_LENGTHS = np.array(["torso" in column.unit for table in tables.UNSCALED_TABLES for column in table.columns])


@dataclasses.dataclass(frozen=True)
class LabelledWindows:
    """Windows of clips, with their classes: to cross-validate on, or to add to the training data of each fold.

    Attributes:
      data: windows of all clips; those whose label is not in `labels` are not tested.
      physical: features in their own units, float32, shape (R, 189), NaN where missing.
      landmarks: float32, shape (R, 33, 3).
      labels: the classes.
      truth: of each window, int32, shape (N,); -1 where its label is none of the classes.
      coordinates: of which landmarks `physical` was computed: "world", or another of `experiments.Coordinates`.
    """

    data: dataset.Windows
    physical: np.ndarray
    landmarks: np.ndarray
    labels: tuple[str, ...]
    truth: np.ndarray
    coordinates: str = "world"

    def with_labels(self, labels: Sequence[str]) -> "LabelledWindows":
        """The same windows with other classes, in this order."""
        return dataclasses.replace(self, labels=tuple(labels), truth=self.data.labels(labels))


def load(
    tables_path: str,
    settings: config.Config,
    min_clips: int = 1,
    labels: Sequence[str] = (),
    splits: Sequence[str] | None = None,
    rename_labels: Mapping[str, str] | None = None,
) -> LabelledWindows:
    """Reads the output of a features job.

    Args:
      tables_path: local or gs://.
      settings: its `window` cuts windows.
      min_clips: the least number of clips of a class, with or without a window.
      labels: the classes, in order; by default those that have enough clips, sorted.
      splits: which clips; by default all, whatever their split.
      rename_labels: other names for labels in the tables.
    """
    data = dataset.renamed(dataset.load(tables_path, splits, settings.window), rename_labels or {})
    if not labels:
        known = [clip.label for clip in data.clips]
        labels = sorted({label for label in known if label is not None and known.count(label) >= min_clips})
    return LabelledWindows(
        data,
        clip_rows.load_unscaled(tables_path, data),
        clip_rows.load_landmarks(tables_path, data),
        tuple(labels),
        data.labels(labels),
    )


def only(labelled: LabelledWindows, label: str) -> LabelledWindows:
    """The windows of one class alone."""
    keep = labelled.truth == labelled.labels.index(label)
    return dataclasses.replace(labelled, data=labelled.data.select(keep), truth=labelled.truth[keep])


def folds(labelled: LabelledWindows, num_folds: int, seed: int, split: str) -> np.ndarray:
    """The fold in which each window is tested, int32, shape (N,); -1 where it is in none.

    Args:
      labelled: the clips.
      num_folds: how many folds.
      seed: of the draw.
      split: "group": a group's windows are all in one fold, classes spread as evenly as that allows; "random": windows
        are spread whatever their group. That leaks data, since neighbouring windows of a clip are nearly the same.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    fold = np.full(len(labelled.truth), -1, np.int32)
    usable = np.flatnonzero(labelled.truth >= 0)
    if split == "random":
        splitter = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
        for number, (_, tested) in enumerate(splitter.split(usable, labelled.truth[usable])):
            fold[usable[tested]] = number
        return fold
    clips = np.unique(labelled.data.clip[usable])
    truth = dataset.clip_labels([labelled.data.clips[clip] for clip in clips], labelled.labels)
    groups = [labelled.data.clips[clip].group for clip in clips]
    grouped = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    of_clip = np.full(len(labelled.data.clips), -1, np.int32)
    for number, (_, tested) in enumerate(grouped.split(clips, truth, groups)):
        of_clip[clips[tested]] = number
    return of_clip[labelled.data.clip]


@dataclasses.dataclass(frozen=True)
class Standardizer:
    """Mean and deviation of each feature over training rows; what `preprocessing.standardized` does, in NumPy.

    `coordinates` as in `LabelledWindows`: of which features it is.
    """

    mean: np.ndarray
    deviation: np.ndarray
    usable: np.ndarray
    coordinates: str = "world"

    @classmethod
    def of(cls, physical: np.ndarray) -> "Standardizer":
        """Of rows in their own units, shape (R, 189); NaN is skipped, column by column."""
        wide = physical.astype(np.float64)
        known = np.isfinite(wide)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, wide, 0).sum(0) / count
        deviation = np.sqrt(np.where(known, (wide - mean) ** 2, 0).sum(0) / count)
        usable = known.any(0) & tables.varies(mean, deviation)
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
            if self.coordinates == "flat":
                # Depth that augmentation has made, too.
                rows *= tf.constant([1.0, 1.0, 0.0])
            features = physical_window_features(rows, times, windows.HISTORY_LENGTH)
            if self.coordinates == "metres":
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
      landmarks: of the rows, float32, shape (R, 33, 3).
      labels: the classes.
      standard: how features were standardised.
      is_synthetic: which windows are of synthetic athletes, bool, shape (N,).
    """

    data: dataset.Windows
    truth: np.ndarray
    landmarks: np.ndarray
    labels: tuple[str, ...]
    standard: Standardizer
    is_synthetic: np.ndarray


def training_data(
    labelled: LabelledWindows,
    keep: np.ndarray,
    synthetic: Sequence[LabelledWindows] = (),
    standard: Standardizer | None = None,
    extra: Sequence[LabelledWindows] = (),
) -> FoldTrainingData:
    """What a fold trains on.

    Args:
      labelled: the clips.
      keep: which of their windows to train on, bool, shape (N,).
      synthetic: synthetic athletes, with the same classes, all of whose windows are trained on.
      standard: how to standardise; by default by the windows of `labelled` that are trained on, as a bundle does by the
        train split of its tables, or where there are none, by all that is trained on.
      extra: further real clips, likewise; they count as the fold's own clips.
    """
    added = ((other, other.truth >= 0) for other in (*extra, *synthetic))
    parts = [(labelled, keep & (labelled.truth >= 0)), *added]
    # Rows of a class that is not trained on have no part in the mean either.
    if standard is None:
        measured = parts[:1] if parts[0][1].any() else parts
        rows = [part.physical[np.setdiff1d(part.data.positions[mask], dataset.MISSING)] for part, mask in measured]
        standard = dataclasses.replace(Standardizer.of(np.concatenate(rows)), coordinates=labelled.coordinates)
    data = dataset.joined([part.data for part, _ in parts])
    landmarks = np.concatenate([part.landmarks for part, _ in parts])
    keep_all = np.concatenate([mask for _, mask in parts])
    physical = np.concatenate([part.physical for part, _ in parts])
    data = dataclasses.replace(data.select(keep_all), rows=standard.apply(physical))
    truth = np.concatenate([part.truth for part, _ in parts])[keep_all]
    is_synthetic = np.repeat(np.arange(len(parts)) > len(extra), [int(mask.sum()) for _, mask in parts])
    return FoldTrainingData(data, truth, landmarks, labelled.labels, standard, is_synthetic)


@dataclasses.dataclass(frozen=True)
class FittedModel:
    """A model that was fitted to a fold's training data.

    Attributes:
      logits: from windows of standardised features (B, 34, 189) to logits (B, C); log-probabilities are some.
      standard: how features must be standardised for it.
      minutes: how long the fit took.
      weights: a network's, to fine-tune from.
    """

    logits: Callable[[np.ndarray], np.ndarray]
    standard: Standardizer
    minutes: float
    weights: list[np.ndarray] = dataclasses.field(default_factory=list)


def fit_network(
    train: FoldTrainingData, settings: config.Config, start_from: list[np.ndarray] | None = None
) -> FittedModel:
    """Trains a network for a fixed number of epochs, without a validation split.

    Args:
      train: the training data.
      settings: the configuration; `training.epochs` is the number of epochs.
      start_from: weights to fine-tune, with fine-tuning's learning rate and epochs; by default random ones.
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
        train.is_synthetic,
    )
    epochs = plan.finetune_epochs if tuned else plan.epochs
    rate = plan.finetune_learning_rate if tuned else plan.learning_rate
    fitting.fit(network, feed, plan, epochs, rate)
    minutes = (time.monotonic() - started) / 60
    return FittedModel(network.predict_on_batch, train.standard, minutes, network.get_weights())


def predict_logits(fitted: FittedModel, labelled: LabelledWindows, chosen: np.ndarray) -> np.ndarray:
    """Logits of some of the windows, float32, shape (N, C)."""
    rows = fitted.standard.apply(labelled.physical)
    positions = labelled.data.positions[chosen]
    if not len(positions):
        # The number of classes is the fit's: it may have a class `none` that `labelled` lacks.
        return fitted.logits(np.zeros((1, positions.shape[1], rows.shape[1]), np.float32))[:0]
    return np.concatenate(
        [
            fitted.logits(dataset.gather(rows, positions[start : start + 512], 0))
            for start in range(0, len(positions), 512)
        ]
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits, float64, shape (N, C)."""
    return np.asarray(scipy.special.softmax(logits.astype(np.float64), axis=1))
