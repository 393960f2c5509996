"""What is known of videos whose landmarks are in a file of many: they are not extracted again."""

import contextlib
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from beam_jobs import compacted, storage, tables
from beam_jobs.extract.summaries import table_path

# Of the table, in memory at once.
_NUM_GROUPS = 4


class _Rows:
    """A table of one row a video, in which rows are looked up: a group of 10,000 is read for one."""

    def __init__(self, path: str) -> None:
        self._file = pq.ParquetFile(path)
        # The first column is video_id.
        groups = [self._file.metadata.row_group(index) for index in range(self._file.num_row_groups)]
        known = [group.column(0).statistics for group in groups if group.num_rows]
        self._bounds = [(statistics.min, statistics.max) for statistics in known]
        self._read: dict[int, pa.Table] = {}

    def find(self, video_id: str) -> dict[str, Any] | None:
        """A video's row."""
        for index, (first, last) in enumerate(self._bounds):
            if first <= video_id <= last:
                rows = self._group(index)
                place = pc.index(rows["video_id"], video_id).as_py()
                if place >= 0:
                    return rows.slice(place, 1).to_pylist()[0]
        return None

    def _group(self, index: int) -> pa.Table:
        if index not in self._read:
            if len(self._read) >= _NUM_GROUPS:
                del self._read[next(iter(self._read))]
            self._read[index] = self._file.read_row_group(index)
        return self._read[index]


class CompactedVideos:
    """The videos whose landmarks are in a file of many, in an output folder, at one time. Close it after use."""

    def __init__(self, output: str) -> None:
        self._stack = contextlib.ExitStack()
        self._quality: _Rows | None = None
        self._letters: _Rows | None = None
        self._files = set(storage.file_names(storage.join(output, tables.LANDMARKS.name), compacted.PREFIX))
        paths = [table_path(output, table) for table in (tables.QUALITY, tables.DEAD_LETTERS)]
        if self._files and all(map(storage.exists, paths)):
            # In a store a copy, which stays as it is when a job ends and rewrites the table.
            local = [self._stack.enter_context(storage.local_copy(path)) for path in paths]
            self._quality, self._letters = map(_Rows, local)

    def close(self) -> None:
        """Removes what was copied."""
        self._stack.close()

    def row(self, video_id: str) -> dict[str, Any] | None:
        """A video's row of the quality table; None where its landmarks are in no file of many."""
        row = self._quality.find(video_id) if self._quality is not None else None
        return row if row is not None and row["landmarks_file"] in self._files else None

    def find(self, video_id: str, content_sha256: str, fingerprint: str) -> dict[str, str] | None:
        """What the metadata of a video's own file would say, had it one: its quality row and its dead letters, in JSON.

        Args:
          video_id: the video.
          content_sha256: of the video's file.
          fingerprint: JSON of how its landmarks are to be made.

        Returns:
          None where no file of many has such landmarks.
        """
        row = self.row(video_id)
        if row is None or (row["content_sha256"], row["fingerprint"]) != (content_sha256, fingerprint):
            return None
        letter = self._letters.find(video_id) if self._letters is not None else None
        return {"quality": json.dumps(row), "dead_letters": json.dumps([letter] if letter else [])}
