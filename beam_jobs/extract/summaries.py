"""WriteSummaries: the tables quality and dead_letters, which have one row for each video, whatever their number.

The rows of a run are sorted in shards, by several workers, into hidden files. One step then merges these sorted files
and the table that is there into a new one, row by row: its memory does not grow with the number of videos. So each
table stays one file, in the order of its keys. A hundred thousand rows take seconds.
"""

import contextlib
import dataclasses
import functools
import hashlib
import heapq
import itertools
import operator
import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa

from beam_jobs import storage, tables, video_rows
from beam_jobs.errors import UserError
from beam_jobs.updates import update_file

VIDEOS_PER_SHARD = 50_000
_ROWS_AT_ONCE = 1000
_ROWS_PER_GROUP = 10_000
# Hidden folders of sorted rows in the output folder, one a run.
_STAGED = ".summaries-"
_ABANDONED_AFTER_S = 7 * 86_400
_TABLES = (tables.QUALITY, tables.DEAD_LETTERS)

_video_id = operator.itemgetter("video_id")


def table_path(output: str, table: tables.Table) -> str:
    """The one file of a table of this module."""
    return storage.join(output, table.name, f"{table.name}.parquet")


def new_staging(output: str) -> str:
    """A name for a hidden folder of a run."""
    return storage.join(output, _STAGED + uuid.uuid4().hex)


def num_shards(num_videos: int) -> int:
    """How many workers may sort the rows of so many videos."""
    return max(1, -(-num_videos // VIDEOS_PER_SHARD))


def shard_of(row: dict, num_shards: int) -> int:
    """Which shard a video's rows belong to."""
    return int.from_bytes(hashlib.sha256(row["video_id"].encode()).digest()[:8], "big") % num_shards


def write_sorted(path: str, table: tables.Table, rows: Iterable[dict]) -> str:
    """Writes rows of a table by the order of their keys, one whole file; returns its path."""
    # Columns take a tenth of the memory of rows.
    parts = list(_in_tables(rows, table, _ROWS_AT_ONCE))
    with storage.table_writer(path, table) as writer:
        # Of small groups: a merge holds one of each file.
        writer.write_table(pa.concat_tables(parts).sort_by("video_id"), row_group_size=_ROWS_AT_ONCE)
    return path


def _in_tables(rows: Iterable[dict], table: tables.Table, num: int) -> Iterator[pa.Table]:
    """Rows as tables of so many."""
    rows = iter(rows)
    while part := list(itertools.islice(rows, num)):
        yield pa.Table.from_pylist(part, table.schema())


def write_rows(path: str, table: tables.Table, rows: Iterable[dict]) -> None:
    """Writes rows of a table as they come, one whole file."""
    with storage.table_writer(path, table) as writer:
        for part in _in_tables(rows, table, _ROWS_PER_GROUP):
            writer.write_table(part)


def merge_rows(former: Iterable[dict], new: Iterable[dict], done: Iterable[str]) -> Iterator[dict]:
    """The rows of a table after a run: the run's, and the former ones of videos that the run did not read.

    Args:
      former: rows by the order of their `video_id`, as all three.
      new: the run's.
      done: each `video_id` that the run has read, perhaps repeatedly.
    """
    ids = iter(done)
    next_id = next(ids, None)

    def kept() -> Iterator[dict]:
        nonlocal next_id
        for row in former:
            while next_id is not None and next_id < row["video_id"]:
                next_id = next(ids, None)
            if row["video_id"] != next_id:
                yield row

    return heapq.merge(kept(), new, key=_video_id)


def with_landmarks(quality: Iterable[dict], output: str) -> Iterator[dict]:
    """The quality rows whose landmarks are in `output`: deleting a video's file removes the video."""
    folder = storage.join(output, tables.LANDMARKS.name)
    listed = video_rows.ListedFiles(folder)
    for row in quality:
        file = row["landmarks_file"]
        # Another job may have written it since the listing.
        if file and (file in listed or storage.exists(storage.join(folder, file))):
            yield row


def _check_version(local: str, path: str) -> None:
    """Refuses the local copy of a table of another schema version."""
    try:
        storage.read_metadata(local)
    except UserError as error:
        raise UserError(str(error).replace(local, path)) from None


def _merge(
    table: tables.Table, staged: Mapping[str, Collection[str]], output: str, former: str | None, target: str
) -> None:
    """Writes a table after a run to a local path, from the local copy of the table before it."""
    read = {other.name: [video_rows.read_file(path) for path in staged[other.name]] for other in _TABLES}
    # Read once more: of both tables, for a video that fails leaves quality, and one that is repaired dead_letters.
    every = (video_rows.read_file(path, ["video_id"]) for other in _TABLES for path in staged[other.name])
    done = map(_video_id, heapq.merge(*every, key=_video_id))
    before: Iterable[dict] = ()
    if former is not None:
        _check_version(former, table_path(output, table))
        before = video_rows.read_file(former)
    if former is not None and table is tables.QUALITY:
        before = with_landmarks(before, output)
    rows = merge_rows(before, heapq.merge(*read[table.name], key=_video_id), done)
    write_rows(target, table, rows)


def merge_tables(staged: Iterable[tuple[str, str]], output: str) -> list[str]:
    """Merges a run's rows into both tables, each as one step among other jobs that do the same; returns their paths.

    Args:
      staged: (table's name, path) of each file of sorted rows.
      output: the job's.
    """
    paths: dict[str, list[str]] = {table.name: [] for table in _TABLES}
    for name, path in staged:
        paths[name].append(path)
    for table in _TABLES:
        update_file(table_path(output, table), functools.partial(_merge, table, paths, output))
    return [table_path(output, table) for table in _TABLES]


def failed_videos(output: str, video_ids: Collection[str], num: int) -> tuple[int, list[str]]:
    """How many videos failed, and some of them, each with its reason.

    Args:
      output: the job's.
      video_ids: the videos of this run.
      num: how many are named at most.
    """
    count = 0
    examples: list[str] = []
    # In a store a copy: another job may rewrite the table meanwhile.
    with storage.local_copy(table_path(output, tables.DEAD_LETTERS)) as local:
        for row in video_rows.read_file(local, ["video_id", "reason"]):
            if row["video_id"] in video_ids:
                count += 1
                if len(examples) < num:
                    examples.append(f"{row['video_id']}: {row['reason']}")
    return count, examples


def remove_abandoned(output: str) -> None:
    """Removes the hidden files of runs that were killed a week ago or longer."""
    fs, name = storage.filesystem(output)
    if not fs.isdir(name):
        return
    for path in fs.ls(name, detail=False):
        folder = path.rstrip("/").rsplit("/", 1)[-1]
        if folder.startswith(_STAGED):
            files = [storage.join(output, folder, file[len(path.rstrip("/")) + 1 :]) for file in fs.find(path)]
            if all(time.time() - storage.written_at_s(file) > _ABANDONED_AFTER_S for file in files):
                with contextlib.suppress(FileNotFoundError):
                    storage.remove(storage.join(output, folder))


def _write_shard(shard: tuple[int, Iterable[dict]], folder: str, table: tables.Table) -> tuple[str, str]:
    index, rows = shard
    return table.name, write_sorted(storage.join(folder, table.name, f"{index:05d}.parquet"), table, rows)


def _merge_once(_: Any, staged: Iterable[tuple[str, str]], output: str) -> Iterator[str]:
    yield from merge_tables(staged, output)


def _remove(_: Any, written: list, folder: str) -> None:
    """`written` makes Beam wait for both tables."""
    storage.remove(folder)


@dataclasses.dataclass
class WriteSummaries(beam.PTransform):
    """(quality rows, dead letters) -> the paths of both tables, which hold the rows of former runs as well.

    Attributes:
      output: the job's.
      num_shards: see `num_shards`.
    """

    output: str
    num_shards: int = 1

    def expand(self, rows: Any) -> beam.PCollection:  # noqa: D102
        folder = new_staging(self.output)
        staged = (
            tuple(
                found
                | f"Shard_{table.name}" >> beam.Map(lambda row, num: (shard_of(row, num), row), self.num_shards)
                | f"Gather_{table.name}" >> beam.GroupByKey()
                | f"Sort_{table.name}" >> beam.Map(_write_shard, folder, table)
                for found, table in zip(rows, _TABLES, strict=True)
            )
            | "Staged" >> beam.Flatten()
        )
        once = staged.pipeline | "Once" >> beam.Create([None])
        # The list has a path for each shard, so one for 50,000 videos.
        written = once | "Merge" >> beam.FlatMap(_merge_once, beam.pvalue.AsList(staged), self.output)
        # A runner may repeat a step until it has recorded it: the sorted files must exist until then.
        noted = written | "NoteWritten" >> beam.Reshuffle()
        _ = once | "RemoveStaged" >> beam.Map(_remove, beam.pvalue.AsList(noted), folder)
        return noted
