"""Rows of a window as whole files: one for each window, shard and pane.

Beam's own WriteToParquet leaves files without an end where a bundle has rows of two windows (seen in 2.77).
"""

import dataclasses
import datetime
import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms import trigger, window
from apache_beam.utils.timestamp import Duration

# A value that has passed KeepFirstInTime is in time, however long it is under way. So the grouping must never drop it.
UNDER_WAY_S = 30 * 86_400


@dataclasses.dataclass(frozen=True)
class WindowSettings:
    """When files are written.

    Attributes:
      window_s: seconds of event time in a window.
      allowed_lateness_s: how long after a window's end something may still come; it is written to a file of its own.
      early_s: while a window is open, a file with what has come is written so many seconds after its first row; 0:
        none.
      num_shards: files for each window, written at the same time by several workers.
    """

    window_s: int = 300
    allowed_lateness_s: int = 86_400
    early_s: int = 0
    num_shards: int = 1


@dataclasses.dataclass(frozen=True)
class WindowFile:
    """A file's name, the same in each table's folder.

    Attributes:
      start_s, end_s: of the window, in seconds since 1970.
      shard, num_shards: which part of the window's rows.
      pane: which of the window's files, in the order of time.
      content: a hash of the names of what is in it, so that a job that starts anew never writes over a former one's
        file, and a bundle that is done again writes the same file.
    """

    start_s: int
    end_s: int
    shard: int
    num_shards: int
    pane: int
    content: str

    @property
    def folder(self) -> str:
        """The day's folder, as Hive, Spark, BigQuery and pandas name a partition."""
        return f"date={_utc(self.start_s):%Y-%m-%d}"

    @property
    def window(self) -> str:
        """How every file's name of this window begins."""
        return f"{_utc(self.start_s):%Y%m%dT%H%M%SZ}-{_utc(self.end_s):%Y%m%dT%H%M%SZ}"

    @property
    def shard_prefix(self) -> str:
        """How every file's name of this window and shard begins."""
        return f"{self.window}_shard-{self.shard:03d}-of-{self.num_shards:03d}_"

    @property
    def name(self) -> str:
        """The name below a table's folder."""
        return f"{self.folder}/{self.shard_prefix}pane-{self.pane:03d}_{self.content}.parquet"


def _utc(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


class _WriteFile(beam.DoFn):
    def __init__(self, write: Callable[[WindowFile, list[Any]], Iterable[Any]], num_shards: int) -> None:
        self._write, self._num_shards = write, num_shards

    def process(
        self,
        element: tuple[int, Iterable[Any]],
        bounds=beam.DoFn.WindowParam,
        pane=beam.DoFn.PaneInfoParam,
    ) -> Iterator[Any]:
        # By their names: a bundle that is done again may get its rows in another order.
        rows = [row for _, row in sorted({row.name: row for row in element[1]}.items())]
        if rows:
            content = hashlib.sha256("\n".join(row.name for row in rows).encode()).hexdigest()[:12]
            start_s, end_s = (bound.micros // 1_000_000 for bound in (bounds.start, bounds.end))
            yield from self._write(
                WindowFile(start_s, end_s, element[0], self._num_shards, max(pane.index, 0), content), rows
            )


@dataclasses.dataclass
class WriteWindows(beam.PTransform):
    """Timestamped rows -> what `write` yields, which is called with a file's name and its rows.

    A row's `name` says what it is: rows of one name are one row, and the name says which shard is theirs.

    A window's file is written when the watermark has passed its end; what comes later, at once, each in its own file.

    Attributes:
      write: writes whole files, the same ones when it is called again.
      settings: when.
      tag: of a second output, which `write` may yield to.
    """

    write: Callable[[WindowFile, list[Any]], Iterable[Any]]
    settings: WindowSettings
    tag: str | None = None

    def expand(self, rows: beam.PCollection) -> beam.PCollection:  # noqa: D102
        settings = self.settings
        write = _WriteFile(self.write, settings.num_shards)
        early = trigger.AfterProcessingTime(settings.early_s) if settings.early_s else None
        return (
            rows
            | "ToShard" >> beam.Map(_to_shard, settings.num_shards).with_output_types(tuple[int, Any])
            | "Window"
            >> beam.WindowInto(
                window.FixedWindows(settings.window_s),
                trigger=trigger.AfterWatermark(early=early, late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.DISCARDING,
                allowed_lateness=Duration(seconds=settings.allowed_lateness_s + UNDER_WAY_S),
            )
            | "Group" >> beam.GroupByKey()
            | "Write" >> (beam.ParDo(write).with_outputs(self.tag, main="main") if self.tag else beam.ParDo(write))
        )


def _to_shard(row: Any, num_shards: int) -> tuple[int, Any]:
    # Not hash(), which is another one in each process.
    return zlib.crc32(row.name.encode()) % num_shards, row
