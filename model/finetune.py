"""A bundle and clips of a new exercise to a bundle that knows it, too: fine-tuning.

The known classes are rehearsed on synthetic athletes: there, the network learns to answer as it did before. The last
layers learn from few clips; all layers, from tables with a validation split that says when to stop.
"""

import dataclasses
import sys
import time
from collections.abc import Iterable

import keras
import numpy as np

from beam_jobs import saved_model, storage
from model import (
    config,
    finetune_data,
    finetune_report,
    fitting,
    holds,
    last_layers,
    networks,
    train,
    training_data,
)
from model.batches import Batches
from model.callbacks import Progress
from model.config import FinetuneConfig
from model.finetune_data import FinetuneData, Start
from model.finetune_report import ClipAnswer, FinetuneReport
from model.last_layers import Activations
from model.training_data import LabelledSplit, TrainingInputs

# A validation split says when to stop where it has so many groups, and every class that is learned.
_ENOUGH_GROUPS = 10
# An exercise in whose clips so many windows show no movement is a hold.
_HOLD_FRACTION = 0.3


@dataclasses.dataclass(frozen=True)
class TuningMaterial:
    """What the last layers learn from: activations of augmented windows, of the user's clips and of rehearsal clips.

    Attributes:
      activations: float32, shape (N, M, D), as `last_layers` has them.
      truth: probabilities of all classes, float32, shape (N, C): the label, or what the bundle answers.
      label: the index of the class, int32, shape (N,).
      window: which of the user's windows each row is of, int64, shape (N,); -1 for rehearsal clips.
    """

    activations: np.ndarray
    truth: np.ndarray
    label: np.ndarray
    window: np.ndarray


def finetune(
    bundle_path: str,
    inputs: TrainingInputs,
    output: str,
    settings: config.Config,
    log_dir: str | None = None,
    tuning: FinetuneConfig | None = None,
) -> FinetuneReport:
    """Trains a bundle's network further on other tables; writes another bundle.

    Classes that the bundle does not know get new outputs, behind the known ones; classes that the tables do not have
    keep theirs.

    Args:
      bundle_path: the bundle to start from, local or gs://.
      inputs: tables made with the bundle's transform_fn.
      output: the new bundle's folder.
      settings: the bundle's configuration, changed in what is to differ; its network and window must be the bundle's.
      log_dir: as in `train.train`.
      tuning: how it is fine-tuned.

    Returns:
      What was measured.

    Raises:
      UserError: if the tables do not fit the bundle; if there is nothing to rehearse the known classes on; if no clip
        of a new exercise is recognised on people who were left out; or if the known classes are forgotten.
    """
    tuning = tuning or FinetuneConfig()
    start = finetune_data.read_start(bundle_path, inputs, settings)
    data = finetune_data.load(start, inputs)
    started = time.monotonic()
    network, history, left_out = _fit_and_measure_last_layers(start, data, tuning)
    with train.log_folder(log_dir) as logs:
        history = fit_all_layers(start, data, network, logs) or history
        assert history is not None  # one of the two has trained
        report = _measure(start, data, network, left_out)
        finetune_report.refuse_if_useless(report)
        result = _calibrate(start, data, network, changed=bool(history.best_epoch))
        phase = train.phase("finetune", data.own, history, started)
        train.write(
            output,
            network=network,
            labels=data.labels,
            settings=settings,
            calibrated=result.calibrated,
            tables_path=inputs.tables,
            metrics={**({"validation": result.metrics} if result.metrics else {}), "finetune": report.to_dict()},
            phase={**phase, "finetune": dataclasses.asdict(tuning)},
            trained=data.own.data,
            validated=data.validation,
            logs=None if log_dir else logs,
            before=start.metadata,
            rehearsal_clips=data.clips,
            holds=[*start.metadata.get("holds", holds.holds_of(start.metadata["labels"])), *_new_holds(start, data)],
        )
    return report


def _fit_and_measure_last_layers(
    start: Start, data: FinetuneData, tuning: FinetuneConfig
) -> tuple[keras.Model, fitting.FitHistory | None, list[ClipAnswer]]:
    """The network, how its last layers were fitted, and what people who were left out are answered."""
    # Where no class is new, a validation split says whether anything gets better; the bundle's weights may stay.
    if data.labels == start.labels and data.validation is not None:
        return finetune_data.load_network(start), None, []
    material = prepare(start, data, tuning)
    left_out = cross_validate(start, data, material, tuning)
    return *fit_last_layers(start, data, material, tuning), left_out


def _measure(start: Start, data: FinetuneData, network: keras.Model, left_out: list[ClipAnswer]) -> FinetuneReport:
    """The report; the clips of the validation split were left out, too."""
    labels, calibrated = data.labels, start.calibrated
    if data.validation is not None:
        left_out = left_out + finetune_report.answer_clips(network, data.validation, labels, calibrated)
    return finetune_report.measure(
        labels=labels,
        num_known=len(start.labels),
        own=data.own,
        learned=finetune_report.answer_clips(network, data.own.data, labels, calibrated),
        left_out=left_out,
        held_out=data.held_out,
        before=finetune_data.load_network(start),
        after=network,
    )


def _calibrate(start: Start, data: FinetuneData, network: keras.Model, changed: bool) -> train.Validated:
    """The bundle's own calibration, unless the network changed and the validation split says enough of each class."""
    split = None if data.validation is None else training_data.labelled(data.validation, data.labels)
    given = start.calibrated
    if changed and split is not None and says_enough(split, range(len(data.labels))):
        given = train.given_calibration(start.settings.training)
    return train.calibrate(network, data.labels, data.validation, split, given)


def _new_holds(start: Start, data: FinetuneData) -> list[str]:
    """The new classes in whose clips people often do not move: live takes still people for no exercise otherwise."""
    with storage.local_folder_copy(start.graph) as folder:
        scale = holds.feature_scale(saved_model.load(folder).transform_fn, start.metadata["history_length"])
    new_holds = []
    for index, label in list(enumerate(data.labels))[len(start.labels) :]:
        own = data.own.data.features(data.own.truth == index)
        if (holds.movement_torso_lengths(own, scale).numpy() < holds.STILL_TORSO_LENGTHS).mean() > _HOLD_FRACTION:
            print(f"{label} is a hold: in its clips, people often do not move.", file=sys.stderr)
            new_holds.append(label)
    return new_holds


def cross_validate(
    start: Start, data: FinetuneData, material: TuningMaterial, tuning: FinetuneConfig
) -> list[ClipAnswer]:
    """Fine-tunes without some groups of the new exercises, in turn, and asks what their clips are called.

    A new class with clips of a single group is not measured.
    """
    own, new = data.own.data, data.labels[len(start.labels) :]
    answers: list[ClipAnswer] = []
    folds = finetune_report.choose_folds(data.own, data.validation, new, tuning.folds)
    for number, groups in enumerate(folds):
        print(f"measuring {number + 1} of {len(folds)}; people left out: {len(groups)}", file=sys.stderr, flush=True)
        left_out = np.array([own.clips[clip].group in groups for clip in own.clip])
        network, _ = fit_last_layers(start, data, material, tuning, without=left_out)
        answers += finetune_report.answer_clips(network, own.select(left_out), data.labels, start.calibrated)
    return answers


def fit_last_layers(
    start: Start,
    data: FinetuneData,
    material: TuningMaterial,
    tuning: FinetuneConfig,
    without: np.ndarray | None = None,
) -> tuple[keras.Model, fitting.FitHistory]:
    """The bundle's network with outputs for the new classes, its last layers fine-tuned.

    Args:
      start: the bundle.
      data: what to learn from.
      material: activations of it.
      tuning: how.
      without: which of the user's windows not to learn from, bool, shape (N,); by default all are learned from.
    """
    fitting.seed_everything(start.settings.seed)
    network = networks.with_more_classes(finetune_data.load_network(start), start.settings.network, len(data.labels))
    head = last_layers.split(network, start.settings.network).head
    kept = np.ones(len(material.window), bool)
    if without is not None:
        kept = (material.window < 0) | ~without[np.maximum(material.window, 0)]
    shares = class_shares(material, kept, len(start.labels), tuning.new_class_share)
    batches = last_layers.ActivationBatches(
        *(material.activations, material.truth, shares, tuning.batch_size, tuning.steps, start.settings.seed)
    )
    training = dataclasses.replace(start.settings.training, label_smoothing=0.0, schedule="cosine", ema_momentum=0.0)
    return network, fitting.fit(head, batches, training, 1, tuning.learning_rate)


def class_shares(material: TuningMaterial, kept: np.ndarray, num_known: int, new_class_share: float) -> np.ndarray:
    """How often each row is drawn, shape (N,): classes have their shares, of which the user's clips have half.

    Args:
      material: of N rows.
      kept: which rows may be drawn, bool, shape (N,).
      num_known: the first classes are known, the others new.
      new_class_share: of each new class.
    """
    own = material.window >= 0
    shares = np.zeros(len(kept))
    classes = np.unique(material.label[kept])
    num_new = int((classes >= num_known).sum())
    for index in classes:
        share = new_class_share if index >= num_known else (1 - num_new * new_class_share) / (len(classes) - num_new)
        parts = [part for part in (own, ~own) if (part & kept & (material.label == index)).any()]
        for part in parts:
            chosen = part & kept & (material.label == index)
            shares[chosen] = share / len(parts) / chosen.sum()
    return shares / shares.sum()


def prepare(start: Start, data: FinetuneData, tuning: FinetuneConfig) -> TuningMaterial:
    """Computes the activations of the user's windows and of the rehearsed ones, augmented."""
    network = finetune_data.load_network(start)
    body = last_layers.split(network, start.settings.network).body
    num_classes, seed = len(data.labels), start.settings.seed

    def activations(split: LabelledSplit, landmarks: np.ndarray, num_a_clip: int) -> Activations:
        augmenter = fitting.augmenter(start.graph, split.data, landmarks, start.settings.augmentation)
        drawn = last_layers.draw_windows(split.data, num_a_clip, seed)
        return last_layers.augmented_activations(body, augmenter, split.data, drawn, seed)

    own = activations(data.own, data.landmarks, tuning.windows_per_clip)
    label = data.own.truth[own.window]
    parts = [TuningMaterial(own.values, np.eye(num_classes, dtype=np.float32)[label], label, own.window)]
    if data.rehearsed is not None and data.rehearsed_landmarks is not None:
        rehearsed = activations(data.rehearsed, data.rehearsed_landmarks, tuning.windows_per_rehearsal_clip)
        head = last_layers.split(network, start.settings.network).head
        answers = keras.ops.convert_to_numpy(keras.ops.softmax(head.predict(rehearsed.values, verbose=0)))
        truth = np.pad(answers, ((0, 0), (0, num_classes - len(start.labels))))
        label = data.rehearsed.truth[rehearsed.window]
        parts.append(TuningMaterial(rehearsed.values, truth, label, np.full(len(label), -1)))
    return TuningMaterial(*(np.concatenate(columns) for columns in zip(*map(dataclasses.astuple, parts), strict=True)))


def fit_all_layers(start: Start, data: FinetuneData, network: keras.Model, logs: str) -> fitting.FitHistory | None:
    """Trains all layers of a network further, as long as the validation split gets better; None without such a split.

    Where a class is new, the validation split must say enough.
    """
    split = None if data.validation is None else training_data.labelled(data.validation, data.labels)
    if split is None or not len(split):
        return None
    if data.labels != start.labels and not says_enough(split, np.unique(data.own.truth)):
        return None
    training = start.settings.training
    batches = _batches(start, data, finetune_data.load_network(start))
    held_out = train.validation_batches(split, len(data.labels), start.settings)
    validation = fitting.Validation(held_out, keep_start=True)
    epochs = training.finetune_epochs
    shown = (keras.callbacks.TensorBoard(logs, write_graph=False), Progress(epochs))
    return fitting.fit(network, batches, training, epochs, training.finetune_learning_rate, validation, shown)


def _batches(start: Start, data: FinetuneData, known: keras.Model) -> Batches:
    """The user's windows with their labels, and rehearsed windows with what the bundle answers to them."""
    own, landmarks, num_new = data.own, data.landmarks, len(data.labels) - len(start.labels)
    if data.rehearsed is not None and data.rehearsed_landmarks is not None:
        own = training_data.joined(own, data.rehearsed)
        landmarks = np.concatenate([landmarks, data.rehearsed_landmarks])

    def teacher(features: np.ndarray) -> np.ndarray:
        answers = keras.ops.softmax(known.predict_on_batch(features))
        return np.pad(keras.ops.convert_to_numpy(answers), ((0, 0), (0, num_new)))

    augmenter = fitting.augmenter(start.graph, own.data, landmarks, start.settings.augmentation)
    return Batches(
        *(own.data, own.truth, len(data.labels), start.settings.training, start.settings.seed, augmenter),
        synthetic=own.synthetic,
        teacher=teacher,
    )


def says_enough(validation: LabelledSplit, classes: Iterable[int]) -> bool:
    """Whether a validation split has all of some classes, and enough groups."""
    return set(classes) <= set(validation.truth.tolist()) and len(validation.data.groups()) >= _ENOUGH_GROUPS
