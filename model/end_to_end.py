"""The bundle's end-to-end graph: raw landmarks and timestamps of a window and its history -> probabilities."""

from collections.abc import Callable, Sequence

from beam_jobs import landmarks, saved_model, tables, windows
from beam_jobs.windows import WindowRule
from model import holds as hold_rule


def save(
    folder: str, transform_fn: str, classifier: str, rule: WindowRule, labels: Sequence[str], holds: Sequence[str]
) -> None:
    """Saves the graph from landmarks to probabilities.

    Its `serve(landmarks, timestamps_ms)` takes float32 (B, 41, 33, 3) and int64 (B, 41): `windows.end_to_end_inputs`.

    Args:
      folder: where to, local.
      transform_fn: the SavedModel folder of the first graph in it, local.
      classifier: of the second one.
      rule: which rows make a window.
      labels: the classes, in the classifier's order.
      holds: the labels that a window without movement may have.
    """
    import tensorflow as tf

    num_rows = windows.rows_fed(rule)
    module = tf.Module()
    module.transform = saved_model.load(transform_fn)
    module.classifier = saved_model.load(classifier)
    scale = hold_rule.feature_scale(module.transform.transform_fn, windows.HISTORY_LENGTH)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, num_rows, landmarks.NUM_LANDMARKS, 3], tf.float32, name="landmarks"),
            tf.TensorSpec([None, num_rows], tf.int64, name="timestamps_ms"),
        ]
    )
    def serve(rows, timestamps_ms):
        features = window_features(rows, timestamps_ms, lambda inputs: module.transform.transform_fn(inputs))
        movement = hold_rule.movement_torso_lengths(features, scale)
        return hold_rule.without_still_exercises(module.classifier.serve(features), movement, labels, holds)

    module.serve = serve
    # As the classifier's: without gradients.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, folder, signatures={"serving_default": serve}, options=options)


def window_features(rows, timestamps_ms, transform: Callable):
    """Windows of features from windows of landmarks with the history of their first row, inside a graph.

    Args:
      rows: landmarks, float32, shape (B, 41, 33, 3); NaN where missing.
      timestamps_ms: int64, shape (B, 41); below 0 before the clip's start.
      transform: a transform graph's `transform_fn`.

    Returns:
      float32, shape (B, 34, 189); zeros where there is no person.
    """
    import tensorflow as tf

    length = windows.HISTORY_LENGTH
    num_rows = rows.shape[1] - length + 1
    # (B, 41, ...) -> (B, 34, 8, ...) -> (B * 34, 8, ...): row i's history is rows i to i + 7.
    positions = tf.range(num_rows)[:, None] + tf.range(length)[None, :]
    history = tf.reshape(tf.gather(rows, positions, axis=1), [-1, length, landmarks.NUM_LANDMARKS, 3])
    times = tf.reshape(tf.gather(timestamps_ms, positions, axis=1), [-1, length])
    # As windows.histories: what lies before the clip's start has the newest row's own time.
    times = tf.where(times < 0, times[:, -1:], times)
    features = transform({"landmarks": history, "timestamp_ms": times})["final_features"]
    detected = tf.reduce_any(tf.math.is_finite(history[:, -1]), axis=[1, 2])
    # where, not a product: whatever the graph says of a row without a person, it is zeros in a window.
    features = tf.where(detected[:, None], features, tf.zeros_like(features))
    return tf.reshape(features, [-1, num_rows, tables.NUM_FEATURES])
