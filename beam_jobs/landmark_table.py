"""Rows of the landmarks and quality tables from arrays. Needs no video, no pose model and no Beam."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from beam_jobs import storage, tables
from beam_jobs.labels import Labels, Video


@dataclasses.dataclass
class FrameCounts:
    """What happened to one video's frames. Times are in milliseconds."""

    frames_decoded: int = 0
    frames_sampled: int = 0
    frames_without_person: int = 0
    decoding_ms: int = 0
    estimating_ms: int = 0


def landmark_batch(
    video_id: str,
    frame_ids: Sequence[int] | np.ndarray,
    timestamps_ms: Sequence[int] | np.ndarray,
    landmarks: np.ndarray,
    probabilities: np.ndarray,
    detected: Sequence[bool] | np.ndarray,
    labels: Labels,
    person_id: int = 0,
) -> pa.RecordBatch:
    """Rows of the landmarks table, T of one person in one video.

    Args:
      video_id: every row's.
      frame_ids: each row's, shape (T,).
      timestamps_ms: each row's, shape (T,).
      landmarks: float32, shape (T, 2, 33, 3): world, then image; NaN where missing.
      probabilities: float32, shape (T, 33, 2): visibility and presence; NaN where missing.
      detected: shape (T,).
      labels: the last columns of every row.
      person_id: every row's.
    """
    num = len(frame_ids)
    flat = np.concatenate([landmarks.reshape(num, -1), probabilities.reshape(num, -1)], axis=1)
    columns = [
        pa.array([video_id] * num, pa.string()),
        pa.array([person_id] * num, pa.int32()),
        pa.array(frame_ids, pa.int64()),
        pa.array(timestamps_ms, pa.int64()),
        *(pa.array(np.ascontiguousarray(column)) for column in flat.T),
        pa.array(detected, pa.bool_()),
        *(pa.array([value] * num, pa.string()) for value in (labels.label, labels.group, labels.split)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=tables.LANDMARKS.schema())


class LongestGap:
    """The longest stretch of media time without a person: from the first row without one to the next row with one."""

    def __init__(self) -> None:
        self.longest_ms = 0
        self._gap_start_ms: int | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Looks at the next rows, of one person."""
        for timestamp_ms, detected in zip(
            batch.column("timestamp_ms").to_pylist(), batch.column("detected").to_pylist(), strict=True
        ):
            self.add_frame(timestamp_ms, detected)

    def add_frame(self, timestamp_ms: int, detected: bool) -> None:
        """Looks at the next frame; `detected`: anybody is in it."""
        if self._gap_start_ms is not None:
            self.longest_ms = max(self.longest_ms, timestamp_ms - self._gap_start_ms)
        if detected:
            self._gap_start_ms = None
        elif self._gap_start_ms is None:
            self._gap_start_ms = timestamp_ms


def summary(
    video: Video, labels: Labels, counts: FrameCounts, gaps: LongestGap, last_timestamp_ms: float, frame_rate_hz: float
) -> dict:
    """A quality row without what only a video's file tells.

    Args:
      video: its key, and where its rows come from.
      labels: the row's labels.
      counts: of all its frames.
      gaps: likewise.
      last_timestamp_ms: of the last frame, used or not.
      frame_rate_hz: the rate where there is but one frame.
    """
    last_s = last_timestamp_ms / 1000
    rate = (counts.frames_decoded - 1) / last_s if last_s > 0 else frame_rate_hz
    num_detected = counts.frames_sampled - counts.frames_without_person
    return {
        "video_id": video.video_id,
        "uri": video.uri,
        "frame_rate_hz": rate,
        "duration_s": last_s + (1 / rate if rate > 0 else 0.0),
        "num_frames_decoded": counts.frames_decoded,
        "num_frames_sampled": counts.frames_sampled,
        "num_frames_detected": num_detected,
        "detected_share": num_detected / counts.frames_sampled if counts.frames_sampled else float("nan"),
        "longest_gap_s": gaps.longest_ms / 1000,
        **dataclasses.asdict(labels),
        "landmarks_file": os.path.basename(storage.landmarks_file("", video.video_id)),
    }


def remove_other_landmarks(folder: str, file_names: set[str]) -> None:
    """Removes the landmarks of videos that are no longer among those of a folder."""
    for file in storage.table_files(folder, tables.LANDMARKS):
        if file.rsplit("/", 1)[-1] not in file_names:
            storage.remove(file)
