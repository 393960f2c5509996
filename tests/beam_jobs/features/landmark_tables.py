"""Tables of landmarks as `extract` writes them, without videos."""

import json
import urllib.parse

import numpy as np
import pyarrow as pa

from beam_jobs import storage, tables

IN_MEMORY = ["--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
FINGERPRINT = {
    "coordinates": "world",
    "frame_rate_hz": 15.0,
    "mediapipe": "1.2.2",
    "pose_model_sha256": "ab" * 32,
    "running_mode": "VIDEO",
}


def make_clip(seed: int, num_rows: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """A body that wanders, a stretch without a person, one missing landmark, and gaps in the grid."""
    random = np.random.default_rng(seed)
    clip = random.normal(size=(33, 3)) + np.cumsum(random.normal(scale=0.03, size=(num_rows, 33, 3)), axis=0)
    clip[5:8] = np.nan
    clip[20, 15] = np.nan
    frame_ids = np.cumsum(random.integers(1, 3, num_rows)) - 1
    return clip.astype(np.float32), frame_ids


def default_clips() -> dict[str, tuple[np.ndarray, np.ndarray, str]]:
    names = ["b/squat 2.mp4", "a.mp4", "é.mp4", "c.mp4", "d.mp4", "e.mp4", "f.mp4", "g.mp4"]
    splits = ["train", "train", "train", "train", "train", "validation", "test", "test"]
    return {name: (*make_clip(seed), split) for seed, (name, split) in enumerate(zip(names, splits, strict=True))}


def write_landmarks(folder, clips, fingerprint=FINGERPRINT) -> str:
    """The tables `landmarks` and `quality` as `extract` writes them."""
    quality = []
    for video_id, (clip, frame_ids, split) in clips.items():
        num = len(clip)
        detected = np.isfinite(clip).any(axis=(1, 2))
        columns = {
            "video_id": [video_id] * num,
            "person_id": np.zeros(num, np.int32),
            "frame_id": frame_ids.astype(np.int64),
            "timestamp_ms": np.rint(frame_ids * 1000 / 15).astype(np.int64),
            "detected": detected,
        }
        nothing = np.full(num, np.nan, np.float32)
        names = [column.name for column in tables.LANDMARKS.columns]
        columns |= {name: nothing for name in names if name not in columns}
        world = [name for name in names if "_world_" in name]
        columns |= dict(zip(world, clip.reshape(num, 99).T, strict=True))
        columns |= {"label": ["old"] * num, "group": ["old"] * num, "split": ["old"] * num}
        file = storage.landmarks_file(str(folder), video_id)
        schema = tables.LANDMARKS.schema()
        table = pa.table({name: columns[name] for name in schema.names}).cast(schema)
        storage.write_table(file, tables.LANDMARKS, table, {"fingerprint": json.dumps(fingerprint)})
        quality.append(
            {
                "video_id": video_id,
                "num_frames_sampled": num,
                "num_frames_detected": int(detected.sum()),
                "label": "squat",
                "group": video_id,
                "split": split,
                "landmarks_file": urllib.parse.quote(video_id, safe="") + ".parquet",
            }
        )
    rows = pa.Table.from_pylist(sorted(quality, key=lambda row: row["video_id"]), tables.QUALITY.schema())
    storage.write_table(storage.join(str(folder), "quality", "quality.parquet"), tables.QUALITY, rows)
    return str(folder)
