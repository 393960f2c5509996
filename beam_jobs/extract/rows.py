"""Rows of the landmarks, quality and dead_letters tables, from one video's frames: plain functions, no Beam."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import storage, tables
from beam_jobs.labels import Labels, Video
from beam_jobs.landmark_table import FrameCounts, LongestGap, landmark_batch, summary
from beam_jobs.pose import estimator as pose_estimator
from beam_jobs.video.frames import TOO_DARK_BRIGHTNESS, DecodingState, VideoError, VideoInfo

# VideoError's reason where the pose model itself failed on a frame.
POSE_FAILED = "pose_failed"
# Written at once: enough for a good Parquet row group, little enough for any memory (1 MB).
_ROWS_PER_BATCH = 1024
# How often progress is shown.
_ROWS_PER_NOTICE = 50


@contextlib.contextmanager
def estimating(video_id: str, timestamp_ms: int, counts: FrameCounts) -> Iterator[None]:
    """Counts the time of one frame's estimation.

    Args:
      video_id: named in the error.
      timestamp_ms: likewise.
      counts: counted up.

    Raises:
      VideoError: POSE_FAILED, if the pose model failed.
    """
    started = time.perf_counter()
    try:
        yield
    except (RuntimeError, ValueError) as error:
        message = f"{video_id}: no pose can be estimated at {timestamp_ms} ms ({error})."
        raise VideoError(POSE_FAILED, message) from error
    counts.estimating_ms += round(1000 * (time.perf_counter() - started))


def landmark_batches(
    frames: Iterable[tuple[int, int, np.ndarray]],
    estimator: pose_estimator.PoseEstimator,
    video_id: str,
    labels: Labels,
    counts: FrameCounts,
    on_rows: Callable[[int], None] = lambda num: None,
    first_frame_id: int = 0,
) -> Iterator[pa.RecordBatch]:
    """Rows of the landmarks table from sampled frames, up to 1024 a batch; also when the frames end in an error.

    Args:
      frames: (frame_id, timestamp_ms, BGR image), in order.
      estimator: this video's own.
      video_id: the key of every row.
      labels: the last columns of every row.
      counts: counted up as frames pass.
      on_rows: called with the number of new rows, now and then.
      first_frame_id: frames before it only warm up the tracking: they make no rows and are not counted.

    Yields:
      Batches of `tables.LANDMARKS`.

    Raises:
      VideoError: the frames' own, or POSE_FAILED, after the last batch.
    """
    rows: list[tuple[int, int, pose_estimator.Pose]] = []
    try:
        for frame_id, timestamp_ms, image in frames:
            with estimating(video_id, timestamp_ms, counts):
                pose = estimator.estimate(image, timestamp_ms)
            if frame_id < first_frame_id:
                continue
            counts.frames_sampled += 1
            counts.frames_without_person += not pose.detected
            rows.append((frame_id, timestamp_ms, pose))
            if counts.frames_sampled % _ROWS_PER_NOTICE == 0:
                on_rows(_ROWS_PER_NOTICE)
            if len(rows) == _ROWS_PER_BATCH:
                yield pose_batch(rows, video_id, labels)
                rows = []
    except VideoError:
        if rows:  # what was decoded before the damage is kept
            yield pose_batch(rows, video_id, labels)
        raise
    finally:
        on_rows(counts.frames_sampled % _ROWS_PER_NOTICE)
    if rows:
        yield pose_batch(rows, video_id, labels)


def pose_batch(
    rows: list[tuple[int, int, pose_estimator.Pose]], video_id: str, labels: Labels, person_id: int = 0
) -> pa.RecordBatch:
    """Rows of the landmarks table from (frame_id, timestamp_ms, pose) of one person."""
    poses = [row[2] for row in rows]
    landmarks = np.stack([np.stack([p.world, p.image]) for p in poses])
    probabilities = np.stack([np.stack([p.visibility, p.presence], axis=1) for p in poses])
    detected = [p.detected for p in poses]
    frame_ids, timestamps_ms = [row[0] for row in rows], [row[1] for row in rows]
    return landmark_batch(video_id, frame_ids, timestamps_ms, landmarks, probabilities, detected, labels, person_id)


def relabel(file: str, labels: Labels, metadata: dict[str, str]) -> None:
    """Gives an existing landmarks file other labels, without estimating any pose again."""
    with storage.table_writer(file, tables.LANDMARKS, metadata) as writer:
        for batch in read_batches(file):
            writer.write_batch(with_labels(batch, labels))


def read_batches(file: str) -> Iterator[pa.RecordBatch]:
    """Rows of a landmarks file, up to 1024 a batch."""
    with storage.open_input(file) as source:
        yield from pq.ParquetFile(source).iter_batches(_ROWS_PER_BATCH)


def with_labels(batch: pa.RecordBatch, labels: Labels) -> pa.RecordBatch:
    """The same rows of landmarks with other labels."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    for name, value in dataclasses.asdict(labels).items():
        columns[name] = pa.array([value] * batch.num_rows, pa.string())
    schema = tables.LANDMARKS.schema()
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


def dead_letter(video: Video, stage: str, error: Exception, num_frames_kept: int, read_from: str | None = None) -> dict:
    """The dead_letters row of a video that could not be processed, or not to its end.

    Args:
      video: the video.
      stage: where it failed.
      error: why.
      num_frames_kept: rows of it in landmarks.
      read_from: its local copy, which the error may name and nobody else knows.
    """
    message = str(error) if read_from is None else str(error).replace(read_from, video.uri)
    reason = getattr(error, "reason", None) or ("not_found" if isinstance(error, FileNotFoundError) else "unreadable")
    return {
        # A local name that is no UTF-8 is written with its bytes escaped.
        "video_id": video.video_id.encode(errors="backslashreplace").decode(),
        "uri": video.uri.encode(errors="backslashreplace").decode(),
        "stage": stage,
        "reason": reason,
        "message": message.encode(errors="backslashreplace").decode(),
        "num_frames_kept": num_frames_kept,
    }


def quality_row(
    video: Video,
    content: str,
    labels: Labels,
    info: VideoInfo,
    state: DecodingState,
    counts: FrameCounts,
    gaps: LongestGap,
) -> dict:
    """The quality row of a video whose frames have all been seen.

    Args:
      video: its key, and where its rows come from.
      content: its sha256.
      labels: the row's labels.
      info: what its file says.
      state: after its last frame; at least one came.
      counts: of all its frames.
      gaps: likewise.
    """
    return {
        **summary(video, labels, counts, gaps, state.last_timestamp_ms, info.frame_rate_hz),
        "content_sha256": content,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "codec": info.codec,
        "pixel_format": info.pixel_format,
        "colour_transfer": info.colour_transfer,
        "is_interlaced": state.is_interlaced,
        "mean_brightness": state.mean_brightness,
        "is_too_dark": bool(state.mean_brightness < TOO_DARK_BRIGHTNESS),
    }
