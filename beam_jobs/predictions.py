"""A bundle's answers about videos whose landmarks are written: by its end-to-end graph, and nothing of the trainer."""

import dataclasses
import itertools
import json
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import landmarks, saved_model, segments, storage, tables, transform_graph, windows
from beam_jobs.errors import UserError
from beam_jobs.labels import Labels
from beam_jobs.windows import WindowRule

# What of a bundle is needed.
METADATA, GRAPH = "bundle.json", "end_to_end"
# Windows that the graph is fed at once: 10 MB.
_WINDOWS_PER_BATCH = 512


def check_bundle(path: str, fingerprint: dict) -> None:
    """Refuses a bundle that has no end-to-end graph, or was trained on landmarks that were made in another way.

    Raises:
      UserError: with what is wrong.
    """
    transform_graph.find(path, fingerprint)
    if not storage.exists(storage.join(path, GRAPH, "saved_model.pb")):
        raise UserError(
            f"{path} has no {GRAPH}/saved_model.pb; expected a whole bundle. Copy it again, or train it again by "
            "python -m model train."
        )


@dataclasses.dataclass(frozen=True)
class PersonRows:
    """One person's rows in a video.

    Attributes:
      keys: the rows as they were read.
      rows: landmarks, float32, shape (T, 33, 3); NaN where the person is not in view.
      times: in ms, int64, shape (T,).
      last: the positions of rows in which a window ends.
    """

    keys: pa.Table
    rows: np.ndarray
    times: np.ndarray
    last: list[int]


def copy_bundle(bundle: str, target: str) -> str:
    """Copies of a bundle what predicts to where workers can read it; returns `target`."""
    source_graph = storage.join(bundle, GRAPH)
    with storage.local_folder_copy(source_graph) as source, storage.atomic_folder(target, METADATA) as copy:
        shutil.copytree(source, f"{copy}/{GRAPH}")
        with open(f"{copy}/{METADATA}", "w", encoding="utf-8") as file:
            file.write(storage.read_text(storage.join(bundle, METADATA)))
    return target


def read_labels(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A bundle's labels, in the order of the probabilities, and those of them that are holds."""
    metadata = json.loads(storage.read_text(storage.join(path, METADATA)))
    return tuple(metadata["labels"]), tuple(metadata.get("holds", ()))


class Predictor:
    """A loaded bundle.

    Attributes:
      labels: in the order of the probabilities.
      holds: those of them without movement.
      rule: which rows make a window.
      columns: of the landmarks table, that it reads.
      sha256: of the graph, so that a reader of predictions knows what made them.
    """

    def __init__(self, path: str) -> None:
        """Loads a bundle; local or gs://."""
        metadata = json.loads(storage.read_text(storage.join(path, METADATA)))
        self.labels: tuple[str, ...] = tuple(metadata["labels"])
        self.holds: tuple[str, ...] = tuple(metadata.get("holds", ()))
        self.rule = WindowRule(**metadata["window"])
        self._points = tables.landmark_columns(metadata["fingerprint"]["coordinates"])
        self.columns = [*(column.name for column in tables.KEY_COLUMNS), *self._points, "detected"]
        with storage.local_folder_copy(storage.join(path, GRAPH)) as folder:
            self.sha256 = saved_model.sha256(folder)
            self._graph = saved_model.load(folder)

    def predict(self, file: str, labels: Labels) -> pa.Table:
        """One row for each window of a video, named by the window's last row.

        Args:
          file: of the landmarks table, local or gs://.
          labels: the rows' last columns.

        Returns:
          Rows of `tables.PREDICTIONS`.
        """
        with storage.open_input(file) as source:
            read = pq.read_table(source, columns=self.columns)
        parts = [self._predict_person(person, labels) for person in self.people(read)]
        return pa.concat_tables([tables.PREDICTIONS.schema().empty_table(), *parts])

    def people(self, read: pa.Table) -> Iterator[PersonRows]:
        """The rows of each person in a video, from `columns` of all its rows in their order."""
        people = read["person_id"].to_numpy()
        starts = [0, *(np.flatnonzero(people[1:] != people[:-1]) + 1), len(people)]
        for start, end in itertools.pairwise(starts):
            if start == end:
                continue
            own = read.slice(start, end - start)
            rows = np.stack([own[name].to_numpy() for name in self._points], axis=1)
            # Which rows end a window does not depend on the features.
            nothing = np.empty(0, np.float32)
            detected = own["detected"].to_pylist()
            last = [index for index, _ in windows.windows(((nothing, seen) for seen in detected), self.rule)]
            yield PersonRows(own, rows.reshape(-1, landmarks.NUM_LANDMARKS, 3), own["timestamp_ms"].to_numpy(), last)

    def _predict_person(self, person: PersonRows, labels: Labels) -> pa.Table:
        read, last = person.keys, person.last
        probabilities = self.probabilities(person.rows, person.times, last)
        columns: dict[str, Any] = {column.name: read[column.name].take(last) for column in tables.KEY_COLUMNS}
        best = probabilities.argmax(axis=1)
        columns["exercise"] = pa.array([self.labels[index] for index in best], pa.string())
        columns["probability"] = pa.array(probabilities.max(axis=1), pa.float32())
        columns["probabilities"] = pa.array(list(probabilities), pa.list_(pa.float32()))
        for column in tables.LABEL_COLUMNS:
            columns[column.name] = pa.array([getattr(labels, column.name)] * len(last), column.type)
        schema = tables.PREDICTIONS.schema()
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def probabilities(self, rows: np.ndarray, times: np.ndarray, last: list[int]) -> np.ndarray:
        """The probability of each label, of windows.

        Args:
          rows: as `windows.end_to_end_inputs` takes them.
          times: likewise.
          last: W positions of rows in which a window ends.

        Returns:
          float32, shape (W, C).
        """
        return self._probabilities([windows.end_to_end_inputs(rows, times, index, self.rule) for index in last])

    def steady(self, rows: np.ndarray, times: np.ndarray, last: list[int]) -> list[np.ndarray]:
        """As `probabilities`, but what `segments.surer` makes of the windows and their last second."""
        fed = [windows.end_to_end_inputs(rows, times, index, self.rule) for index in last]
        wholes = self._probabilities(fed)
        recent = [
            None if segments.is_sure(whole) else windows.recent_inputs(*one, self.rule)
            for whole, one in zip(wholes, fed, strict=True)
        ]
        answers = iter(self._probabilities([one for one in recent if one is not None]))
        return [
            segments.surer(whole, None if one is None else next(answers))
            for whole, one in zip(wholes, recent, strict=True)
        ]

    def _probabilities(self, fed: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        import tensorflow as tf

        found = [np.empty((0, len(self.labels)), np.float32)]
        for start in range(0, len(fed), _WINDOWS_PER_BATCH):
            inputs = [np.stack(one) for one in zip(*fed[start : start + _WINDOWS_PER_BATCH], strict=True)]
            found.append(self._graph.serve(tf.constant(inputs[0]), tf.constant(inputs[1])).numpy())
        return np.concatenate(found)

    def answer(self, predictions: pa.Table) -> dict[str, Any]:
        """What is said of a whole video: the exercise with the highest mean probability over its windows.

        Args:
          predictions: of one video.

        Returns:
          `exercise` and `probability`, None where there is no window; `num_windows`; the bundle's `bundle_sha256`.
        """
        exercise = probability = None
        if len(predictions):
            mean = np.mean(predictions["probabilities"].to_pylist(), axis=0)
            exercise, probability = self.labels[int(mean.argmax())], float(mean.max())
        return {
            "exercise": exercise,
            "probability": probability,
            "num_windows": len(predictions),
            "bundle_sha256": self.sha256,
        }
