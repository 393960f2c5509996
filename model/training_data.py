"""What a network learns from: tables to windows with their classes, and the checks before training begins."""

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from beam_jobs import tables
from beam_jobs.errors import UserError
from beam_jobs.windows import WindowRule
from model import clip_rows, dataset, standing_still, transform_graph


@dataclasses.dataclass(frozen=True)
class TrainingInputs:
    """Which tables to learn from; all of them were made by one transform graph.

    Attributes:
      tables: the output of `python -m beam_jobs features`, local or gs://; its splits train and validation are used.
      synthetic_tables: tables of synthetic athletes; all of their clips are trained on, as the synthetic part of each
        epoch (`training.synthetic_fraction`).
      extra_tables: tables of more real people; all of their clips are trained on, as if they were of the train split.
      rename_labels: labels that are to have other names, old name to new name.
      all_splits: train on every clip of `tables`, whatever its split; then nothing is left to validate on.
    """

    tables: str
    synthetic_tables: tuple[str, ...] = ()
    extra_tables: tuple[str, ...] = ()
    rename_labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    all_splits: bool = False


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What there is to learn from.

    Attributes:
      train: windows to learn from.
      landmarks: of its rows, float32, shape (R, 33, 3).
      validation: windows to validate on; None where every clip is trained on.
      synthetic: which windows of `train` are of synthetic athletes, bool, shape (N,).
    """

    train: dataset.Windows
    landmarks: np.ndarray
    validation: dataset.Windows | None
    synthetic: np.ndarray


@dataclasses.dataclass(frozen=True)
class LabelledSplit:
    """Windows with known classes.

    Attributes:
      data: the windows.
      truth: indices of their classes, int32, shape (N,).
      synthetic: which of them are of synthetic athletes, bool, shape (N,).
    """

    data: dataset.Windows
    truth: np.ndarray
    synthetic: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)


def labelled(data: dataset.Windows, labels: Sequence[str], synthetic: np.ndarray | None = None) -> LabelledSplit:
    """The windows whose label is one of `labels`, with the indices of their classes."""
    truth = data.labels(labels)
    known = truth >= 0
    synthetic = np.zeros(len(data), bool) if synthetic is None else synthetic
    return LabelledSplit(data.select(known), truth[known], synthetic[known])


def standing_still_as_none(split: LabelledSplit, labels: Sequence[str], landmarks: np.ndarray) -> LabelledSplit:
    """Labels windows of real people who stand still as `none`; synthetic athletes keep their labels."""
    truth = standing_still.relabel_standing_still(split.truth, labels, landmarks, split.data.positions)
    return dataclasses.replace(split, truth=np.where(split.synthetic, split.truth, truth))


def classes(data: dataset.Windows) -> tuple[str, ...]:
    """The labels of the clips that have a window, sorted."""
    with_window = np.unique(data.clip)
    return tuple(sorted({label for index in with_window if (label := data.clips[index].label) is not None}))


def joined(*parts: LabelledSplit) -> LabelledSplit:
    """Several splits as one."""
    return LabelledSplit(
        dataset.joined([part.data for part in parts]),
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.synthetic for part in parts]),
    )


def load_training_data(inputs: TrainingInputs, rule: WindowRule, needs_validation: bool = True) -> TrainingData:
    """Reads the windows to train on and to validate on.

    Args:
      inputs: which tables.
      rule: which rows make a window.
      needs_validation: whether a validation split without a labelled window is an error; else there is none.

    Raises:
      UserError: where a split has no labelled window, or other tables were made by another transform graph or have
        groups of the validation split.
    """
    if inputs.all_splits:
        train, validation = load_renamed(inputs.tables, None, inputs, rule), None
        check_labelled(inputs.tables, "folder", train, rule)
    else:
        warn_of_unused_videos(inputs.tables)
        train, validation = (load_renamed(inputs.tables, [split], inputs, rule) for split in ("train", "validation"))
        check_labelled(inputs.tables, "train split", train, rule)
        if needs_validation or classes(validation):
            check_labelled(inputs.tables, "validation split", validation, rule)
        else:
            validation = None
    parts, landmarks = [train], [clip_rows.load_landmarks(inputs.tables, train)]
    for other, theirs in load_other_tables(inputs, rule, validation.groups() if validation else set()):
        parts.append(other)
        landmarks.append(theirs)
    synthetic = np.repeat(np.arange(len(parts)) > len(inputs.extra_tables), [len(part) for part in parts])
    return TrainingData(dataset.joined(parts), np.concatenate(landmarks), validation, synthetic)


def load_synthetic(inputs: TrainingInputs, rule: WindowRule) -> tuple[dataset.Windows, np.ndarray]:
    """The windows of all synthetic tables, and the landmarks of their rows.

    Raises:
      UserError: as `load_other_tables`.
    """
    parts = list(load_other_tables(dataclasses.replace(inputs, extra_tables=()), rule, set()))
    return dataset.joined([data for data, _ in parts]), np.concatenate([rows for _, rows in parts])


def load_renamed(path: str, splits: Sequence[str] | None, inputs: TrainingInputs, rule: WindowRule) -> dataset.Windows:
    """The windows of some splits of a table (None: all of them), with `inputs.rename_labels` applied."""
    return dataset.renamed(dataset.load(path, splits, rule), inputs.rename_labels)


def load_other_tables(
    inputs: TrainingInputs, rule: WindowRule, validation_groups: set[str]
) -> Iterator[tuple[dataset.Windows, np.ndarray]]:
    """The windows and landmarks of each of the extra tables, then of the synthetic tables.

    Raises:
      UserError: where a table was made by another transform graph, or has groups that are validated on.
    """
    ours = transform_graph.sha256(transform_graph.find_beside_tables(inputs.tables))
    flags = [("--extra_tables", path) for path in inputs.extra_tables]
    flags += [("--synthetic_tables", path) for path in inputs.synthetic_tables]
    for flag, path in flags:
        theirs = transform_graph.sha256(transform_graph.find_beside_tables(path))
        if theirs != ours:
            raise UserError(
                f"{flag} {path} was made by another transform graph (sha256 {theirs[:12]}…) than {inputs.tables} "
                f"({ours[:12]}…). Make it with that one: python -m beam_jobs features --input LANDMARKS --output "
                f"{path} --transform_fn {inputs.tables}"
            )
        other = load_renamed(path, None, inputs, rule)
        check_labelled(path, "folder", other, rule)
        if shared := sorted(validation_groups & other.groups()):
            raise UserError(
                f"{flag} {path} has {len(shared)} groups of the validation split of {inputs.tables} (such as "
                f"'{shared[0]}'); expected other people: the same people would be trained on and validated on."
            )
        yield other, clip_rows.load_landmarks(path, other)


def warn_of_unused_videos(tables_path: str) -> None:
    """Says which videos are in no split."""
    if unused := dataset.without_split(tables_path):
        print(
            f"warning: videos in none of the splits {', '.join(tables.SPLITS)}: {len(unused)}, such as '{unused[0]}'. "
            f"They are not used. Set the split column of labels.csv.",
            file=sys.stderr,
        )


def check_labelled(tables_path: str, what: str, data: dataset.Windows, rule: WindowRule) -> None:
    """Refuses windows without any label; says how many clips are not used.

    Raises:
      UserError: where no window has a label.
    """
    if not classes(data):
        num_rows = sum(clip.num_rows for clip in data.clips)
        raise UserError(
            f"{tables_path}: the {what} has no window with a label ({len(data.clips)} clips, {num_rows} rows); "
            f"expected some{': training needs the splits train and validation' if 'split' in what else ''}. A clip "
            f"needs {rule.min_detected} rows with a person. Give more videos, or set the split column of labels.csv."
        )
    unlabelled = sum(clip.label is None for clip in data.clips)
    short = len(dataset.without_window(data))
    if unlabelled:
        print(f"warning: clips of the {what} without a label: {unlabelled}. They are not used.", file=sys.stderr)
    if short:
        print(
            f"warning: clips of the {what} with too few rows with a person: {short}. They are not used.",
            file=sys.stderr,
        )
