"""The features job's tables by NumPy and pandas alone: what the job is measured against.

    python tests/manual/numpy_features.py TABLES OUTPUT       TABLES: the output of extract or import

Each video's landmarks are read from Parquet, its 189 features computed for all of its rows at once, standardised by the
train split, and written as the same tables (zstd). Everything is in memory at once. Written to be fast, not to be short
of memory; it knows nothing of workers, of damaged files or of jobs that are killed.
"""

import glob
import os
import sys
import urllib.parse

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import landmarks as names
from beam_jobs import tables

_HISTORY = 8
_KEYS = [column.name for column in tables.KEY_COLUMNS]
_LABELS = [column.name for column in tables.LABEL_COLUMNS]
_PAIRS = ((names.LEFT_WRIST, names.RIGHT_WRIST), (names.LEFT_ELBOW, names.RIGHT_ELBOW))
_PAIRS += ((names.LEFT_KNEE, names.RIGHT_KNEE), (names.LEFT_ANKLE, names.RIGHT_ANKLE))
_ENDS = (
    (names.LEFT_SHOULDER, names.RIGHT_SHOULDER),
    (names.LEFT_HIP, names.RIGHT_HIP),
    (names.LEFT_WRIST, names.RIGHT_WRIST),
    (names.LEFT_ANKLE, names.RIGHT_ANKLE),
    (names.LEFT_WRIST, names.LEFT_HIP),
    (names.RIGHT_WRIST, names.RIGHT_HIP),
    (names.LEFT_HIP, names.LEFT_ANKLE),
    (names.RIGHT_HIP, names.RIGHT_ANKLE),
)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / _norm(vectors)[..., None]


def _norm(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))


def _torso_lengths(rows: np.ndarray) -> np.ndarray:
    """The median of the last eight rows' torso lengths, shape (T,)."""
    hips = (rows[:, names.LEFT_HIP] + rows[:, names.RIGHT_HIP]) / 2
    shoulders = (rows[:, names.LEFT_SHOULDER] + rows[:, names.RIGHT_SHOULDER]) / 2
    lengths = pd.Series(_norm(shoulders - hips))
    median = lengths.where(lengths > 0).rolling(_HISTORY, min_periods=1).median()
    return median.where(lengths.notna()).to_numpy(np.float32)


def _symmetry(points: np.ndarray, angles: np.ndarray) -> np.ndarray:
    across = points[:, names.LEFT_HIP] - points[:, names.RIGHT_HIP]
    across = across + points[:, names.LEFT_SHOULDER] - points[:, names.RIGHT_SHOULDER]
    torso = _unit((points[:, names.LEFT_SHOULDER] + points[:, names.RIGHT_SHOULDER]) / 2)
    normal = _unit(across - np.sum(across * torso, axis=1, keepdims=True) * torso)[:, None]
    pairs = points[:, np.array(_PAIRS)]
    left, right = pairs[:, :, 0], pairs[:, :, 1]
    mirrored = left - 2 * np.sum(left * normal, axis=-1, keepdims=True) * normal
    return np.concatenate([angles[:, 0::2] - angles[:, 1::2], _norm(mirrored - right)], axis=1)


def features(rows: np.ndarray, timestamps_ms: np.ndarray) -> np.ndarray:
    """One video's features in their own units.

    Args:
      rows: landmarks, float32, shape (T, 33, 3).
      timestamps_ms: int64, shape (T,).

    Returns:
      float32, shape (T, 189), in the order of `tables.FEATURE_NAMES`.
    """
    hips = (rows[:, names.LEFT_HIP] + rows[:, names.RIGHT_HIP]) / 2
    centred = rows - hips[:, None]
    scale = _torso_lengths(rows)
    points = centred / scale[:, None, None]
    joints = centred[:, np.array([indices for _, *indices in names.JOINTS])]
    upper, lower = _unit(joints[:, :, 0] - joints[:, :, 1]), _unit(joints[:, :, 2] - joints[:, :, 1])
    angles = np.degrees(np.arctan2(_norm(np.cross(upper, lower)), np.sum(upper * lower, axis=-1)))
    ends = points[:, np.array(_ENDS)]
    step_s = np.diff(timestamps_ms).astype(np.float32) / 1000
    step_s[step_s <= 0] = np.nan
    velocity = np.diff(centred, axis=0) / step_s[:, None, None]
    acceleration = np.diff(velocity, axis=0) / ((step_s[1:] + step_s[:-1]) / 2)[:, None, None]
    speeds, accelerations = np.full((2, len(rows), names.NUM_LANDMARKS), np.nan, np.float32)
    speeds[1:] = _norm(velocity) / scale[1:, None]
    accelerations[2:] = _norm(acceleration) / scale[2:, None]
    distances = _norm(ends[:, :, 0] - ends[:, :, 1])
    parts = [points.reshape(len(rows), -1), angles, _symmetry(points, angles), distances, speeds, accelerations]
    return np.concatenate(parts, axis=1, dtype=np.float32, casting="same_kind")


def read(folder: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Keys with labels and `detected`, and features, of all videos."""
    columns = [*_KEYS, *tables.landmark_columns("world"), "detected", *_LABELS]
    keys, values = [], []
    for file in sorted(glob.glob(os.path.join(folder, "landmarks", "*.parquet")), key=urllib.parse.unquote):
        frame = pd.read_parquet(file, columns=columns)
        rows = frame[tables.landmark_columns("world")].to_numpy(np.float32).reshape(-1, names.NUM_LANDMARKS, 3)
        values.append(features(rows, frame["timestamp_ms"].to_numpy()))
        keys.append(frame[[*_KEYS, "detected", *_LABELS]])
    return pd.concat(keys, ignore_index=True), np.concatenate(values)


def standardised(values: np.ndarray, in_training: np.ndarray) -> np.ndarray:
    """z-scores by the rows of the train split; 0 where there is no value."""
    training = values[in_training].astype(np.float64)
    mean, deviation = np.nanmean(training, axis=0), np.nanstd(training, axis=0)
    scores = ((values - mean) / deviation).astype(np.float32)
    scores[~(np.isfinite(scores) & tables.varies(mean, deviation))] = 0
    return scores


def write(folder: str, table: tables.Table, keys: pd.DataFrame, values: np.ndarray) -> None:
    """Writes one table as one file."""
    schema = table.schema()
    columns = {name: pa.array(keys[name], schema.field(name).type) for name in keys if name in schema.names}
    columns |= dict(zip(table.column_names, map(pa.array, np.ascontiguousarray(values.T)), strict=False))
    path = os.path.join(folder, table.name, "part-00000-of-00001.parquet")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(pa.table([columns[name] for name in schema.names], schema=schema), path, compression="zstd")


def main() -> None:
    """Reads TABLES, writes to OUTPUT."""
    source, output = sys.argv[1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        keys, values = read(source)
        scores = standardised(values, (keys["split"] == "train").to_numpy())
    start = 0
    for table in tables.UNSCALED_TABLES:
        write(output, table, keys, values[:, start : start + len(table.columns)])
        start += len(table.columns)
    write(output, tables.FINAL_FEATURES, keys, scores)


if __name__ == "__main__":
    main()
