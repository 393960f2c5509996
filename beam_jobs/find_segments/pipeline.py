"""FindSegments: landmark rows -> what was done in each video, from when to when and how often. The `segments` command.

By the code that live uses: `segments.ExerciseLog`.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.metrics import Metrics

from beam_jobs import predictions, segments, storage, tables
from beam_jobs.features import publish
from beam_jobs.features import shards as features_shards
from beam_jobs.features.pipeline import PlannedShards
from beam_jobs.features.plan import Plan, PlannedShard
from beam_jobs.features.shards import LandmarksFile
from beam_jobs.predictions import Predictor

# The namespace of Beam's counters of this job.
COUNTERS = "segments"
_ROWS_AT_ONCE = 16_384


def find_segments(rows: pa.Table, predictor: Predictor, min_probability: float) -> Iterator[dict[str, Any]]:
    """Yields a row of the segments table for each stretch of an exercise in a video.

    Args:
      rows: of the landmarks table, all of one video, in their order.
      predictor: a loaded bundle.
      min_probability: how probable an answer must become, 0 to 1.
    """
    for person in predictor.people(rows):
        log = segments.ExerciseLog(predictor.labels, predictor.holds, min_probability)
        answers = dict(zip(person.last, predictor.steady(person.rows, person.times, person.last), strict=True))
        for index, (row, timestamp_ms) in enumerate(zip(person.rows, person.times.tolist(), strict=True)):
            log.push_row(row, timestamp_ms)
            if index % predictor.rule.stride == 0:
                log.push_answer(timestamp_ms, answers.get(index))
        for segment in log.segments():
            yield {
                "session_id": person.keys["video_id"][0].as_py(),
                "person_id": person.keys["person_id"][0].as_py(),
                "started_at": None,
                **dataclasses.asdict(segment),
                "bundle_sha256": predictor.sha256,
            }


def read_videos(videos: Iterable[LandmarksFile], columns: list[str]) -> Iterator[pa.Table]:
    """The rows of each video, in the order of the videos."""
    for path, group in itertools.groupby(videos, key=lambda video: video.path):
        by_id = {video.video_id: video for video in group}
        with storage.open_parquet(path) as file:
            parts = features_shards.file_parts(file, by_id, _ROWS_AT_ONCE, columns)
            for _, batches in itertools.groupby(parts, key=lambda part: part[0]):
                yield pa.Table.from_batches([batch for _, batch in batches])


class _WriteShard(beam.DoFn):
    """A planned shard of videos to one file of the table; yields its name."""

    def __init__(self, bundle: str, output: str, min_probability: float) -> None:
        self._bundle, self._output, self._min_probability = bundle, output, min_probability
        self._predictor: Any = None
        self._num_videos = Metrics.counter(COUNTERS, "num_videos")
        self._num_segments = Metrics.counter(COUNTERS, "num_segments")

    def setup(self) -> None:
        self._predictor = Predictor(self._bundle)

    def process(self, planned: PlannedShard) -> Iterator[str]:
        shard = planned.read()
        name = storage.join(tables.SEGMENTS.name, shard.file_name)
        with storage.table_writer(storage.join(self._output, name), tables.SEGMENTS) as writer:
            for rows in read_videos(shard.videos, self._predictor.columns):
                found = list(find_segments(rows, self._predictor, self._min_probability))
                writer.write_table(pa.Table.from_pylist(found, schema=tables.SEGMENTS.schema()))
                self._num_segments.inc(len(found))
                self._num_videos.inc()
        yield name


def _publish(_, written: list[str], staging: str, output: str) -> str:
    """Publishes what the shards have written; `written` makes Beam wait for them."""
    publish.publish(staging, output, (tables.SEGMENTS.name,), written)
    return staging


@dataclasses.dataclass
class FindSegments(beam.PTransform):
    """Planned shards of videos -> one element, when the table is published and the staged files are removed.

    Attributes:
      bundle: where workers can read it.
      staging: the folder of unpublished output.
      output: the folder to publish in.
      min_probability: how probable an answer must become.
    """

    bundle: str
    staging: str
    output: str
    min_probability: float

    def expand(self, shards: beam.PCollection) -> beam.PCollection:  # noqa: D102
        write = _WriteShard(self.bundle, self.staging, self.min_probability)
        written = shards | "Spread" >> beam.Reshuffle() | "WriteSegments" >> beam.ParDo(write)
        return (
            shards.pipeline
            | "Once" >> beam.Create([None])
            | "Publish" >> beam.Map(_publish, beam.pvalue.AsList(written), self.staging, self.output)
            # A runner may repeat the step before until it has recorded it: the staged files must exist until then.
            | "NotePublished" >> beam.Reshuffle()
            | "RemoveStaging" >> beam.Map(publish.remove)
        )


def build(pipeline: beam.Pipeline, plan: Plan, bundle: str, output: str, min_probability: float) -> None:
    """Adds the whole job to a pipeline; what it reads is copied to where its workers see it."""
    staging = publish.new_staging(output)
    copied = predictions.copy_bundle(bundle, storage.join(staging, "bundle"))
    shards = plan.copied(storage.join(staging, "plan", "videos.parquet"))
    find = FindSegments(copied, staging, output, min_probability)
    _ = pipeline | "Shards" >> PlannedShards(shards) | "FindSegments" >> find
