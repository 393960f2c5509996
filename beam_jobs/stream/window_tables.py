"""The tables of a window: what is known of its videos, their features and predictions, each as one whole file."""

import dataclasses
import json
import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from beam_jobs import storage, tables, transform_graph
from beam_jobs.errors import UserError
from beam_jobs.extract.object_version import OVERWRITTEN
from beam_jobs.extract.rows import dead_letter
from beam_jobs.features.pipeline import WRITTEN, write_feature_tables
from beam_jobs.features.shards import LandmarksFile
from beam_jobs.labels import Video
from beam_jobs.stream.windowed_files import WindowFile
from beam_jobs.video.frames import VideoError

# A file that a killed job left without its quality file; younger ones may be of a worker that is at it.
_LEFT_BEHIND_AFTER_S = 600.0


@dataclasses.dataclass(frozen=True)
class VideoResult:
    """A video whose landmarks are written.

    Attributes:
      quality: its row of the quality table.
      predictions: its rows of the predictions table; None where no bundle was given.
    """

    quality: dict[str, Any]
    predictions: pa.Table | None = None

    @property
    def name(self) -> str:
        """The video and its content."""
        return f"{self.quality['video_id']}\n{self.quality['content_sha256']}"


@dataclasses.dataclass(frozen=True)
class DeadLetter:
    """A row of the dead_letters table."""

    row: dict[str, Any]

    @property
    def name(self) -> str:
        """What failed, and why."""
        return json.dumps(self.row, sort_keys=True)


@dataclasses.dataclass
class WriteDeadLetters:
    """Writes dead letters of a window."""

    output: str

    def __call__(self, file: WindowFile, letters: list[DeadLetter]) -> Iterator[str]:
        """Writes a file; yields its path."""
        path = storage.join(self.output, tables.DEAD_LETTERS.name, file.name)
        rows = pa.Table.from_pylist([letter.row for letter in letters], schema=tables.DEAD_LETTERS.schema())
        storage.write_table(path, tables.DEAD_LETTERS, rows)
        yield path


class WriteVideos:
    """Writes features, predictions and, last, quality of a window's videos.

    A video whose rows are in another file of its window is left out: after a job was started anew, some notifications
    come again. So quality says which videos are whole.
    """

    def __init__(
        self, output: str, transform_fn: str | None, fingerprint: dict, prediction_metadata: dict[str, str]
    ) -> None:
        """Names what is needed.

        Args:
          output: the folder that holds the tables' folders.
          transform_fn: the SavedModel that makes features; None: none are wanted.
          fingerprint: of the landmarks.
          prediction_metadata: of each file of predictions.
        """
        self._output, self._transform_fn, self._coordinates = output, transform_fn, fingerprint["coordinates"]
        self._metadata = {tables.FINGERPRINT_KEY: json.dumps(fingerprint, sort_keys=True)}
        self._prediction_metadata = self._metadata | prediction_metadata
        self._transform: Any = None

    def __call__(self, file: WindowFile, results: list[VideoResult]) -> Iterator[Any]:
        """Writes the files; yields the path of quality's, and dead letters of videos that are overwritten."""
        self._remove_left_behind(file)
        written = self._written(file)
        kept, letters = [], []
        for result in results:
            if result.name in written:
                continue
            if self._is_overwritten(result):
                letters.append(_overwritten(result))
            else:
                kept.append(result)
        yield from (beam.pvalue.TaggedOutput("dead_letters", letter) for letter in letters)
        if kept:
            yield self._write(file, kept)

    def _write(self, file: WindowFile, results: list[VideoResult]) -> str:
        if self._transform_fn is not None:
            if self._transform is None:
                self._transform = transform_graph.load(self._transform_fn)
            videos = [_landmarks_file(self._output, result.quality) for result in results]
            write_feature_tables(videos, self._transform, self._output, file.name, self._coordinates, self._metadata)
        predictions = [result.predictions for result in results if result.predictions is not None]
        if predictions:
            path = storage.join(self._output, tables.PREDICTIONS.name, file.name)
            storage.write_table(path, tables.PREDICTIONS, pa.concat_tables(predictions), self._prediction_metadata)
        rows = pa.Table.from_pylist([result.quality for result in results], schema=tables.QUALITY.schema())
        path = storage.join(self._output, tables.QUALITY.name, file.name)
        storage.write_table(path, tables.QUALITY, rows, self._metadata)
        return path

    def _files(self, table: tables.Table, file: WindowFile, prefix: str) -> list[str]:
        """The names, below a table's folder, of files of the same window, or of one shard; not the file itself."""
        folder = storage.join(self._output, table.name)
        found = (storage.relative_path(folder, path) for path in storage.list_files(storage.join(folder, file.folder)))
        return [name for name in found if name.rpartition("/")[2].startswith(prefix) and name != file.name]

    def _written(self, file: WindowFile) -> set[str]:
        """The names of the videos in other files of the window."""
        names = set()
        for other in self._files(tables.QUALITY, file, file.window):
            with storage.open_input(storage.join(self._output, tables.QUALITY.name, other)) as source:
                rows = pq.read_table(source, columns=["video_id", "content_sha256"]).to_pylist()
            names |= {VideoResult(row).name for row in rows}
        return names

    def _remove_left_behind(self, file: WindowFile) -> None:
        whole = set(self._files(tables.QUALITY, file, file.shard_prefix))
        for table in (*WRITTEN, tables.PREDICTIONS):
            for other in self._files(table, file, file.shard_prefix):
                path = storage.join(self._output, table.name, other)
                if other not in whole and time.time() - storage.written_at_s(path) > _LEFT_BEHIND_AFTER_S:
                    storage.remove(path)

    def _is_overwritten(self, result: VideoResult) -> bool:
        """Whether the landmarks are of another content by now: then that one's own notification has come."""
        path = storage.join(self._output, tables.LANDMARKS.name, result.quality["landmarks_file"])
        try:
            return storage.read_metadata(path).get("content_sha256") != result.quality["content_sha256"]
        except UserError:  # gone, since the new content cannot be decoded
            return True


def _landmarks_file(output: str, quality: dict[str, Any]) -> LandmarksFile:
    return LandmarksFile(
        quality["video_id"],
        storage.join(output, tables.LANDMARKS.name, quality["landmarks_file"]),
        quality["num_frames_sampled"],
        quality["num_frames_detected"],
        quality["label"],
        quality["group"],
        quality["split"],
    )


def _overwritten(result: VideoResult) -> dict:
    video = Video(result.quality["video_id"], result.quality["uri"])
    message = f"{video.uri} was overwritten before its window closed; the rows of the new version are written instead."
    return dead_letter(video, "write", VideoError(OVERWRITTEN, message), 0)
