"""preprocessing_fn: from a row's history of landmarks to its features. Batch jobs and live run this one graph."""

import tensorflow as tf
import tensorflow_transform as tft

from beam_jobs import tables
from beam_jobs.features.unscaled import physical_features


def preprocessing_fn(inputs):
    """The features of rows, each from its own history alone.

    Args:
      inputs: "landmarks", float32, shape (B, H, 33, 3), and "timestamp_ms", int64, shape (B, H), as
        `physical_features` takes them.

    Returns:
      What `physical_features` returns, and "final_features", float32, shape (B, 189): its tables side by side in the
      order of `tables.UNSCALED_TABLES`, standardised by `standardized`.
    """
    physical = physical_features(inputs["landmarks"], inputs["timestamp_ms"])
    columns = tf.concat([physical[table.name] for table in tables.UNSCALED_TABLES], axis=1)
    return {**physical, tables.FINAL_FEATURES.name: standardized(columns)}


def standardized(columns):
    """z-scores of columns, by the mean and deviation that TFT's analyzers find in the analysed rows.

    As tft.scale_to_z_score(elementwise=True), but finite: 0, which is the mean, where there is no value, and in a
    column that has no two different values in the analysed rows. The analyzers skip NaN, column by column. In float64:
    in float32 the variance of many rows far from 0 is noise.

    Args:
      columns: float32, shape (B, F); NaN where missing.

    Returns:
      Standard deviations (with 0 delta degrees of freedom), float32, shape (B, F); no NaN.
    """
    wide = tf.cast(columns, tf.float64)
    mean = tft.mean(wide, reduce_instance_dims=False)
    deviation = tf.sqrt(tft.var(wide, reduce_instance_dims=False))
    scores = tf.cast((wide - mean) / deviation, tf.float32)
    # A comparison with NaN is false, so a column without any value is treated like a constant one.
    usable = tf.math.is_finite(scores) & tables.varies(mean, deviation)
    return tf.where(usable, scores, tf.zeros_like(scores))
