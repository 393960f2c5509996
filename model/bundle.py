"""The bundle: a folder that recognises exercises with nothing else beside it.

    bundle.json      labels, window, sampling rate, fingerprint, metrics, configuration, learning curves
    transform_fn/    SavedModel: a row's landmarks and history -> its features
    classifier/      SavedModel: windows of features -> probabilities
    end_to_end/      SavedModel: landmarks and timestamps -> probabilities, the two above with the windows between
    weights.weights.h5   the network's weights, to fine-tune from

Loading and using one takes NumPy and TensorFlow: neither Keras nor keras-tcn, Beam or TFT.
"""

import dataclasses
import hashlib
import importlib.metadata
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from beam_jobs import landmarks, storage, tables, windows
from beam_jobs.errors import UserError
from beam_jobs.native_logs import quiet_import
from beam_jobs.windows import WindowRule

SCHEMA_VERSION = tables.SCHEMA_VERSION
MARKER = "bundle.json"
TRANSFORM, CLASSIFIER, END_TO_END, WEIGHTS = "transform_fn", "classifier", "end_to_end", "weights.weights.h5"
# What an import writes in its fingerprint for what it cannot know.
UNKNOWN = "unknown"
_VERSIONS_OF = ("numpy", "tensorflow", "keras", "keras-tcn")


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes:
      labels: the classes, in the order of the probabilities.
      rule: which rows make a window.
      frame_rate_hz: of the sampling grid.
      fingerprint: of the extractor that made the landmarks; `coordinates` says which landmarks the graph is fed.
      metadata: all of bundle.json.
    """

    labels: tuple[str, ...]
    rule: WindowRule
    frame_rate_hz: float
    fingerprint: dict[str, Any]
    metadata: dict[str, Any] = dataclasses.field(repr=False)
    _transform: Callable = dataclasses.field(repr=False)
    _classify: Callable = dataclasses.field(repr=False)

    @property
    def history_length(self) -> int:
        """Rows that a row carries into the transform graph, itself the last."""
        return self.metadata["history_length"]

    def features(self, history: np.ndarray, timestamps_ms: np.ndarray) -> np.ndarray:
        """The standardised features of rows.

        Args:
          history: each row's landmarks with its past, oldest first, float32, shape (B, H, 33, 3); NaN where missing.
          timestamps_ms: int64, shape (B, H). Both as `windows.History` and `windows.histories` return them.

        Returns:
          float32, shape (B, 189).
        """
        import tensorflow as tf

        inputs = {
            "landmarks": tf.constant(history, tf.float32),
            "timestamp_ms": tf.constant(timestamps_ms, tf.int64),
        }
        return self._transform(inputs)["final_features"].numpy()

    def probabilities(self, feature_windows: np.ndarray) -> np.ndarray:
        """The probability of each class.

        Args:
          feature_windows: as `windows.windows` yields them, float32, shape (B, 34, 189).

        Returns:
          float32, shape (B, C).
        """
        import tensorflow as tf

        return self._classify(tf.constant(feature_windows, tf.float32)).numpy()

    def check_fingerprint(self, fingerprint: Mapping[str, Any], what: str = "this extractor") -> None:
        """Checks that landmarks made elsewhere mean the same as those that the bundle was trained on.

        What the bundle does not know (an import says "unknown") is not compared.

        Args:
          fingerprint: of the other landmarks.
          what: they are, for the message.

        Raises:
          UserError: naming what differs, with both values.
        """
        differing = [
            f"{key}: the bundle has {value!r}, {what} has {fingerprint.get(key)!r}"
            for key, value in sorted(self.fingerprint.items())
            if value not in (None, UNKNOWN) and fingerprint.get(key) != value
        ]
        if differing:
            raise UserError(
                f"the landmarks do not fit the bundle ({'; '.join(differing)}). Use the extractor that the bundle was "
                "trained with, or extract the training videos anew with this one and train again."
            )


def load(path: str) -> Bundle:
    """Loads a bundle, and warms it up: the first calls are as quick as the later ones.

    Args:
      path: a bundle's folder, local or gs://.

    Raises:
      UserError: where there is none, or it is of another schema.
    """
    metadata = read_metadata(path)
    # Here and not above, so that reading a bundle.json does not wait for TensorFlow.
    with quiet_import():
        import tensorflow as tf

    with storage.local_folder_copy(path) as folder:
        for part in (TRANSFORM, CLASSIFIER):
            if not os.path.isfile(os.path.join(folder, part, "saved_model.pb")):
                raise UserError(f"{path} has no {part}/saved_model.pb; expected a whole bundle. Copy it again.")
        transform = tf.saved_model.load(os.path.join(folder, TRANSFORM))
        classifier = tf.saved_model.load(os.path.join(folder, CLASSIFIER))
    rule = WindowRule(**metadata["window"])
    bundle = Bundle(
        labels=tuple(metadata["labels"]),
        rule=rule,
        frame_rate_hz=metadata["frame_rate_hz"],
        fingerprint=metadata["fingerprint"],
        metadata=metadata,
        # A loaded graph's variables live as long as the loaded object: the closures keep it.
        _transform=lambda inputs: transform.transform_fn(inputs),
        _classify=lambda inputs: classifier.serve(inputs),
    )
    history = np.zeros((1, bundle.history_length, landmarks.NUM_LANDMARKS, 3), np.float32)
    for _ in range(2):
        bundle.features(history, np.zeros((1, bundle.history_length), np.int64))
        bundle.probabilities(np.zeros((1, rule.length, tables.NUM_FEATURES), np.float32))
    return bundle


def read_metadata(path: str) -> dict[str, Any]:
    """A bundle's bundle.json.

    Raises:
      UserError: where there is none, or it is of another schema; says both values.
    """
    file = storage.join(path, MARKER)
    if not storage.exists(file):
        raise UserError(f"{path} has no {MARKER}; expected a bundle's folder (python -m model train makes one).")
    try:
        metadata = json.loads(storage.read_text(file))
    except json.JSONDecodeError as error:
        raise UserError(f"{file} is not JSON ({error}). Copy the bundle again, or train it again.") from None
    if metadata.get("schema_version") != SCHEMA_VERSION:
        raise UserError(
            f"{file} has schema version {metadata.get('schema_version')!r}; expected {SCHEMA_VERSION}. Train the "
            "bundle again with this version, or use it with the version that wrote it."
        )
    if tuple(metadata["feature_names"]) != tables.FEATURE_NAMES:
        theirs, ours = next(
            pair
            for pair in itertools.zip_longest(metadata["feature_names"], tables.FEATURE_NAMES)
            if pair[0] != pair[1]
        )
        raise UserError(
            f"{file} has other features: {theirs!r} stands where this version has {ours!r}. Train the bundle again."
        )
    return metadata


def transform_folder(tables_path: str) -> str:
    """The SavedModel folder of the transform graph beside feature tables.

    Raises:
      UserError: where there is none.
    """
    for parts in (("transform_fn", "transform_fn"), ("transform_fn",)):
        folder = storage.join(tables_path, *parts)
        if storage.exists(storage.join(folder, "saved_model.pb")):
            return folder
    raise UserError(
        f"{storage.join(tables_path, 'transform_fn')} has no saved_model.pb; expected the graph that made the tables. "
        "Run `python -m beam_jobs features` again, with the tables as its --output."
    )


def folder_sha256(folder: str) -> str:
    """A hash of a SavedModel: of its files' names and contents."""
    digest = hashlib.sha256()
    for file in storage.list_files(folder):
        with storage.open_input(file) as source:
            content = hashlib.sha256(source.read()).hexdigest()
        digest.update(f"{file[len(folder.rstrip('/')) + 1 :]} {content}\n".encode())
    return digest.hexdigest()


def check_tables(metadata: Mapping[str, Any], bundle_path: str, tables_path: str) -> None:
    """Checks that feature tables were made by the bundle's own transform graph: else its features mean another thing.

    Raises:
      UserError: with both hashes, and the command that mends it.
    """
    theirs, ours = folder_sha256(transform_folder(tables_path)), metadata["transform_fn_sha256"]
    if theirs != ours:
        raise UserError(
            f"{tables_path} was made by another transform graph (sha256 {theirs[:12]}…) than the bundle's "
            f"({ours[:12]}…). Make the tables with the bundle's: python -m beam_jobs features --input LANDMARKS "
            f"--output TABLES --transform_fn {storage.join(bundle_path, TRANSFORM)}"
        )


def write(
    path: str,
    *,
    network: Any,
    labels: tuple[str, ...],
    rule: WindowRule,
    fingerprint: Mapping[str, Any],
    transform_fn: str,
    extra: Mapping[str, Any],
    logs: str | None = None,
) -> None:
    """Writes a bundle, whole or not at all.

    Args:
      path: the folder, local or gs://; a bundle that is there is replaced.
      network: a Keras model from windows (B, 34, 189) to logits (B, C).
      labels: the classes in the network's order.
      rule: which rows make a window.
      fingerprint: of the extractor, as the tables carry it.
      transform_fn: the SavedModel folder of the transform graph, local or gs://.
      extra: further entries of bundle.json.
      logs: a local folder of TensorBoard logs to keep beside; none by default.
    """
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "labels": list(labels),
        "window": dataclasses.asdict(rule),
        "history_length": windows.HISTORY_LENGTH,
        "frame_rate_hz": float(fingerprint.get("frame_rate_hz") or windows.DEFAULT_FRAME_RATE_HZ),
        "fingerprint": dict(fingerprint),
        "transform_fn_sha256": folder_sha256(transform_fn),
        **extra,
        "versions": {name: importlib.metadata.version(name) for name in _VERSIONS_OF},
        "feature_names": list(tables.FEATURE_NAMES),
    }
    with storage.whole_folder(path, marker=MARKER) as folder:
        with storage.local_folder_copy(transform_fn) as source:
            shutil.copytree(source, os.path.join(folder, TRANSFORM))
        _save_classifier(network, len(labels), rule, os.path.join(folder, CLASSIFIER))
        _save_end_to_end(folder, rule)
        network.save_weights(os.path.join(folder, WEIGHTS))
        if logs is not None:
            shutil.copytree(logs, os.path.join(folder, "logs"))
        with open(os.path.join(folder, MARKER), "w", encoding="utf-8") as file:
            json.dump(metadata, file, indent=2)
            file.write("\n")


def _save_classifier(network: Any, num_classes: int, rule: WindowRule, folder: str) -> None:
    import tensorflow as tf

    shape = [None, rule.length, tables.NUM_FEATURES]

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="windows")])
    def serve(feature_windows):
        return tf.ensure_shape(tf.nn.softmax(network(feature_windows, training=False)), [None, num_classes])

    module = tf.Module()
    # The variables alone, not the Keras objects: what is written needs no Keras to be read.
    module.weights = [variable.value for variable in network.variables]
    module.serve = serve
    tf.saved_model.save(module, folder, signatures={"serving_default": serve.get_concrete_function()})


def _save_end_to_end(folder: str, rule: WindowRule) -> None:
    """Saves the graph from landmarks to probabilities, out of the two graphs that lie in the folder.

    Its `serve(landmarks, timestamps_ms)` takes float32 (B, 41, 33, 3) and int64 (B, 41): a window's 34 rows and the 7
    before them. Rows without a person are NaN; rows before the clip's start are NaN with a negative timestamp.
    """
    import tensorflow as tf

    num_rows = end_to_end_rows(rule)
    module = tf.Module()
    module.transform = tf.saved_model.load(os.path.join(folder, TRANSFORM))
    module.classifier = tf.saved_model.load(os.path.join(folder, CLASSIFIER))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, num_rows, landmarks.NUM_LANDMARKS, 3], tf.float32, name="landmarks"),
            tf.TensorSpec([None, num_rows], tf.int64, name="timestamps_ms"),
        ]
    )
    def serve(rows, timestamps_ms):
        length = windows.HISTORY_LENGTH
        # (B, 41, ...) -> (B, 34, 8, ...) -> (B * 34, 8, ...): row i's history is rows i to i + 7.
        positions = tf.range(rule.length)[:, None] + tf.range(length)[None, :]
        history = tf.reshape(tf.gather(rows, positions, axis=1), [-1, length, landmarks.NUM_LANDMARKS, 3])
        times = tf.reshape(tf.gather(timestamps_ms, positions, axis=1), [-1, length])
        # As windows.histories: what lies before the clip's start has the newest row's own time.
        times = tf.where(times < 0, times[:, -1:], times)
        features = module.transform.transform_fn({"landmarks": history, "timestamp_ms": times})["final_features"]
        detected = tf.reduce_any(tf.math.is_finite(history[:, -1]), axis=[1, 2])
        # where, not a product: whatever the graph says of a row without a person, it is zeros in a window.
        features = tf.where(detected[:, None], features, tf.zeros_like(features))
        return module.classifier.serve(tf.reshape(features, [-1, rule.length, tables.NUM_FEATURES]))

    module.serve = serve
    tf.saved_model.save(
        module, os.path.join(folder, END_TO_END), signatures={"serving_default": serve.get_concrete_function()}
    )


def end_to_end_rows(rule: WindowRule) -> int:
    """Rows that the end-to-end graph is fed: a window's, and the history of its first one."""
    return rule.length + windows.HISTORY_LENGTH - 1


def end_to_end_inputs(
    rows: np.ndarray, timestamps_ms: np.ndarray, last: int, rule: WindowRule
) -> tuple[np.ndarray, np.ndarray]:
    """What the end-to-end graph is fed for the window that ends in row `last` of a clip.

    Args:
      rows: the clip's landmarks, float32, shape (T, 33, 3); NaN where nobody was detected.
      timestamps_ms: since the clip's first frame, int64, shape (T,).
      last: a row's index.
      rule: which rows make a window.

    Returns:
      float32 (41, 33, 3) and int64 (41,); NaN and -1 before the clip's start.
    """
    num_rows = end_to_end_rows(rule)
    start = max(0, last + 1 - num_rows)
    padding = num_rows - (last + 1 - start)
    taken = np.pad(rows[start : last + 1].astype(np.float32), ((padding, 0), (0, 0), (0, 0)), constant_values=np.nan)
    times = np.pad(timestamps_ms[start : last + 1].astype(np.int64), (padding, 0), constant_values=-1)
    return taken, times
