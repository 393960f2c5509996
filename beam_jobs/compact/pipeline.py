"""CompactLandmarks: many files of landmarks -> few, in the order of their keys. The `compact` command.

The new files are written first, beside the others; nobody reads them. One rewrite of the quality table switches
all videos to the new files. Only then the files that they replace are removed. A job that is stopped before that
rewriting has changed nothing, one that is stopped after it has changed everything; the next one removes what is left.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from beam_jobs import compacted, storage, tables, video_rows
from beam_jobs.errors import UserError
from beam_jobs.extract import summaries
from beam_jobs.features import shards as features_shards
from beam_jobs.features.pipeline import PlannedShards
from beam_jobs.features.plan import Plan, PlannedShard
from beam_jobs.features.shards import LandmarksFile
from beam_jobs.updates import remove_if_still, state_of, update_file

# The namespace of Beam's counters of this job.
COUNTERS = "compact"
_ROWS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class CompactSettings:
    """What a job compacts.

    Attributes:
      folder: with the tables landmarks and quality.
      token: in the names of this job's files.
      fingerprint: how all landmarks were made.
      has_leftovers: a former job was stopped before it had removed all files that it replaced.
    """

    folder: str
    token: str
    fingerprint: dict
    has_leftovers: bool = False

    def path(self, file: str) -> str:
        """Where a file of landmarks is."""
        return storage.join(self.folder, tables.LANDMARKS.name, file)

    def name(self, index: int) -> str:
        """The name of this job's file number `index`."""
        return compacted.file_name(index, self.token)


def _batches(videos: Iterable[LandmarksFile]) -> Iterator[tuple[LandmarksFile, pa.RecordBatch]]:
    """Yields (video, some rows of it), in the order of the videos."""
    columns = tables.LANDMARKS.schema().names
    for path, group in itertools.groupby(videos, key=lambda video: video.path):
        by_id = {video.video_id: video for video in group}
        with storage.open_parquet(path) as file:
            for video_id, batch in features_shards.file_parts(file, by_id, _ROWS_AT_ONCE, columns):
                yield by_id[video_id], batch


def _with_labels(batch: pa.RecordBatch, video: LandmarksFile) -> pa.Table:
    """Rows with the labels of the quality table, which are newer than theirs if the video was labelled again."""
    schema = tables.LANDMARKS.schema()
    columns = {name: batch.column(name) for name in schema.names}
    for column in tables.LABEL_COLUMNS:
        columns[column.name] = pa.array([getattr(video, column.name)] * batch.num_rows, column.type)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def write_compacted(path: str, videos: Iterable[LandmarksFile], metadata: dict[str, str]) -> int:
    """Writes the rows of some videos to one file, which appears whole; returns their number.

    A row group has some 10,000 rows of whole videos, unless one alone has more: little is read for one video.
    """
    waiting: list[pa.Table] = []
    num_waiting = num_rows = 0
    last: LandmarksFile | None = None
    with storage.table_writer(path, tables.LANDMARKS, metadata) as writer:

        def write() -> None:
            nonlocal waiting, num_waiting
            if waiting:
                writer.write_table(pa.concat_tables(waiting), row_group_size=num_waiting)
            waiting, num_waiting = [], 0

        for video, batch in _batches(videos):
            full = num_waiting >= compacted.ROWS_PER_GROUP
            if full and (video != last or num_waiting >= 2 * compacted.ROWS_PER_GROUP):
                write()
            waiting.append(_with_labels(batch, video))
            num_waiting += batch.num_rows
            num_rows += batch.num_rows
            last = video
        write()
    return num_rows


def _leftover_file(video: LandmarksFile, folder: str) -> str | None:
    """The own file of a video in a file of many, if it is older: what a former job has replaced and not removed.

    A newer one is of a job of `extract` that was stopped before it wrote the quality table.
    """
    path = storage.landmarks_file(folder, video.video_id)
    if compacted.is_compacted(video.path) and 0 < storage.written_at_s(path) <= storage.written_at_s(video.path):
        return path
    return None


class _WriteFile(beam.DoFn):
    """A planned file -> its name; tagged "merged": (path, state) of each file of one video that it replaces."""

    def __init__(self, settings: CompactSettings) -> None:
        self._settings = settings

    def process(self, planned: PlannedShard) -> Iterator[Any]:
        shard = planned.read()
        singles = [video.path for video in shard.videos if not compacted.is_compacted(video.path)]
        if self._settings.has_leftovers:
            singles += [path for video in shard.videos if (path := _leftover_file(video, self._settings.folder))]
        # Before they are read: one that is written anew later is not removed.
        states = [(path, state_of(path)) for path in singles]
        metadata = {tables.FINGERPRINT_KEY: json.dumps(self._settings.fingerprint, sort_keys=True)}
        name = self._settings.name(shard.index)
        num_rows = write_compacted(self._settings.path(name), shard.videos, metadata)
        _count("num_rows", num_rows)
        _count("num_videos", len(shard.videos))
        yield name
        yield from (beam.pvalue.TaggedOutput("merged", (path, state)) for path, state in states if state is not None)


def _planned_files(plan: Plan, settings: CompactSettings) -> Iterator[tuple[str, str, str]]:
    """(video_id, its file as planned, the file that replaces it), by the order of the ids."""
    for planned in plan.shards():
        for video in planned.read().videos:
            yield video.video_id, video.path.rsplit("/", 1)[-1], settings.name(planned.index)


def _renamed(rows: Iterable[dict], plan: Plan, settings: CompactSettings) -> Iterator[dict]:
    """Quality rows that name the new files, where a row still names the file that was planned with."""
    fingerprint = json.dumps(settings.fingerprint, sort_keys=True)
    planned = _planned_files(plan, settings)
    current = next(planned, None)
    for row in rows:
        while current is not None and current[0] < row["video_id"]:
            current = next(planned, None)
        if current is not None and current[:2] == (row["video_id"], row["landmarks_file"]):
            row = row | {"landmarks_file": current[2], "fingerprint": fingerprint}
        yield row


def point_quality_at_new_files(_: Any, written: Iterable[str], plan: Plan, settings: CompactSettings) -> str:
    """Makes the new files count; may be called again. `written` are their names, one for 100,000 rows."""
    missing = {settings.name(shard.index) for shard in plan.shards()} - set(written)
    if missing:
        raise RuntimeError(f"{len(missing)} files were not written, for example {min(missing)}")

    def write(former: str | None, target: str) -> None:
        if former is None:
            raise UserError(f"{settings.folder} has no table quality any longer. Does another job write there?")
        summaries.write_rows(target, tables.QUALITY, _renamed(video_rows.read_file(former), plan, settings))

    update_file(summaries.table_path(settings.folder, tables.QUALITY), write)
    return settings.token


def remove_single_files(merged: tuple[str, str], _: list) -> None:
    """Removes a file of one video whose rows are in a new file."""
    _count("num_removed", int(remove_if_still(*merged)))


def remove_former_files(_: Any, switched: list, folder: str) -> None:
    """Removes the files of many videos that the quality table does not name: those of jobs before this one."""
    rows = video_rows.read_rows(folder, tables.QUALITY, ["video_id", "landmarks_file"])
    named = {row["landmarks_file"] for row in rows if compacted.is_compacted(row["landmarks_file"] or "")}
    landmarks = storage.join(folder, tables.LANDMARKS.name)
    for file in list(storage.file_names(landmarks, compacted.PREFIX)):
        if file not in named:
            storage.remove(storage.join(landmarks, file))


def _count(name: str, num: int) -> None:
    Metrics.counter(COUNTERS, name).inc(num)


@dataclasses.dataclass
class CompactLandmarks(beam.PTransform):
    """A plan that workers can read -> one element, when `landmarks` has the plan's files and `quality` names them."""

    settings: CompactSettings
    plan: Plan

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:  # noqa: D102
        files = (
            pipeline
            | "Files" >> PlannedShards(self.plan)
            | "Spread" >> beam.Reshuffle()
            | "WriteFiles" >> beam.ParDo(_WriteFile(self.settings)).with_outputs("merged", main="names")
        )
        once = pipeline | "Once" >> beam.Create([None])
        switched = once | "PointQualityAtNewFiles" >> beam.Map(
            point_quality_at_new_files, beam.pvalue.AsList(files.names), self.plan, self.settings
        )
        when_switched = beam.pvalue.AsList(switched)
        _ = (
            files.merged
            | "SpreadSingleFiles" >> beam.Reshuffle()
            | "RemoveSingleFiles" >> beam.Map(remove_single_files, when_switched)
        )
        return once | "RemoveFormerFiles" >> beam.Map(remove_former_files, when_switched, self.settings.folder)
