"""Which videos a job computes features of: files of shards, one row group each, which workers read one by one.

So neither the launcher nor a job's description holds the list of all videos.
"""

import dataclasses
import shutil
from collections.abc import Iterator
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import storage
from beam_jobs.features.shards import LandmarksFile, Shard

_SCHEMA = pa.schema(
    [
        ("video_id", pa.string()),
        ("path", pa.string()),
        ("num_rows", pa.int64()),
        ("num_detected", pa.int64()),
        ("label", pa.string()),
        ("group", pa.string()),
        ("split", pa.string()),
    ]
)


@dataclasses.dataclass(frozen=True)
class PlannedShard:
    """A shard whose videos stand in a plan: number `index` of `num_shards`."""

    path: str
    index: int
    num_shards: int

    def read(self) -> Shard:
        """The shard with its videos."""
        with storage.open_input(self.path) as source:
            rows = pq.ParquetFile(source).read_row_group(self.index).to_pylist()
        return Shard(self.index, self.num_shards, tuple(LandmarksFile(**row) for row in rows))


@dataclasses.dataclass(frozen=True)
class Plan:
    """A plan's file, and what it comes to."""

    path: str
    num_shards: int
    num_videos: int
    num_rows: int
    num_detected: int

    def copied(self, path: str) -> "Plan":
        """The same plan, copied to where workers can read it."""
        with storage.atomic_file(path) as local:
            shutil.copyfile(self.path, local)
        return dataclasses.replace(self, path=path)

    def shards(self) -> Iterator[PlannedShard]:
        """Its shards, in order."""
        return (PlannedShard(self.path, index, self.num_shards) for index in range(self.num_shards))


class PlanWriter:
    """Groups videos, in the given order, into shards of about so many rows; a video is never split.

    Args:
      path: of the plan, local; whole when the block of `with` ends.
      rows_per_shard: a shard has more only where one video has.
    """

    def __init__(self, path: str, rows_per_shard: int) -> None:
        self._path, self._rows_per_shard = path, rows_per_shard
        self._file = pq.ParquetWriter(path, _SCHEMA, compression="zstd")
        self._waiting: list[LandmarksFile] = []
        self._num_waiting = 0
        self._num_shards = self._num_videos = self._num_rows = self._num_detected = 0

    def __enter__(self) -> "PlanWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._write()
        self._file.close()

    def add(self, video: LandmarksFile) -> None:
        """Adds the next video."""
        if self._num_waiting + video.num_rows > self._rows_per_shard:
            self._write()
        self._waiting.append(video)
        self._num_waiting += video.num_rows
        self._num_videos += 1
        self._num_rows += video.num_rows
        self._num_detected += video.num_detected

    def _write(self) -> None:
        if self._waiting:
            rows = [{name: getattr(video, name) for name in _SCHEMA.names} for video in self._waiting]
            self._file.write_table(pa.Table.from_pylist(rows, _SCHEMA), row_group_size=len(rows))
            self._num_shards += 1
            self._waiting, self._num_waiting = [], 0

    def plan(self) -> Plan:
        """What was written, after the block of `with`."""
        return Plan(self._path, self._num_shards, self._num_videos, self._num_rows, self._num_detected)
