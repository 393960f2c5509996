"""A bundle's graphs as one LiteRT file, of built-in operators alone.

LiteRT has neither float64, in which a transform graph standardises, nor a fast way to compute each row from its own
history. So the exported graph computes a window's features at once, in float32, by the means and deviations of the
bundle's own transform graph. Whether that is the same is checked, bundle by bundle, against the bundle's SavedModels
(model/export/check.py).
"""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beam_jobs import landmarks, saved_model, tables, windows
from beam_jobs.errors import UserError
from beam_jobs.native_logs import quiet_import
from beam_jobs.windows import WindowRule
from model import holds as hold_rule
from model import litert

# How weights are stored: kind -> what the card says.
KINDS = {
    "float32": "as they were trained",
    "float16": "half precision; computed in float32",
    "int8": "8 bits, with a scale for each column; computed in float32 (dynamic range)",
}
# A graph with other features than ours is not ours to rewrite. In standard deviations.
_SAME = 1e-3


def standardisation(transform_fn: Any) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each feature, and one divided by its standard deviation, as a transform graph has them.

    Args:
      transform_fn: of a loaded transform graph.

    Returns:
      Both float32, shape (189,); 0 for the second where the column is constant and stays 0.

    Raises:
      UserError: if the graph standardises in another way than `preprocessing.standardized`.
    """
    import tensorflow as tf

    from beam_jobs.features import unscaled

    rng = np.random.default_rng(0)
    rows = rng.normal(0, 0.3, (16, windows.HISTORY_LENGTH, landmarks.NUM_LANDMARKS, 3)).astype(np.float32)
    times = np.tile(np.arange(windows.HISTORY_LENGTH) * 66, (16, 1))
    outputs = transform_fn({"landmarks": tf.constant(rows), "timestamp_ms": tf.constant(times, tf.int64)})
    expected = outputs[tables.FINAL_FEATURES.name].numpy()
    physical = unscaled.physical_features(tf.constant(rows), tf.constant(times, tf.int64))
    columns = np.concatenate([physical[table.name].numpy() for table in tables.UNSCALED_TABLES], axis=1)
    constants = [
        value.numpy()
        for value, _ in getattr(getattr(transform_fn, "graph", None), "captures", ())
        if value.shape == (tables.NUM_FEATURES,)
    ]
    # Which is which the graph does not say: the right pair gives the graph's own scores.
    for mean in constants:
        for variance in constants:
            if mean is not variance and (variance >= 0).all():
                deviation = np.sqrt(variance)
                usable = tables.varies(mean, deviation)
                scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=usable)
                if np.allclose((columns - mean) * scale, expected, atol=_SAME, rtol=_SAME):
                    return mean.astype(np.float32), scale.astype(np.float32)
    raise UserError(
        "the bundle's transform graph computes other features than this version of the project does; expected one that "
        "`python -m beam_jobs features` of this version made. Make the tables and the bundle again."
    )


def window_graph(folder: str, rule: WindowRule, labels: Sequence[str], holds: Sequence[str]) -> Any:
    """A module whose `serve` is the exported graph, for one window at a time.

    Args:
      folder: the bundle, local.
      rule: which rows make a window.
      labels: the classes, in the classifier's order.
      holds: the labels that a window without movement may have.

    Raises:
      UserError: as `standardisation`.
    """
    import tensorflow as tf

    from beam_jobs.features import unscaled

    transform = saved_model.load(os.path.join(folder, "transform_fn")).transform_fn
    module = tf.Module()
    module.classifier = saved_model.load(os.path.join(folder, "classifier"))
    mean, scale = standardisation(transform)
    hold_scale = hold_rule.feature_scale(transform, windows.HISTORY_LENGTH)
    num_rows = windows.rows_fed(rule)

    @tf.function(
        input_signature=[
            tf.TensorSpec([1, num_rows, landmarks.NUM_LANDMARKS, 3], tf.float32, name=litert.LANDMARKS),
            tf.TensorSpec([1, num_rows], tf.int32, name=litert.TIMESTAMPS),
        ]
    )
    def serve(rows, timestamps_ms):
        physical = unscaled.physical_window_features(rows, timestamps_ms, windows.HISTORY_LENGTH)
        scores = (physical - mean) * scale
        own = rows[:, windows.HISTORY_LENGTH - 1 :]
        detected = tf.reduce_any(tf.math.is_finite(own), axis=[2, 3])[..., None]
        features = tf.where(detected & tf.math.is_finite(scores), scores, tf.zeros_like(scores))
        movement = hold_rule.movement_torso_lengths(features, hold_scale)
        answer = hold_rule.without_still_exercises(module.classifier.serve(features), movement, labels, holds)
        return {litert.PROBABILITIES: answer, litert.FEATURES: features}

    module.serve = serve
    return module


def convert(module: Any, kind: str) -> bytes:
    """The content of a LiteRT file.

    Args:
      module: from `window_graph`.
      kind: one of `KINDS`.
    """
    with quiet_import():
        import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def from_bundle(folder: str, metadata: Mapping[str, Any], kinds: Sequence[str]) -> dict[str, bytes]:
    """Each kind's file of a bundle in a local folder.

    Raises:
      UserError: if the bundle's transform graph computes other features.
    """
    rule = WindowRule(**metadata["window"])
    # Bundles of earlier versions do not say which of their labels are holds.
    holds = metadata.get("holds", hold_rule.holds_of(metadata["labels"]))
    module = window_graph(folder, rule, metadata["labels"], holds)
    return {kind: convert(module, kind) for kind in kinds}


def save(path: str, folder: str, metadata: Mapping[str, Any]) -> None:
    """Writes a bundle's file, with its weights as they are; where that cannot be done, nothing, and says so.

    The rest of the bundle is of use without it: a training that took hours must not be lost for it.
    """
    try:
        content = from_bundle(folder, metadata, ["float32"])["float32"]
    except UserError:  # features of another kind: evaluate and stream can use the bundle; live cannot, and says why
        return
    except Exception as error:  # the converter's
        print(f"warning: the bundle has no {os.path.basename(path)}, which live needs ({error})", file=sys.stderr)
        return
    with open(path, "wb") as file:
        file.write(content)
