"""How the features job reads landmark tables: in shards of videos, each row with its history."""

import concurrent.futures
import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import compacted, landmarks, storage, tables, video_rows, windows
from beam_jobs.errors import UserError

# Those that are written at once, too: with 4,096 in a row group, writing took a third longer.
_ROWS_PER_BATCH = 16_384


@dataclasses.dataclass(frozen=True)
class LandmarksFile:
    """One video's file of landmarks that are to become features, and what the quality table says of it.

    Attributes:
      path: the Parquet file.
      num_rows, num_detected: its rows, and those with a person.
      fingerprint: JSON of how they were made; None where only the file says it.
    """

    video_id: str
    path: str
    num_rows: int
    num_detected: int
    label: str | None
    group: str | None
    split: str | None
    fingerprint: str | None = None


@dataclasses.dataclass(frozen=True)
class Shard:
    """Videos, in the order of their ids, whose rows make one file of each table: number `index` of `num_shards`."""

    index: int
    num_shards: int
    videos: tuple[LandmarksFile, ...]

    @property
    def file_name(self) -> str:
        """The file's name in each table's folder: in the order of names, the rows are in the order of their keys."""
        return f"part-{self.index:05d}-of-{self.num_shards:05d}.parquet"


@dataclasses.dataclass(frozen=True)
class FeatureInputs:
    """What the inputs of the transform graph are made of, for T rows.

    Attributes:
      keys: the key columns, the label columns and `detected`, T rows.
      landmarks: float32, shape (N, 33, 3), NaN where missing: the T rows, and before each person's first one the H - 1
        rows that its history has.
      newest: int64, shape (T,): where in `landmarks` each row is.
      timestamps_ms: of each row's history, int64, shape (T, H).
    """

    keys: pa.Table
    landmarks: np.ndarray
    newest: np.ndarray
    timestamps_ms: np.ndarray

    def graph_inputs(self, rows_per_call: int) -> Iterator[dict[str, np.ndarray]]:
        """The inputs of so many rows at a time, by the names that the transform graph gives them.

        Histories repeat each row H times: few rows at a time fit into a processor's cache.
        """
        for start in range(0, len(self.newest), rows_per_call):
            rows = slice(start, start + rows_per_call)
            positions = self.newest[rows, None] + np.arange(1 - windows.HISTORY_LENGTH, 1)
            yield {"landmarks": self.landmarks[positions], "timestamp_ms": self.timestamps_ms[rows]}


_QUALITY_COLUMNS = (
    "video_id",
    "num_frames_sampled",
    "num_frames_detected",
    *(column.name for column in tables.LABEL_COLUMNS),
    "landmarks_file",
    "fingerprint",
)
# So many files' metadata are read at once.
_FILES_AT_ONCE = 256


def read_videos(folder: str) -> Iterator[LandmarksFile]:
    """The videos of an output folder of `extract` or `import`, by the order of their ids.

    Raises:
      UserError: if there are no landmarks, or a video's file is not there.
    """
    there = video_rows.ListedFiles(storage.join(folder, tables.LANDMARKS.name))
    found = False
    for row in video_rows.read_rows(folder, tables.QUALITY, _QUALITY_COLUMNS):
        if not row["num_frames_sampled"] or not row["landmarks_file"]:
            continue
        if row["landmarks_file"] not in there:
            raise UserError(
                f"{folder}: the landmarks of video '{row['video_id']}' are not there; expected "
                f"{storage.join(tables.LANDMARKS.name, row['landmarks_file'])}. Run extract (or import) again."
            )
        found = True
        file = storage.join(folder, tables.LANDMARKS.name, row["landmarks_file"])
        counts, labels = (
            (row["num_frames_sampled"], row["num_frames_detected"]),
            (row["label"], row["group"], row["split"]),
        )
        yield LandmarksFile(row["video_id"], file, *counts, *labels, row["fingerprint"])
    if not found:
        raise UserError(
            f"{folder} has no landmarks; expected the output of python -m beam_jobs extract (or import). Its table "
            f"'{tables.DEAD_LETTERS.name}' says why videos failed."
        )


def with_common_fingerprint(videos: Iterable[LandmarksFile]) -> Iterator[tuple[LandmarksFile, dict]]:
    """Videos as they come, each with the fingerprint that the landmarks of all carry.

    The quality table knows it; where it was written by an earlier version, the files of landmarks are asked.

    Raises:
      UserError: when a video comes that has another one than the first.
    """
    videos = iter(videos)
    first: tuple[LandmarksFile, dict] | None = None
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        while part := list(itertools.islice(videos, _FILES_AT_ONCE)):
            found = (
                pool.map(_fingerprint, part) if any(v.fingerprint is None for v in part) else map(_fingerprint, part)
            )
            for video, fingerprint in zip(part, found, strict=True):
                first = first or (video, fingerprint)
                if fingerprint != first[1]:
                    raise UserError(
                        f"the landmarks of '{first[0].video_id}' were made by {json.dumps(first[1])}, those of "
                        f"'{video.video_id}' by {json.dumps(fingerprint)}; expected the same for all. Run extract on "
                        "all videos with the same flags and versions."
                    )
                yield video, fingerprint


def _fingerprint(video: LandmarksFile) -> dict:
    return storage.fingerprint(video.path) if video.fingerprint is None else json.loads(video.fingerprint)


def read_rows(
    videos: Iterable[LandmarksFile], coordinates: str, rows_per_batch: int = _ROWS_PER_BATCH
) -> Iterator[FeatureInputs]:
    """Reads videos' rows with their histories, in batches that may span videos; memory does not grow with their length.

    Args:
      videos: the videos to read.
      coordinates: "world" or "image": which of the two the graph takes.
      rows_per_batch: at least so many rows in a batch, the last one aside.
    """
    waiting: list[FeatureInputs] = []
    for _, group in itertools.groupby(videos, key=lambda video: video.path):
        for rows in _file_rows(tuple(group), coordinates, rows_per_batch):
            waiting.append(rows)
            if sum(rows.keys.num_rows for rows in waiting) >= rows_per_batch:
                yield _concatenated(waiting)
                waiting = []
    if waiting:
        yield _concatenated(waiting)


def _concatenated(parts: list[FeatureInputs]) -> FeatureInputs:
    before = np.cumsum([0, *(len(rows.landmarks) for rows in parts)])
    return FeatureInputs(
        pa.concat_tables([rows.keys for rows in parts]),
        np.concatenate([rows.landmarks for rows in parts]),
        np.concatenate([rows.newest + start for rows, start in zip(parts, before, strict=False)]),
        np.concatenate([rows.timestamps_ms for rows in parts]),
    )


def _file_rows(videos: tuple[LandmarksFile, ...], coordinates: str, rows_per_batch: int) -> Iterator[FeatureInputs]:
    """The rows of videos that share a file, in the file's order."""
    points = tables.landmark_columns(coordinates)
    keys = [column.name for column in tables.KEY_COLUMNS]
    num_past = windows.HISTORY_LENGTH - 1
    nothing = np.full((num_past, landmarks.NUM_LANDMARKS, 3), np.nan, np.float32)
    by_id = {video.video_id: video for video in videos}
    person, past, past_ms = None, nothing, np.empty(0, np.int64)
    with storage.open_parquet(videos[0].path) as file:
        for video_id, batch in file_parts(file, by_id, rows_per_batch, [*keys, *points, "detected"]):
            read = batch.select(points).to_tensor(row_major=True).to_numpy().reshape(-1, *nothing.shape[1:])
            times = batch.column("timestamp_ms").to_numpy()
            people = batch.column("person_id").to_numpy()
            starts = [0, *(np.flatnonzero(people[1:] != people[:-1]) + 1), len(people)]
            for start, end in itertools.pairwise(starts):
                if start == end:
                    continue
                if (video_id, people[start]) != person:
                    person, past, past_ms = (video_id, people[start]), nothing, past_ms[:0]
                known, known_ms = np.concatenate([past, read[start:end]]), np.concatenate([past_ms, times[start:end]])
                history_ms = windows.history_times(known_ms)[len(past_ms) :]
                own = pa.Table.from_batches([batch.slice(start, end - start)]).select([*keys, "detected"])
                newest = np.arange(num_past, len(known))
                yield FeatureInputs(_with_labels(own, by_id[video_id]), known, newest, history_ms)
                past, past_ms = known[-num_past:], known_ms[-num_past:]


def file_parts(
    file: pq.ParquetFile, videos: dict[str, LandmarksFile], rows_per_batch: int, columns: list[str]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(video_id, some of its rows) of each of a file's videos that are wanted.

    Raises:
      UserError: if a file of many videos has no row of one of them.
    """
    first = next(iter(videos.values()))
    if not compacted.is_compacted(first.path):
        yield from (
            (first.video_id, batch) for batch in file.iter_batches(rows_per_batch, columns=columns, use_threads=False)
        )
        return
    missing = set(videos)
    for video_id, batch in compacted.read_videos(file, videos, rows_per_batch, columns):
        missing.discard(video_id)
        yield video_id, batch
    if missing:
        raise UserError(
            f"{first.path} has no row of video '{min(missing)}', although the table quality says so. Does another job "
            "write there? Run the same command again, or run extract again."
        )


def _with_labels(table: pa.Table, video: LandmarksFile) -> pa.Table:
    # The labels of the quality table, not of the landmarks table: a video with new labels is not extracted again.
    for column in tables.LABEL_COLUMNS:
        table = table.append_column(column.name, pa.array([getattr(video, column.name)] * len(table), column.type))
    return table
