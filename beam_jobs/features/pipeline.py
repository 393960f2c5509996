"""DeriveFeatures: landmark rows -> feature tables and the transform graph. The `features` command."""

import contextlib
import dataclasses
import functools
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from beam_jobs import landmarks, progress, storage, tables, transform_graph, windows
from beam_jobs.features import publish
from beam_jobs.features import shards as features_shards
from beam_jobs.features.plan import Plan, PlannedShard, PlanWriter
from beam_jobs.features.shards import FeatureInputs, LandmarksFile, Shard
from beam_jobs.tensorflow_import import import_tensorflow

# The tables that this job writes. Readers look for `final_features`, so it is removed first and published last.
WRITTEN = (*tables.UNSCALED_TABLES, tables.FINAL_FEATURES)
ROWS_PER_SHARD = 100_000
ROWS_PER_FIT_TASK = 20_000
# Rows that the transform graph is fed at once: fastest where their histories fit into a processor's cache.
_ROWS_PER_CALL = 1024
# The namespace of Beam's counters of this job.
COUNTERS = "features"


def feature_tables(
    rows: FeatureInputs, outputs: dict[str, np.ndarray], metadata: dict[str, str]
) -> Iterator[tuple[str, pa.Table]]:
    """Yields (table's name, its rows) for each table that this job writes."""
    for table in WRITTEN:
        columns = {name: rows.keys[name] for name in rows.keys.column_names}
        values = np.ascontiguousarray(outputs[table.name].T)
        columns |= dict(zip(table.column_names, map(pa.array, values), strict=False))
        schema = table.schema(metadata)
        yield table.name, pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


class _ReadForFit(beam.DoFn):
    """Planned shards of training videos to RecordBatches for TFT."""

    def __init__(self, coordinates: str, progress_address: tuple[str, int] | None) -> None:
        self._coordinates, self._progress_address = coordinates, progress_address

    def process(self, shard: PlannedShard) -> Iterator[pa.RecordBatch]:
        sender = progress.ProgressSender(self._progress_address)
        for rows in features_shards.read_rows(shard.read().videos, self._coordinates):
            sender.send(rows=rows.keys.num_rows)
            yield from map(_record_batch, rows.graph_inputs(_ROWS_PER_CALL))
        sender.close()


def _record_batch(inputs: dict[str, np.ndarray]) -> pa.RecordBatch:
    arrays = {}
    for name, values in inputs.items():
        offsets = np.arange(len(values) + 1) * values[0].size
        arrays[name] = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values.reshape(-1)))
    return pa.RecordBatch.from_pydict(arrays)


@dataclasses.dataclass
class PlannedShards(beam.PTransform):
    """A plan that workers can read -> its shards. The job's description names the plan, and no video."""

    plan: Plan

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:  # noqa: D102
        return pipeline | "Plan" >> beam.Create([self.plan]) | "List" >> beam.FlatMap(Plan.shards)


@dataclasses.dataclass
class FitTransformFn(beam.PTransform):
    """Analyses training videos' rows, from shards of them, and writes the transform graph.

    Returns a PCollection of one element, which exists when the graph is written: a side input to what reads the graph.

    Attributes:
      coordinates: "world" or "image".
      output: the folder to write to, in TFT's layout, beside what is there.
      temporary: a folder that all workers and TensorFlow can access.
      progress_address: where to send progress; None sends none.
    """

    coordinates: str
    output: str
    temporary: str
    progress_address: tuple[str, int] | None = None

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Planned shards of training videos -> one element, when the graph is written."""
        import_tensorflow()  # TFT would import it with Keras
        import tensorflow_transform.beam as tft_beam
        from tensorflow_metadata.proto.v0 import schema_pb2
        from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

        from beam_jobs.features import preprocessing

        def dense(name: str, *shape: int) -> schema_pb2.TensorRepresentation:
            representation = schema_pb2.TensorRepresentation()
            representation.dense_tensor.column_name = name
            for size in shape:
                representation.dense_tensor.shape.dim.add(size=size)
            return representation

        history = windows.HISTORY_LENGTH
        config = TensorAdapterConfig(
            pa.schema([("landmarks", pa.large_list(pa.float32())), ("timestamp_ms", pa.large_list(pa.int64()))]),
            {
                "landmarks": dense("landmarks", history, landmarks.NUM_LANDMARKS, 3),
                "timestamp_ms": dense("timestamp_ms", history),
            },
        )
        batches = (
            shards
            | "SpreadTraining" >> beam.Reshuffle()
            | "ReadTraining"
            >> beam.ParDo(_ReadForFit(self.coordinates, self.progress_address)).with_output_types(pa.RecordBatch)
        )
        fitted = storage.join(self.temporary, "fitted")
        with tft_beam.Context(temp_dir=storage.join(self.temporary, "analysis")):
            transform_fn = (batches, config) | "Analyze" >> tft_beam.AnalyzeDataset(preprocessing.preprocessing_fn)
            written = transform_fn | "WriteTransformFn" >> tft_beam.WriteTransformFn(fitted)
        return (
            shards.pipeline
            | "Once" >> beam.Create([None])
            | "CopyTransformFn" >> beam.Map(_copy_transform_fn, beam.pvalue.AsList(written), fitted, self.output)
        )


def _copy_transform_fn(_, written: list, source: str, target: str) -> None:
    """Copies a written transform graph; `written` makes Beam wait for it."""
    for folder in (transform_graph.FOLDER, "transformed_metadata"):
        copy_folder(storage.join(source, folder), storage.join(target, folder))


class _WriteShard(beam.DoFn):
    """A planned shard of videos to one file of each table; yields (table's name, file name)."""

    def __init__(
        self,
        transform_fn: str,
        output: str,
        coordinates: str,
        metadata: dict[str, str],
        progress_address: tuple[str, int] | None,
    ) -> None:
        self._transform_fn, self._output, self._coordinates = transform_fn, output, coordinates
        self._metadata, self._progress_address = metadata, progress_address
        self._transform: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
        counter = functools.partial(beam.metrics.Metrics.counter, COUNTERS)
        self._num_videos, self._num_rows = counter("num_videos"), counter("num_rows")
        self._num_without_person, self._transform_ms = counter("num_rows_without_person"), counter("transform_ms")

    def process(self, planned: PlannedShard, *written) -> Iterator[tuple[str, str]]:
        shard = planned.read()
        if self._transform is None:  # not in setup(): the graph exists only when the side input does
            self._transform = transform_graph.load(self._transform_fn)
        sender = progress.ProgressSender(self._progress_address)

        def count(rows: FeatureInputs, transform_ms: int) -> None:
            self._transform_ms.inc(transform_ms)
            self._num_rows.inc(rows.keys.num_rows)
            self._num_without_person.inc(pc.sum(pc.invert(rows.keys["detected"])).as_py())
            sender.send(rows=rows.keys.num_rows)

        write_feature_tables(
            shard.videos, self._transform, self._output, shard.file_name, self._coordinates, self._metadata, count
        )
        self._num_videos.inc(len(shard.videos))
        sender.close()
        yield from ((table.name, shard.file_name) for table in WRITTEN)


def write_feature_tables(
    videos: Iterable[LandmarksFile],
    transform: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    output: str,
    file_name: str,
    coordinates: str,
    metadata: dict[str, str],
    on_rows: Callable[[FeatureInputs, int], None] = lambda rows, transform_ms: None,
) -> None:
    """Writes one file of each feature table; all appear when all rows are written.

    Args:
      videos: whose rows, in this order.
      transform: the transform graph, from `transform_graph.load`.
      output: the folder that holds the tables' folders.
      file_name: in each of them.
      coordinates: "world" or "image": which landmarks the graph takes.
      metadata: of each file.
      on_rows: called with some rows, and how long their features took in ms.
    """
    with contextlib.ExitStack() as stack:
        writers = {
            table.name: stack.enter_context(
                storage.table_writer(storage.join(output, table.name, file_name), table, metadata)
            )
            for table in WRITTEN
        }
        for rows in features_shards.read_rows(videos, coordinates):
            started = time.monotonic()
            outputs = apply(transform, rows)
            transform_ms = round((time.monotonic() - started) * 1000)
            for name, table in feature_tables(rows, outputs, metadata):
                writers[name].write_table(table)
            on_rows(rows, transform_ms)


def apply(
    transform: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], rows: FeatureInputs
) -> dict[str, np.ndarray]:
    """The outputs of a transform graph for T rows: arrays (T, …) by table, column by column in memory."""
    outputs: dict[str, np.ndarray] = {}
    start = 0
    for inputs in rows.graph_inputs(_ROWS_PER_CALL):
        for name, values in transform(inputs).items():
            if not start:
                outputs[name] = np.empty((len(rows.newest), *values.shape[1:]), values.dtype, order="F")
            outputs[name][start : start + len(values)] = values
        start += _ROWS_PER_CALL
    return outputs


def published_files(num_shards: int) -> set[str]:
    """Every file that a job with so many shards must leave in its output folder, relative to it."""
    shards = [Shard(index, num_shards, ()) for index in range(num_shards)]
    graph = (transform_graph.FINGERPRINT_FILE, storage.join(transform_graph.FOLDER, "saved_model.pb"))
    return {storage.join(table.name, shard.file_name) for table in WRITTEN for shard in shards} | {
        storage.join(transform_graph.FOLDER, file) for file in graph
    }


def _publish(_, written: Iterable[tuple[str, str]], staging: str, output: str, num_shards: int) -> str:
    """Publishes what the shards have written; `written` makes Beam wait for them.

    `written` has a name for each table of a shard, so seven for 100,000 rows: few, however many videos there are.
    """
    folders = (transform_graph.FOLDER, *(table.name for table in WRITTEN))
    publish.publish(staging, output, folders, published_files(num_shards))
    return staging


@dataclasses.dataclass
class DeriveFeatures(beam.PTransform):
    """Applies a transform graph to shards of videos, writes their tables, and publishes them when all are whole.

    Attributes:
      staging: the folder of unpublished output, the transform graph among it.
      output: the folder to publish in.
      num_shards: how many shards there are.
      fingerprint: what the landmarks were made by.
      fitted: a PCollection that exists when the transform graph is written; None where the graph exists already.
      progress_address: where progress is reported; None: nowhere.
    """

    staging: str
    output: str
    num_shards: int
    fingerprint: dict
    fitted: beam.PCollection | None = None
    progress_address: tuple[str, int] | None = None

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Planned shards of videos -> one element, when everything is published and the staged files are removed."""
        transform_fn = storage.join(self.staging, transform_graph.FOLDER, transform_graph.FOLDER)
        metadata = {tables.FINGERPRINT_KEY: json.dumps(self.fingerprint, sort_keys=True)}
        write = _WriteShard(
            transform_fn, self.staging, self.fingerprint["coordinates"], metadata, self.progress_address
        )
        when_fitted = [] if self.fitted is None else [beam.pvalue.AsList(self.fitted)]
        written = shards | "Spread" >> beam.Reshuffle() | "WriteShards" >> beam.ParDo(write, *when_fitted)
        return (
            shards.pipeline
            | "Once" >> beam.Create([None])
            | "Publish" >> beam.Map(_publish, beam.pvalue.AsList(written), self.staging, self.output, self.num_shards)
            # A runner may repeat the step before until it has recorded it: the staged files must exist until then.
            | "NotePublished" >> beam.Reshuffle()
            | "RemoveStaging" >> beam.Map(publish.remove)
        )


def copy_folder(source: str, target: str) -> None:
    """Copies a folder, local or gs://; the copy appears whole."""
    with storage.local_folder_copy(source) as local, storage.atomic_folder(target) as copy:
        shutil.copytree(local, copy, dirs_exist_ok=True)


@dataclasses.dataclass(frozen=True)
class Plans:
    """What a job is to do: all videos, those of the train split, and how the landmarks of all were made."""

    videos: Plan
    training: Plan
    fingerprint: dict


def write_plans(videos: Iterable[LandmarksFile], folder: str) -> Plans:
    """Plans the shards of a job, in files in a local folder.

    Raises:
      UserError: if the videos' landmarks were made in different ways.
    """
    fingerprint: dict = {}
    with (
        PlanWriter(storage.join(folder, "videos.parquet"), ROWS_PER_SHARD) as everything,
        PlanWriter(storage.join(folder, "training.parquet"), ROWS_PER_FIT_TASK) as training,
    ):
        for video, common in features_shards.with_common_fingerprint(videos):
            fingerprint = common
            everything.add(video)
            if video.split == "train":
                training.add(video)
    return Plans(everything.plan(), training.plan(), fingerprint)


def build(
    pipeline: beam.Pipeline,
    plans: Plans,
    output: str,
    transform_fn: str | None,
    scratch: str | None,
    progress_address: tuple[str, int] | None,
) -> None:
    """Adds the whole job to a pipeline; `scratch` is for TFT's files, beside the staged ones where it is None."""
    staging = publish.new_staging(output)
    graph = storage.join(staging, transform_graph.FOLDER)
    made_for = json.dumps(transform_graph.graph_requirements(plans.fingerprint), indent=2)
    storage.write_text(storage.join(graph, transform_graph.FINGERPRINT_FILE), made_for)
    fitted = None
    if transform_fn:
        copy_folder(transform_fn, storage.join(graph, transform_graph.FOLDER))
    else:
        training = plans.training.copied(storage.join(staging, "plan", "training.parquet"))
        coordinates = plans.fingerprint["coordinates"]
        fit = FitTransformFn(coordinates, graph, scratch or storage.join(staging, "temporary"), progress_address)
        fitted = pipeline | "TrainingShards" >> PlannedShards(training) | "FitTransformFn" >> fit
    everything = plans.videos.copied(storage.join(staging, "plan", "videos.parquet"))
    derive = DeriveFeatures(staging, output, everything.num_shards, plans.fingerprint, fitted, progress_address)
    _ = pipeline | "Shards" >> PlannedShards(everything) | "DeriveFeatures" >> derive
