"""ExtractLandmarks: videos -> landmark rows, quality rows, dead letters."""

import dataclasses
import shutil

import apache_beam as beam
from apache_beam.io import fileio

from beam_jobs import storage
from beam_jobs.extract.extract_video import ExtractSettings
from beam_jobs.extract.failed_share import CheckFailedShare
from beam_jobs.extract.pieces import extract_videos
from beam_jobs.extract.summaries import WriteSummaries
from beam_jobs.extract.video_list import VideoSource, manifest_videos, video_source
from beam_jobs.labels import Video
from beam_jobs.pose import model_file


@dataclasses.dataclass
class ExtractLandmarks(beam.PTransform):
    """Videos -> the tables landmarks, quality and dead_letters under `settings.output`; yields the last two's paths.

    Attributes:
      settings: of the extraction.
      num_shards: see `summaries.num_shards`.
    """

    settings: ExtractSettings
    num_shards: int = 1

    def expand(self, videos: beam.PCollection[Video]) -> beam.PCollection[str]:  # noqa: D102
        quality, dead_letters = extract_videos(videos, self.settings)
        written = (quality, dead_letters) | "WriteSummaries" >> WriteSummaries(self.settings.output, self.num_shards)
        if self.settings.max_failed_share is None:
            return written
        return written | "CheckFailedShare" >> CheckFailedShare(
            videos, dead_letters, self.settings.max_failed_share, self.settings.output
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
        if self.source.listed_again is not None:
            # Workers see this disk: a list of many thousands is too long for a job's description.
            again = pipeline | "Folder" >> beam.Create([self.source.listed_again])
            return again | "List" >> beam.FlatMap(lambda videos: video_source(videos).listed)
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
