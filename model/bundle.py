"""The bundle: a folder that recognises exercises with nothing else beside it.

    bundle.json      labels, window, sampling rate, fingerprint, metrics, configuration, learning curves
    transform_fn/    SavedModel: a row's landmarks and history -> its features
    classifier/      SavedModel: windows of features -> probabilities
    end_to_end/      SavedModel: landmarks and timestamps -> probabilities, the two above with the windows between
    end_to_end.tflite    the same as one LiteRT file, which live runs; not where the transform graph is of another kind
    weights.weights.h5   the network's weights, to fine-tune from
    rehearsal.npz    landmarks of synthetic athletes, which fine-tuning rehearses the classes on; not in every bundle

Loading and using one takes NumPy and TensorFlow: neither Keras nor keras-tcn, Beam or TFT.
"""

import dataclasses
import importlib.metadata
import itertools
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs import landmarks, saved_model, storage, tables, windows
from beam_jobs.errors import UserError
from beam_jobs.native_logs import quiet_import
from beam_jobs.tensorflow_import import import_tensorflow
from beam_jobs.windows import WindowRule
from model import calibration, end_to_end, holds, litert_graph, rehearsal, transform_graph

SCHEMA_VERSION = tables.SCHEMA_VERSION
METADATA_FILE = "bundle.json"
TRANSFORM, CLASSIFIER, END_TO_END, WEIGHTS = transform_graph.FOLDER, "classifier", "end_to_end", "weights.weights.h5"
EXPORTED = "end_to_end.tflite"
# Beside it, and in exports alone: a folder that has it may be replaced by another export.
EXPORT_REPORT = "export.json"
# What an import writes in its fingerprint for what it cannot know.
UNKNOWN = "unknown"
_VERSIONS_OF = ("numpy", "tensorflow", "keras", "keras-tcn")
# What a bundle.json must have, beside its schema version, and as what.
_ENTRIES: dict[str, type | tuple[type, ...]] = {
    "labels": list,
    "window": dict,
    "history_length": int,
    "frame_rate_hz": (int, float),
    "fingerprint": dict,
    "transform_fn_sha256": str,
    "feature_names": list,
    "network": str,
    "num_parameters": int,
    "config": dict,
    "phases": list,
    "trained_groups": list,
    "validation_groups": list,
}


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A loaded bundle.

    Attributes:
      labels: the classes, in the order of the probabilities.
      rule: which rows make a window.
      frame_rate_hz: of the sampling grid.
      fingerprint: of the extractor that made the landmarks; `coordinates` says which landmarks the graph is fed.
      holds: the labels that a window without movement may have (see model/holds.py).
      metadata: all of bundle.json.
      feature_scale: see `holds.feature_scale`.
    """

    labels: tuple[str, ...]
    rule: WindowRule
    frame_rate_hz: float
    fingerprint: dict[str, Any]
    holds: tuple[str, ...]
    metadata: dict[str, Any] = dataclasses.field(repr=False)
    _transform: Callable = dataclasses.field(repr=False)
    _classify: Callable = dataclasses.field(repr=False)
    feature_scale: np.ndarray = dataclasses.field(repr=False)

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
        """The probability of each class; where nothing moves, of holds and `none` alone.

        Args:
          feature_windows: as `windows.windows` yields them, float32, shape (B, 34, 189).

        Returns:
          float32, shape (B, C).
        """
        import tensorflow as tf

        fed = tf.constant(feature_windows, tf.float32)
        movement = holds.movement_torso_lengths(fed, self.feature_scale)
        return holds.without_still_exercises(self._classify(fed), movement, self.labels, self.holds).numpy()

    def check_fingerprint(self, fingerprint: Mapping[str, Any], what: str = "this extractor") -> None:
        """Checks that landmarks made elsewhere mean the same as those that the bundle was trained on.

        What the bundle does not know (an import says "unknown") is not compared.

        Args:
          fingerprint: of the other landmarks.
          what: they are, for the message.

        Raises:
          UserError: naming what differs, with both values.
        """
        check_fingerprint(self.fingerprint, fingerprint, what)


def check_fingerprint(trained: Mapping[str, Any], fingerprint: Mapping[str, Any], what: str = "this extractor") -> None:
    """As `Bundle.check_fingerprint`, of the fingerprint in a bundle.json: nothing needs to be loaded for it."""
    differing = [
        f"{key}: the bundle has {value!r}, {what} has {fingerprint.get(key)!r}"
        for key, value in sorted(trained.items())
        if key not in tables.NOT_COMPARED and value not in (None, UNKNOWN) and fingerprint.get(key) != value
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
      UserError: where there is none, it is of another schema, or it is damaged.
    """
    metadata = read_metadata(path)
    # Here and not above, so that reading a bundle.json does not wait for TensorFlow.
    with quiet_import():
        tf = import_tensorflow()
    with storage.local_folder_copy(path) as folder:
        # In a store another one may be written there meanwhile: without its bundle.json first, with it at last.
        if storage.is_remote(path) and read_metadata(path) != metadata:
            raise UserError(f"{path} was replaced while it was read. Run the same command again.")
        for part in (TRANSFORM, CLASSIFIER):
            if not os.path.isfile(os.path.join(folder, part, "saved_model.pb")):
                raise UserError(f"{path} has no {part}/saved_model.pb; expected a whole bundle. Copy it again.")
        try:
            transform = saved_model.load(os.path.join(folder, TRANSFORM))
            classifier = saved_model.load(os.path.join(folder, CLASSIFIER))
            loaded = _loaded(metadata, transform, classifier)
            _warm_up(loaded)
        except (tf.errors.OpError, OSError, LookupError, AttributeError, TypeError, ValueError) as error:
            load_error = _load_error(path, metadata, error)
            if load_error is None:
                raise
            raise load_error from error
    return loaded


def _load_error(path: str, metadata: Mapping[str, Any], error: Exception) -> UserError | None:
    """What to tell of a bundle that does not load: damaged, of another TensorFlow, too large; or None."""
    import tensorflow as tf

    reason = f"{type(error).__name__}: {str(error).strip().split(chr(10))[0]}"
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return UserError(f"{path} does not fit into memory ({reason}). Close other programs, and try again.")
    if isinstance(error, OSError) and not isinstance(error, tf.errors.OpError) and error.errno is not None:
        return None  # the system's: no permission, too many open files, …
    if "not registered" in str(error):
        trained = (metadata.get("versions") or {}).get("tensorflow", "unknown")
        return UserError(
            f"{path} needs another TensorFlow ({reason}): it was made by {trained}, this is {tf.__version__}. Install "
            f"tensorflow=={trained}, or train the bundle again."
        )
    return UserError(f"{path} is damaged ({reason}); expected a whole bundle. Copy it again, or train it again.")


def _loaded(metadata: dict[str, Any], transform: Any, classifier: Any) -> Bundle:
    return Bundle(
        labels=tuple(metadata["labels"]),
        rule=WindowRule(**metadata["window"]),
        frame_rate_hz=metadata["frame_rate_hz"],
        fingerprint=metadata["fingerprint"],
        # Bundles of earlier versions do not say which of their labels are holds.
        holds=tuple(metadata.get("holds", holds.holds_of(metadata["labels"]))),
        metadata=metadata,
        # A loaded graph's variables live as long as the loaded object: the closures keep it.
        _transform=lambda inputs: transform.transform_fn(inputs),
        _classify=lambda inputs: classifier.serve(inputs),
        feature_scale=holds.feature_scale(transform.transform_fn, metadata["history_length"]),
    )


def _warm_up(bundle: Bundle) -> None:
    history = np.zeros((1, bundle.history_length, landmarks.NUM_LANDMARKS, 3), np.float32)
    for _ in range(2):
        features = bundle.features(history, np.zeros((1, bundle.history_length), np.int64))
        probabilities = bundle.probabilities(np.zeros((1, bundle.rule.length, features.shape[1]), np.float32))
    if probabilities.shape != (1, len(bundle.labels)):
        raise ValueError(f"{probabilities.shape[1]} probabilities for {len(bundle.labels)} labels")


def read_metadata(path: str) -> dict[str, Any]:
    """A bundle's bundle.json.

    Raises:
      UserError: where there is none, it is damaged, or it is of another schema; says both values.
    """
    file = storage.join(path, METADATA_FILE)
    if not storage.exists(file):
        raise UserError(f"{path} has no {METADATA_FILE}; expected a bundle's folder (python -m model train makes one).")
    try:
        metadata = json.loads(storage.read_text(file))
    except json.JSONDecodeError as error:
        raise UserError(f"{file} is not JSON ({error}). Copy the bundle again, or train it again.") from None
    if not isinstance(metadata, dict):
        raise UserError(f"{file} is damaged: it holds {metadata!r}; expected a JSON object. Copy the bundle again.")
    if metadata.get("schema_version") != SCHEMA_VERSION:
        raise UserError(
            f"{file} has schema version {metadata.get('schema_version')!r}; expected {SCHEMA_VERSION}. Train the "
            "bundle again with this version, or use it with the version that wrote it."
        )
    wrong = [key for key, kind in _ENTRIES.items() if not isinstance(metadata.get(key), kind)]
    if wrong:
        raise UserError(f"{file} is damaged: {', '.join(wrong)} missing or not as expected. Copy the bundle again.")
    try:
        WindowRule(**metadata["window"])
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{file} is damaged: window is {metadata['window']} ({error}). Copy the bundle again."
        ) from None
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


def write(
    path: str,
    *,
    network: Any,
    labels: tuple[str, ...],
    rule: WindowRule,
    fingerprint: Mapping[str, Any],
    transform_fn: str,
    extra: Mapping[str, Any],
    calibrated: calibration.Calibration = calibration.UNCHANGED,
    logs: str | None = None,
    rehearsal_clips: Sequence[rehearsal.RehearsalClip] = (),
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
      calibrated: what is done to the logits.
      logs: a local folder of TensorBoard logs to keep beside; none by default.
      rehearsal_clips: of synthetic athletes, to fine-tune with; none by default.
    """
    metadata = {
        "schema_version": SCHEMA_VERSION,
        "labels": list(labels),
        "holds": holds.holds_of(labels),
        "window": dataclasses.asdict(rule),
        **dataclasses.asdict(calibrated),
        "history_length": windows.HISTORY_LENGTH,
        "frame_rate_hz": float(fingerprint.get("frame_rate_hz") or windows.DEFAULT_FRAME_RATE_HZ),
        "fingerprint": dict(fingerprint),
        "transform_fn_sha256": transform_graph.sha256(transform_fn),
        **extra,
        "versions": {name: importlib.metadata.version(name) for name in _VERSIONS_OF},
        "feature_names": list(tables.FEATURE_NAMES),
    }
    with storage.atomic_folder(path, marker=METADATA_FILE) as folder:
        with storage.local_folder_copy(transform_fn) as source:
            shutil.copytree(source, os.path.join(folder, TRANSFORM))
        _save_classifier(network, labels, rule, calibrated, os.path.join(folder, CLASSIFIER))
        whole, first, second = (os.path.join(folder, part) for part in (END_TO_END, TRANSFORM, CLASSIFIER))
        end_to_end.save(whole, first, second, rule, labels, metadata["holds"])
        litert_graph.save(os.path.join(folder, EXPORTED), folder, metadata)
        network.save_weights(os.path.join(folder, WEIGHTS))
        if rehearsal_clips:
            rehearsal.save(folder, rehearsal_clips)
        if logs is not None:
            shutil.copytree(logs, os.path.join(folder, "logs"))
        with open(os.path.join(folder, METADATA_FILE), "w", encoding="utf-8") as file:
            json.dump(metadata, file, indent=2, allow_nan=False)
            file.write("\n")


def _save_classifier(
    network: Any, labels: Sequence[str], rule: WindowRule, calibrated: calibration.Calibration, folder: str
) -> None:
    import tensorflow as tf

    shape = [None, rule.length, tables.NUM_FEATURES]
    bias = calibrated.bias(labels)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="windows")])
    def serve(feature_windows):
        logits = network(feature_windows, training=False) / calibrated.temperature
        # Without a bias the graph stays the smaller one.
        return tf.ensure_shape(tf.nn.softmax(logits + bias if bias.any() else logits), [None, len(labels)])

    module = tf.Module()
    # The variables alone, not the Keras objects: what is written needs no Keras to be read.
    module.weights = [variable.value for variable in network.variables]
    module.serve = serve
    # Without gradients, which are not needed: with them the graph would be larger by a tenth.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, folder, signatures={"serving_default": serve}, options=options)
