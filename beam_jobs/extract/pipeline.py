"""ExtractLandmarks: videos -> landmark rows, quality rows, dead letters."""

import dataclasses
import shutil
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.io import fileio

from beam_jobs import storage, tables
from beam_jobs.extract.extract_video import ExtractSettings, ExtractVideo
from beam_jobs.extract.failed_share import CheckFailedShare
from beam_jobs.extract.video_list import VideoSource, manifest_videos
from beam_jobs.labels import Video
from beam_jobs.pose import model_file


def merge_rows(existing: pa.Table | None, rows: list[dict], table: tables.Table, video_ids: set[str]) -> pa.Table:
    """A per-video table after a run: the run's rows, and the former rows of videos that the run did not touch."""
    new = pa.Table.from_pylist(rows, schema=table.schema())
    if existing is not None:
        kept = existing.filter(pc.invert(pc.is_in(existing["video_id"], pa.array(sorted(video_ids), pa.string()))))
        new = pa.concat_tables([kept.cast(table.schema()), new])
    return new.sort_by("video_id")


def with_landmarks(quality: pa.Table, output: str) -> pa.Table:
    """The rows of a quality table whose landmarks are in `output`: deleting a video's file removes the video."""
    folder = storage.join(output, tables.LANDMARKS.name)
    files = [storage.relative_path(folder, file) for file in storage.list_files(folder)]
    return quality.filter(pc.is_in(quality["landmarks_file"], pa.array(files, pa.string())))


class WriteSummaries(beam.DoFn):
    """Writes the quality and the dead_letters table, each as one file."""

    def __init__(self, output: str) -> None:
        self._output = output

    def process(self, _: None, quality: list[dict], dead_letters: list[dict]) -> Iterator[str]:
        """Writes both tables and yields their paths."""
        video_ids = {row["video_id"] for row in quality} | {row["video_id"] for row in dead_letters}
        for table, rows in ((tables.QUALITY, quality), (tables.DEAD_LETTERS, dead_letters)):
            path = storage.join(self._output, table.name, f"{table.name}.parquet")
            existing = storage.read_table(self._output, table) if storage.exists(path) else None
            if existing is not None and table is tables.QUALITY:
                existing = with_landmarks(existing, self._output)
            storage.write_table(path, table, merge_rows(existing, rows, table, video_ids))
            yield path


@dataclasses.dataclass
class ExtractLandmarks(beam.PTransform):
    """Videos -> the tables landmarks, quality and dead_letters under `settings.output`; yields the last two's paths."""

    settings: ExtractSettings

    def expand(self, videos: beam.PCollection[Video]) -> beam.PCollection[str]:  # noqa: D102
        extracted = (
            videos
            | "Spread" >> beam.Reshuffle()
            | "EstimatePoses" >> beam.ParDo(ExtractVideo(self.settings)).with_outputs("dead_letters", main="quality")
        )
        written = (
            videos.pipeline
            | "Once" >> beam.Create([None])
            | "WriteSummaries"
            >> beam.ParDo(
                WriteSummaries(self.settings.output),
                quality=beam.pvalue.AsList(extracted.quality),
                dead_letters=beam.pvalue.AsList(extracted.dead_letters),
            )
        )
        if self.settings.max_failed_share is None:
            return written
        return written | "CheckFailedShare" >> CheckFailedShare(
            videos, extracted.dead_letters, self.settings.max_failed_share, self.settings.output
        )


@dataclasses.dataclass
class MatchVideos(beam.PTransform):
    """A VideoSource -> its videos."""

    source: VideoSource

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection[Video]:  # noqa: D102
        if self.source.manifest is not None:
            return (
                pipeline | "Manifest" >> beam.Create([self.source.manifest]) | "Read" >> beam.FlatMap(manifest_videos)
            )
        if self.source.pattern is None:
            return pipeline | "List" >> beam.Create(self.source.listed)
        return (
            pipeline
            | "Match" >> fileio.MatchFiles(self.source.pattern)
            | "Name" >> beam.Map(lambda file, source: source.video(file.path), self.source)
            | "DropOtherFiles" >> beam.Filter(lambda video: video is not None)
        )


def stage_pose_model(pose_model_path: str, output: str) -> str:
    """Puts the pose model where a distributed runner's workers can read it; they never download one themselves."""
    staged = storage.join(output, f".pose_model-{model_file.sha256(pose_model_path)[:12]}.task")
    if not storage.exists(staged):
        with storage.atomic_file(staged) as local:
            shutil.copyfile(pose_model_path, local)
    return staged
