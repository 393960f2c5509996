"""Small made-up tables: landmarks that move, a hand-made transform graph, and final_features made by it."""

import dataclasses
import json
import pathlib

import numpy as np
import processes
import pyarrow as pa
import pytest

from beam_jobs import storage, tables, windows

FINGERPRINT = {"coordinates": "world", "frame_rate_hz": 15.0, "mediapipe": "0", "pose_model_sha256": "0"}


@dataclasses.dataclass(frozen=True)
class MadeClip:
    """A clip to make: how its landmarks move depends on its label, or on `movement` where that is given, and chance."""

    video_id: str
    label: str | None = "squat"
    group: str | None = None
    split: str = "train"
    num_rows: int = 60
    undetected: tuple[int, ...] = ()
    person_id: int = 0
    movement: str | None = None
    still: bool = False


def landmarks_of(clip: MadeClip, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows (T, 33, 3) with NaN where nobody is, timestamps (T,) and detected (T,)."""
    random = np.random.default_rng(seed)
    rows = random.normal(0, 0.3, (clip.num_rows, 33, 3)).astype(np.float32)
    # Each label moves other landmarks, up and down at a tempo of its own.
    kind = sum(map(ord, clip.movement or clip.label or "nothing"))
    moving = (kind + np.arange(6)) % 33
    phase = random.uniform(0, 2 * np.pi)
    rows[:, moving, 1] += 2 * np.sin(np.arange(clip.num_rows) * (0.3 + kind % 5 / 10) + phase)[:, None]
    if clip.still:
        rows[:] = rows[0]
    detected = np.ones(clip.num_rows, bool)
    detected[list(clip.undetected)] = False
    rows[~detected] = np.nan
    # The grid limps a little, as cameras do.
    timestamps_ms = (np.arange(clip.num_rows) * 1000 / 15 + random.uniform(0, 9, clip.num_rows)).astype(np.int64)
    return rows, timestamps_ms - timestamps_ms[0], detected


def save_transform_fn(folder: str, scale: float = 1.0) -> None:
    """A graph with TFT's interface: 99 coordinates, 33 speeds, and 57 times the history's duration; NaN becomes 0.

    The duration makes a mistake with timestamps before a clip's start visible.
    """
    import tensorflow as tf

    module = tf.Module()

    @tf.function(
        input_signature=[
            {
                "landmarks": tf.TensorSpec([None, windows.HISTORY_LENGTH, 33, 3], tf.float32),
                "timestamp_ms": tf.TensorSpec([None, windows.HISTORY_LENGTH], tf.int64),
            }
        ]
    )
    def transform_fn(inputs):
        rows, times = inputs["landmarks"], tf.cast(inputs["timestamp_ms"], tf.float32) / 1000
        newest = tf.reshape(rows[:, -1], [-1, 99]) * scale
        speed = tf.norm(rows[:, -1] - rows[:, -2], axis=-1) / tf.maximum(times[:, -1:] - times[:, -2:-1], 0.01) / 30
        duration = tf.repeat(times[:, -1:] - times[:, :1] + 1, 57, axis=1)
        features = tf.concat([newest, speed, duration], axis=1)
        return {"final_features": tf.where(tf.math.is_finite(features), features, 0.0), "normalized": newest}

    module.transform_fn = transform_fn
    tf.saved_model.save(module, folder)


def write_tables(folder: pathlib.Path, clips: list[MadeClip], scale: float = 1.0, transform_fn: str = "") -> str:
    """Writes final_features, transform_fn and landmarks as the jobs do; returns the folder."""
    import shutil

    import tensorflow as tf

    graph_folder = str(folder / "transform_fn" / "transform_fn")
    if transform_fn:
        shutil.copytree(transform_fn, graph_folder)
    else:
        save_transform_fn(graph_folder, scale)
    graph = tf.saved_model.load(graph_folder)
    parts, landmark_parts = [], []
    for seed, clip in sorted(enumerate(clips), key=lambda pair: (pair[1].video_id, pair[1].person_id)):
        rows, timestamps_ms, detected = landmarks_of(clip, seed)
        history, times = windows.histories(rows, timestamps_ms)
        features = graph.transform_fn({"landmarks": tf.constant(history), "timestamp_ms": tf.constant(times)})
        values = np.where(detected[:, None], features["final_features"].numpy(), 0)
        num = clip.num_rows
        columns: dict[str, object] = {
            "video_id": [clip.video_id] * num,
            "person_id": np.full(num, clip.person_id, np.int32),
            "frame_id": np.arange(num),
            "timestamp_ms": timestamps_ms,
            **{name: values[:, index] for index, name in enumerate(tables.FEATURE_NAMES)},
            "detected": detected,
            "label": pa.array([clip.label] * num, pa.string()),
            "group": [clip.group or clip.video_id] * num,
            "split": [clip.split] * num,
        }
        parts.append(pa.table(columns).cast(tables.FINAL_FEATURES.schema()))
        landmark_parts.append(_landmarks_table(columns, rows))
    metadata = {tables.FINGERPRINT_KEY: json.dumps(FINGERPRINT)}
    file = storage.join(str(folder), "final_features", "part-00000-of-00001.parquet")
    storage.write_table(file, tables.FINAL_FEATURES, pa.concat_tables(parts), metadata)
    file = storage.join(str(folder), "landmarks", "part-00000-of-00001.parquet")
    storage.write_table(file, tables.LANDMARKS, pa.concat_tables(landmark_parts), metadata)
    return str(folder)


def _landmarks_table(columns: dict, rows: np.ndarray) -> pa.Table:
    """A landmarks table of rows whose other columns are `columns`; image landmarks and the like are zeros."""
    world = dict(zip(tables.landmark_columns("world"), rows.reshape(len(rows), -1).T, strict=True))
    schema = tables.LANDMARKS.schema()
    found = {name: world.get(name, columns.get(name, np.zeros(len(rows), np.float32))) for name in schema.names}
    return pa.table(found).cast(schema)


def three_classes(prefix: str = "") -> list[MadeClip]:
    """Clips of three labels in three splits, one with gaps, one without a window, one without a label."""
    clips = [
        MadeClip(f"{prefix}{split}/{label}_{number}", label, split=split)
        for label in ("lunge", "push_up", "squat")
        for split, count in (("train", 4), ("validation", 2), ("test", 2))
        for number in range(count)
    ]
    return [
        *clips,
        MadeClip(f"{prefix}test/gaps", "squat", split="test", undetected=(*range(5), *range(30, 41))),
        MadeClip(f"{prefix}test/nearly_empty", "squat", split="test", undetected=tuple(range(9, 60))),
        MadeClip(f"{prefix}test/unknown", None, split="test"),
    ]


@pytest.fixture(scope="session")
def made():
    """The makers above, for tests that need other tables."""
    import types

    return types.SimpleNamespace(
        Clip=MadeClip,
        tables=write_tables,
        landmarks=landmarks_of,
        three_classes=three_classes,
        transform_fn=save_transform_fn,
        fingerprint=FINGERPRINT,
        quick=QUICK,
    )


QUICK = {
    "network": {
        "name": "conv",
        "filters": 16,
        "dense_units": 16,
        "dilations": [1, 2],
        "dropout": 0.1,
        "block_dropout": 0.0,
    },
    "training": {
        "batch_size": 16,
        "epochs": 16,
        "learning_rate": 0.003,
        "finetune_epochs": 3,
        "finetune_learning_rate": 0.001,
        "ema_momentum": 0.0,
        # As it is: a temperature that suits few validation clips, all of them right, makes them infinitely sure.
        "temperature": 1.0,
    },
    "augmentation": {"mirror_probability": 0.0, "max_yaw_degrees": 5.0, "tilt_degrees": 1.0, "max_tempo_change": 0.05},
}


@pytest.fixture(scope="session")
def made_tables(tmp_path_factory) -> str:
    """Tables of `three_classes`."""
    return str(
        processes.made_once(tmp_path_factory, "made_tables", lambda folder: write_tables(folder, three_classes()))
    )


@pytest.fixture(scope="session")
def quick_config():
    """A small network and few epochs."""
    from model import config

    return config.from_dict(QUICK)


@pytest.fixture(scope="session")
def made_bundle(tmp_path_factory, made_tables, quick_config) -> str:
    """A bundle trained on `made_tables`."""
    from model import train, training_data

    def make(folder: pathlib.Path) -> None:
        train.train(training_data.TrainingInputs(made_tables), str(folder), quick_config)

    return str(processes.made_once(tmp_path_factory, "made_bundle", make))


@pytest.fixture(scope="session")
def real_tables(tmp_path_factory) -> str:
    """Tables of `moving_bodies.CLIPS`, made by the real commands: real geometry, which the hand-made graph is not."""
    import moving_bodies

    return str(processes.made_once(tmp_path_factory, "real_tables", moving_bodies.make_tables) / "tables")
