"""What fine-tuning starts from and learns from: a bundle, the user's clips, and clips to rehearse known classes on."""

import dataclasses
import sys
from typing import Any

import keras
import numpy as np

from beam_jobs import saved_model, storage
from beam_jobs.errors import UserError
from model import bundle, calibration, config, dataset, networks, rehearsal, training_data, transform_graph
from model.training_data import LabelledSplit, TrainingInputs

# Of synthetic athletes, when their tables are given: more add little.
_REHEARSED_CLIPS_PER_CLASS = 100


@dataclasses.dataclass(frozen=True)
class Start:
    """The bundle to start from.

    Attributes:
      path: its folder.
      metadata: its bundle.json.
      settings: its configuration, changed in what is to differ.
      graph: the SavedModel folder of the transform graph, beside the tables.
    """

    path: str
    metadata: dict[str, Any]
    settings: config.Config
    graph: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes that the bundle knows."""
        return tuple(self.metadata["labels"])

    @property
    def calibrated(self) -> calibration.Calibration:
        """What it does to its network's logits."""
        known = [field.name for field in dataclasses.fields(calibration.Calibration)]
        return calibration.Calibration(**{name: self.metadata[name] for name in known if name in self.metadata})


@dataclasses.dataclass(frozen=True)
class FinetuneData:
    """What there is to learn from, and to measure on.

    Attributes:
      labels: the bundle's classes, then the new ones.
      own: windows of the user's clips to learn from.
      landmarks: of the rows of `own`, float32, shape (R, 33, 3).
      validation: all windows of the tables' validation split; None where none is of one of `labels`.
      rehearsed: windows of synthetic athletes to rehearse on; None where there are none.
      rehearsed_landmarks: of their rows.
      held_out: windows of synthetic athletes to measure on; None where there are none.
      clips: the rehearsal clips that the new bundle keeps.
    """

    labels: tuple[str, ...]
    own: LabelledSplit
    landmarks: np.ndarray
    validation: dataset.Windows | None
    rehearsed: LabelledSplit | None
    rehearsed_landmarks: np.ndarray | None
    held_out: LabelledSplit | None
    clips: list[rehearsal.RehearsalClip]


def read_start(bundle_path: str, inputs: TrainingInputs, settings: config.Config) -> Start:
    """The bundle to start from.

    Raises:
      UserError: if the tables or the configuration do not fit it.
    """
    metadata = bundle.read_metadata(bundle_path)
    transform_graph.check_tables(metadata, bundle_path, inputs.tables)
    theirs = config.config_of_bundle(metadata, bundle_path)
    if (settings.network, settings.window) != (theirs.network, theirs.window):
        raise UserError(
            f"--config asks for {settings.network}, {settings.window}; the bundle has {theirs.network}, "
            f"{theirs.window}. Leave `network` and `window` out of it, or train anew."
        )
    return Start(bundle_path, metadata, settings, transform_graph.find_beside_tables(inputs.tables))


def load(start: Start, inputs: TrainingInputs) -> FinetuneData:
    """Reads the user's clips and the rehearsal clips: the bundle's own, or those of `inputs.synthetic_tables`.

    Raises:
      UserError: where there is no clip to learn from, or none to rehearse a known class on.
    """
    rule = start.settings.window
    people = dataclasses.replace(inputs, synthetic_tables=())
    data = training_data.load_training_data(people, rule, needs_validation=False)
    own_labels = training_data.classes(data.train)
    labels = start.labels + tuple(label for label in own_labels if label not in start.labels)
    own, validation = training_data.labelled(data.train, labels), data.validation
    if validation is not None and not (validation.labels(labels) >= 0).any():
        validation = None
    if start.settings.training.standing_still_as_none:
        own = training_data.standing_still_as_none(own, labels, data.landmarks)
    if inputs.synthetic_tables:
        synthetic = training_data.load_synthetic(inputs, rule)
        clips = rehearsal.choose_clips(*synthetic, _REHEARSED_CLIPS_PER_CLASS)
    else:
        clips = rehearsal.load(start.path)
    clips = [clip for clip in clips if clip.label in start.labels]
    _check_rehearsal(start, own_labels, {clip.label for clip in clips})
    learned, held_out = (_rehearsal_windows(start, labels, clips, part) for part in (False, True))
    return FinetuneData(
        labels=labels,
        own=own,
        landmarks=data.landmarks,
        validation=validation,
        rehearsed=learned and learned[0],
        rehearsed_landmarks=learned and learned[1],
        held_out=held_out and held_out[0],
        clips=rehearsal.fewer(clips) if inputs.synthetic_tables else clips,
    )


def _check_rehearsal(start: Start, own_labels: tuple[str, ...], rehearsed: set[str]) -> None:
    missing = sorted(set(start.labels) - set(own_labels) - rehearsed)
    if missing and not rehearsed:
        raise UserError(
            f"{start.path} keeps no rehearsal clips, and the tables have no clip of {', '.join(missing)}: fine-tuning "
            "would forget what the bundle knows. Give tables of synthetic athletes (--synthetic_tables), or clips of "
            "these exercises (--extra_tables)."
        )
    if missing:
        print(
            f"warning: {', '.join(missing)}: known to the bundle, and no clip here is of it; may be forgotten. Give "
            "clips (--extra_tables).",
            file=sys.stderr,
        )


def _rehearsal_windows(
    start: Start, labels: tuple[str, ...], clips: list[rehearsal.RehearsalClip], held_out: bool
) -> tuple[LabelledSplit, np.ndarray] | None:
    chosen = [clip for clip in clips if clip.held_out == held_out]
    if not chosen:
        return None
    with storage.local_folder_copy(start.graph) as folder:
        graph = saved_model.load(folder)
    rate_hz = float(start.metadata["frame_rate_hz"])
    data, landmarks = rehearsal.to_windows(
        chosen, lambda rows: graph.transform_fn(rows), rate_hz, start.settings.window
    )
    return training_data.labelled(data, labels, np.ones(len(data), bool)), landmarks


def load_network(start: Start) -> keras.Model:
    """The bundle's network with its weights.

    Raises:
      UserError: where the weights do not fit the network of this version.
    """
    network = networks.build(start.settings.network, len(start.labels))
    with storage.local_copy(storage.join(start.path, bundle.WEIGHTS)) as weights:
        try:
            network.load_weights(weights)
        except ValueError:
            raise UserError(
                f"{start.path}: its weights do not fit the network '{start.settings.network.name}' of this version; "
                "expected a bundle whose network has not changed since. Train anew (python -m model train)."
            ) from None
    return network
