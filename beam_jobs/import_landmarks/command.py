"""The `import` command: landmark tables made elsewhere become the tables that `extract` writes."""

import itertools
import json
import operator
import sys
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import labels, landmark_table, landmarks, progress, storage, tables, windows
from beam_jobs.errors import UserError
from beam_jobs.import_landmarks import proportions
from beam_jobs.labels import Video
from beam_jobs.options import ImportArgs

_ROWS_AT_ONCE = 4096
_COORDINATES = [f"{axis}_{index}" for index in range(landmarks.NUM_LANDMARKS) for axis in "xyz"]
_VISIBILITY = [f"visibility_{index}" for index in range(landmarks.NUM_LANDMARKS)]
_PRESENCE = [f"presence_{index}" for index in range(landmarks.NUM_LANDMARKS)]


def fingerprint(sample_rate_hz: float, restored: bool = False) -> dict:
    """What is known of how imported landmarks were made: little; and whether their proportions were restored."""
    return {
        "coordinates": "world" if restored else "image",
        "frame_rate_hz": float(sample_rate_hz),
        "mediapipe": "unknown",
        "pose_model_sha256": "unknown",
        "running_mode": "unknown",
        **({"proportions": "restored from axes scaled to 0-1 in each frame"} if restored else {}),
    }


def run(args: ImportArgs, beam_args: list[str]) -> int:
    """Imports a landmarks table, one video after the other, in constant memory, in place of a former import.

    Needs no Beam: it copies. Beam's options are accepted, as by every command, and change nothing.

    Args:
      args: the flags. Unless `keep_proportions`, bodies whose axes fill 0 to 1 in each frame get theirs back, see
        `proportions`.
      beam_args: not used.

    Returns:
      The exit code.

    Raises:
      UserError: if the table lacks a column, holds no row, a video's rows do not stand together in the order of
        frame_id, labels.csv is wrong, or the output folder holds landmarks that were made in another way.
    """
    label_rows = labels.read_label_rows(args.labels, args.keep_labels)
    known = {row.video: row.labels for row in label_rows}
    restored = not args.keep_proportions and _fills_unit_cubes(args.landmarks)
    made_by = fingerprint(args.sample_rate_hz, restored)
    _check_output(args.output, made_by)
    metadata = {tables.FINGERPRINT_KEY: json.dumps(made_by, sort_keys=True)}
    # Readers find the videos through `quality`: without it, a killed import looks like no import.
    quality_file = storage.join(args.output, tables.QUALITY.name, "quality.parquet")
    storage.remove(quality_file)
    quality = []
    with storage.open_input(args.landmarks) as file:
        source = _open_parquet(args.landmarks, file)
        with progress.bar(source.metadata.num_rows, "rows") as bar:
            for video_id, parts in itertools.groupby(_parts(args.landmarks, source), key=operator.itemgetter(0)):
                batches = (rows for _, rows in parts)
                row = _import_video(args, video_id, batches, known, metadata, restored)
                quality.append(row | {"fingerprint": metadata[tables.FINGERPRINT_KEY]})
                bar.update(quality[-1]["num_frames_decoded"])
    if not quality:
        raise UserError(f"{args.landmarks} has no row; expected landmarks of at least one video.")
    quality.sort(key=lambda row: row["video_id"])
    landmark_table.remove_other_landmarks(args.output, {row["landmarks_file"] for row in quality})
    storage.write_table(
        storage.join(args.output, tables.DEAD_LETTERS.name, "dead_letters.parquet"),
        tables.DEAD_LETTERS,
        tables.DEAD_LETTERS.schema().empty_table(),
        metadata,
    )
    storage.write_table(quality_file, tables.QUALITY, pa.Table.from_pylist(quality, tables.QUALITY.schema()), metadata)
    _report(args, quality, label_rows, restored)
    return 0


def _report(args: ImportArgs, quality: list[dict], label_rows: list[labels.LabelRow], restored: bool) -> None:
    names = {labels.same_form(row["video_id"]) for row in quality}
    unlabelled = [row["video_id"] for row in quality if row["label"] is None]
    unused = labels.unused_rows_warning(args.labels, label_rows, names, unlabelled)
    for warning in (*labels.label_warnings(args.labels, label_rows), *([unused] if unused else [])):
        print(f"warning: {warning}", file=sys.stderr)
    if restored:
        print(
            "each axis of each frame is scaled to 0-1: the body's proportions were restored from the lengths of its "
            "limbs (--keep_proportions leaves the landmarks as they are)."
        )
    num_rows = sum(row["num_frames_sampled"] for row in quality)
    print(
        f"imported {len(quality)} videos, {num_rows} rows at {args.sample_rate_hz:g} Hz, into {args.output}"
        + (f"; {len(unlabelled)} videos have no label in {args.labels}" if unlabelled else "")
    )


def _check_output(output: str, made_by: dict) -> None:
    """Refuses a folder of, say, extracted landmarks, which this import would otherwise replace."""
    for file in storage.table_files(output, tables.LANDMARKS)[:1]:
        found = storage.fingerprint(file)
        if found != made_by:
            raise UserError(
                f"{output} holds landmarks made by {json.dumps(found)}; expected none, or an earlier import made by "
                f"{json.dumps(made_by)}. Choose another --output, or remove that folder."
            )


def _fills_unit_cubes(path: str) -> bool:
    """Whether some of the first rows with a person have lost their proportions; then all rows must have."""
    with storage.open_input(path) as file:
        for batch in _open_parquet(path, file).iter_batches(_ROWS_AT_ONCE, columns=_COORDINATES):
            image, detected = _image_landmarks(batch)
            if detected.any():
                return bool(proportions.is_scaled_per_axis(image[detected]).any())
    return False


def _image_landmarks(batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks, float32, shape (T, 33, 3), NaN where nobody is; and where somebody is, bool, shape (T,)."""
    image = _matrix(batch, _COORDINATES)
    detected = (image != 0).any(axis=1) & np.isfinite(image).all(axis=1)
    image[~detected] = np.nan
    return image.reshape(-1, landmarks.NUM_LANDMARKS, 3), detected


def _open_parquet(path: str, file) -> pq.ParquetFile:
    try:
        source = pq.ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is not a Parquet file ({error}); expected a table of landmarks.") from None
    missing = [name for name in ("video_id", "frame_id", *_COORDINATES) if name not in source.schema_arrow.names]
    if missing:
        raise UserError(
            f"{path} lacks the column {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else "") + "; "
            "expected video_id, frame_id, x_0, y_0, z_0 to x_32, y_32, z_32, and optionally timestamp_ms, person_id, "
            "visibility_0 to visibility_32, presence_0 to presence_32."
        )
    return source


def _parts(path: str, source: pq.ParquetFile) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields (video_id, rows of that video alone) in the file's order.

    Raises:
      UserError: if the rows of a video do not stand together.
    """
    names = source.schema_arrow.names
    optional = ["timestamp_ms", "person_id"]
    optional += [name for columns in (_VISIBILITY, _PRESENCE) if set(columns) <= set(names) for name in columns]
    columns = ["video_id", "frame_id", *_COORDINATES, *(name for name in optional if name in names)]
    seen: set[str] = set()
    last = None
    for batch in source.iter_batches(_ROWS_AT_ONCE, columns=columns):
        videos = np.asarray(batch.column("video_id").cast(pa.string()).to_pylist(), object)
        starts = [0, *(np.flatnonzero(videos[1:] != videos[:-1]) + 1), len(videos)]
        for start, end in itertools.pairwise(starts):
            if start == end:
                continue
            video_id = str(videos[start])
            if video_id != last and video_id in seen:
                raise UserError(
                    f"{path}: the rows of video '{video_id}' are not together; expected rows in the order of "
                    "video_id, frame_id. Sort it, and import it again."
                )
            seen.add(video_id)
            last = video_id
            yield video_id, batch.slice(start, end - start)


def _import_video(
    args: ImportArgs,
    video_id: str,
    batches: Iterable[pa.RecordBatch],
    known: dict[str, labels.Labels],
    metadata: dict[str, str],
    restored: bool,
) -> dict:
    """Writes one video's landmarks; returns its row of the quality table."""
    video_labels = known.get(labels.same_form(video_id)) or labels.default_labels(video_id)
    file = storage.landmarks_file(args.output, video_id)
    sampler = _Sampler(args, video_id, video_labels, restored)
    with storage.table_writer(file, tables.LANDMARKS, metadata) as writer:
        for batch in batches:
            rows = sampler.sample(batch)
            if rows.num_rows:
                writer.write_batch(rows)
    return sampler.quality()


class _Sampler:
    """Puts one person's rows onto the sampling grid, and counts what the quality table needs."""

    def __init__(self, args: ImportArgs, video_id: str, video_labels: labels.Labels, restored: bool) -> None:
        self._args, self._video_id, self._labels, self._restored = args, video_id, video_labels, restored
        self._grid = windows.SamplingGrid(args.sample_rate_hz)
        self._person_id: int | None = None
        self._last_frame = -1
        self._origin_ms: float | None = None
        self._last_ms = 0.0
        self._counts, self._gaps = landmark_table.FrameCounts(), landmark_table.LongestGap()

    def sample(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of the landmarks table for those of `batch` that fall on the grid."""
        person_id = self._person(batch)
        times = self._times_ms(batch)
        grid = [self._grid.frame_id(float(time_ms)) for time_ms in times]
        frame_ids = [frame_id for frame_id in grid if frame_id is not None]
        chosen = np.flatnonzero([frame_id is not None for frame_id in grid])
        batch, times = batch.take(pa.array(chosen)), times[chosen]
        image, detected = _image_landmarks(batch)
        points = np.stack([self._world(image, detected), image], axis=1)
        probabilities = np.stack([_matrix(batch, columns) for columns in (_VISIBILITY, _PRESENCE)], axis=-1)
        probabilities[~detected] = np.nan
        rows = landmark_table.landmark_batch(
            self._video_id,
            frame_ids,
            np.rint(times).astype(np.int64),
            points,
            probabilities,
            detected,
            self._labels,
            person_id,
        )
        self._counts.frames_sampled += len(times)
        self._counts.frames_without_person += int((~detected).sum())
        self._gaps.add(rows)
        return rows

    def _world(self, image: np.ndarray, detected: np.ndarray) -> np.ndarray:
        """World landmarks: not known, or restored."""
        if not self._restored:
            return np.full_like(image, np.nan)
        if not proportions.is_scaled_per_axis(image[detected]).all():
            raise UserError(
                f"{self._args.landmarks}: the axes of video '{self._video_id}' are not all scaled to 0-1 in each frame,"
                " as those of the first video are; expected one scale in a table. Give each scale a table of its own, "
                "or --keep_proportions."
            )
        return proportions.restore_proportions(image)

    def quality(self) -> dict:
        """The video's row of the quality table."""
        video = Video(self._video_id, self._args.landmarks)
        return landmark_table.summary(
            video, self._labels, self._counts, self._gaps, self._last_ms, self._args.source_rate_hz
        )

    def _person(self, batch: pa.RecordBatch) -> int:
        """The one person of the video: rows of several people would look like one person who jumps about."""
        found = set(batch.column("person_id").to_pylist()) if "person_id" in batch.schema.names else {0}
        if self._person_id is None:
            self._person_id = min(found)
        if found != {self._person_id}:
            raise UserError(
                f"{self._args.landmarks}: video '{self._video_id}' has the person_ids "
                f"{', '.join(map(str, sorted(found | {self._person_id})))}; expected one person in a video. Give each "
                "person another video_id."
            )
        return self._person_id

    def _times_ms(self, batch: pa.RecordBatch) -> np.ndarray:
        """Milliseconds since the video's first row, float64; checks that time moves on."""
        frames = batch.column("frame_id").to_numpy().astype(np.int64)
        not_risen = np.flatnonzero(np.diff(frames, prepend=self._last_frame) <= 0)
        if not_risen.size:
            raise UserError(
                f"{self._args.landmarks}: frame_id of video '{self._video_id}' is {frames[not_risen[0]]} "
                "in a row after a higher or the same one; expected 0 or more, rising. Sort the table by video_id, "
                "frame_id, and import it again."
            )
        self._last_frame = int(frames[-1])
        if "timestamp_ms" in batch.schema.names:
            times = batch.column("timestamp_ms").to_numpy().astype(np.float64)
        else:
            times = frames * (1000 / self._args.source_rate_hz)
        if self._origin_ms is None:
            self._origin_ms = times[0]
        times = times - self._origin_ms
        if not (np.diff(times, prepend=self._last_ms if self._counts.frames_decoded else -1.0) > 0).all():
            raise UserError(
                f"{self._args.landmarks}: timestamp_ms of video '{self._video_id}' does not rise; expected "
                "milliseconds from the start of the video, later in every row."
            )
        self._last_ms = float(times[-1])
        self._counts.frames_decoded += len(times)
        return times


def _matrix(batch: pa.RecordBatch, columns: list[str]) -> np.ndarray:
    """Columns side by side: float32, shape (rows, columns); NaN where the table does not have them."""
    if columns[0] not in batch.schema.names:
        return np.full((batch.num_rows, len(columns)), np.nan, np.float32)
    arrays = [batch.column(name).to_numpy(zero_copy_only=False).astype(np.float32) for name in columns]
    return np.stack(arrays, axis=1)
