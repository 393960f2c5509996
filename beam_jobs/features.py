"""DeriveFeatures: landmark rows -> feature tables and the transform graph. The `features` command."""

import argparse
import contextlib
import dataclasses
import functools
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult

from beam_jobs import (
    landmark_rows,
    landmarks,
    options,
    progress,
    publishing,
    runner,
    storage,
    tables,
    transform_graph,
    windows,
)
from beam_jobs.errors import UserError
from beam_jobs.landmark_rows import LandmarksFile, Rows, Shard

# The tables that this job writes; `final_features`, which everybody reads, is the first to go and the last to come.
WRITTEN = (*tables.PHYSICAL, tables.FINAL_FEATURES)
ROWS_PER_SHARD = 100_000
_ROWS_PER_FIT_TASK = 20_000
# From so many rows on, local worker processes are worth their start.
_ROWS_FOR_PROCESSES = 500_000
# The namespace of Beam's counters of this job.
_COUNTERS = "features"


def feature_tables(
    rows: Rows, outputs: dict[str, np.ndarray], metadata: dict[str, str]
) -> Iterator[tuple[str, pa.Table]]:
    """Yields (table's name, its rows) for each table that this job writes."""
    for table in WRITTEN:
        columns = {name: rows.keys[name] for name in rows.keys.column_names}
        values = np.ascontiguousarray(outputs[table.name].T)
        columns |= dict(zip(table.column_names, map(pa.array, values), strict=False))
        schema = table.schema(metadata)
        yield table.name, pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


class _ReadForFit(beam.DoFn):
    """Shards of training videos to RecordBatches for TFT."""

    def __init__(self, coordinates: str, teller_address: tuple[str, int] | None) -> None:
        self._coordinates, self._teller_address = coordinates, teller_address

    def process(self, shard: Shard) -> Iterator[pa.RecordBatch]:
        teller = progress.Teller(self._teller_address)
        for rows in landmark_rows.read_rows(shard.videos, self._coordinates):
            teller.tell(rows=rows.keys.num_rows)
            yield _record_batch(rows)
        teller.close()


def _record_batch(rows: Rows) -> pa.RecordBatch:
    arrays = {}
    for name, values in rows.graph_input().items():
        offsets = np.arange(len(values) + 1) * values[0].size
        arrays[name] = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values.reshape(-1)))
    return pa.RecordBatch.from_pydict(arrays)


@dataclasses.dataclass
class FitTransformFn(beam.PTransform):
    """Analyses training videos' rows, from shards of them, and writes the transform graph.

    Returns a PCollection of one element, there when the graph is written: a side input to what reads it.

    Attributes:
      coordinates: "world" or "image".
      output: the folder to write to, in TFT's layout, beside what is there.
      temporary: a folder that workers share, and that TensorFlow's own file systems know.
      teller_address: where progress is told, if anywhere.
    """

    coordinates: str
    output: str
    temporary: str
    teller_address: tuple[str, int] | None = None

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Wires it: shards of training videos -> one element, when the graph is written."""
        import tensorflow_transform.beam as tft_beam
        from tensorflow_metadata.proto.v0 import schema_pb2
        from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

        from beam_jobs import preprocessing

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
            >> beam.ParDo(_ReadForFit(self.coordinates, self.teller_address)).with_output_types(pa.RecordBatch)
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
    """Copies a written transform graph; `written` is there to wait for it."""
    for folder in (transform_graph.FOLDER, "transformed_metadata"):
        _copy_folder(storage.join(source, folder), storage.join(target, folder))


class _WriteShard(beam.DoFn):
    """A shard of videos to one file of each table; yields (table's name, file name)."""

    def __init__(
        self,
        transform_fn: str,
        output: str,
        coordinates: str,
        metadata: dict[str, str],
        teller_address: tuple[str, int] | None,
    ) -> None:
        self._transform_fn, self._output, self._coordinates = transform_fn, output, coordinates
        self._metadata, self._teller_address = metadata, teller_address
        self._transform: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None
        counter = functools.partial(beam.metrics.Metrics.counter, _COUNTERS)
        self._num_videos, self._num_rows = counter("num_videos"), counter("num_rows")
        self._num_without_person, self._transform_ms = counter("num_rows_without_person"), counter("transform_ms")

    def process(self, shard: Shard, *written) -> Iterator[tuple[str, str]]:
        if self._transform is None:  # not in setup(): the graph is there when the side input is, and not before
            self._transform = transform_graph.load(self._transform_fn)
        teller = progress.Teller(self._teller_address)
        with _shard_writers(self._output, shard, self._metadata) as writers:
            for rows in landmark_rows.read_rows(shard.videos, self._coordinates):
                started = time.monotonic()
                outputs = self._transform(rows.graph_input())
                self._transform_ms.inc(round((time.monotonic() - started) * 1000))
                for name, table in feature_tables(rows, outputs, self._metadata):
                    writers[name].write_table(table)
                self._num_rows.inc(rows.keys.num_rows)
                self._num_without_person.inc(pc.sum(pc.invert(rows.keys["detected"])).as_py())
                teller.tell(rows=rows.keys.num_rows)
        self._num_videos.inc(len(shard.videos))
        teller.close()
        yield from ((table.name, shard.file_name) for table in WRITTEN)


@contextlib.contextmanager
def _shard_writers(output: str, shard: Shard, metadata: dict[str, str]) -> Iterator[dict[str, pq.ParquetWriter]]:
    """A writer of each table's file of a shard; the files appear when the block ends well."""
    with contextlib.ExitStack() as stack:
        yield {
            table.name: stack.enter_context(
                storage.table_writer(storage.join(output, table.name, shard.file_name), table, metadata)
            )
            for table in WRITTEN
        }


def published_files(num_shards: int) -> set[str]:
    """Every file that a job with so many shards must leave in its output folder, relative to it."""
    shards = [Shard(index, num_shards, ()) for index in range(num_shards)]
    graph = (transform_graph.MADE_FOR, storage.join(transform_graph.FOLDER, "saved_model.pb"))
    return {storage.join(table.name, shard.file_name) for table in WRITTEN for shard in shards} | {
        storage.join(transform_graph.FOLDER, file) for file in graph
    }


def _publish(_, written: Iterable[tuple[str, str]], staging: str, output: str, num_shards: int) -> str:
    """Publishes what the shards have written; `written` is there to wait for them."""
    folders = (transform_graph.FOLDER, *(table.name for table in WRITTEN))
    publishing.publish(staging, output, folders, published_files(num_shards))
    return staging


@dataclasses.dataclass
class DeriveFeatures(beam.PTransform):
    """Applies a transform graph to shards of videos, writes their tables, and publishes them when all are whole.

    Attributes:
      staging: the folder of unpublished output, the transform graph among it.
      output: the folder to publish in.
      num_shards: how many shards there are.
      fingerprint: what the landmarks were made by.
      fitted: a PCollection that is there when the transform graph is; None where it is there already.
      teller_address: where progress is told, if anywhere.
    """

    staging: str
    output: str
    num_shards: int
    fingerprint: dict
    fitted: beam.PCollection | None = None
    teller_address: tuple[str, int] | None = None

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        """Wires it: shards of videos -> one element, when everything is published and nothing staged is left."""
        transform_fn = storage.join(self.staging, transform_graph.FOLDER, transform_graph.FOLDER)
        metadata = {tables.FINGERPRINT_KEY: json.dumps(self.fingerprint, sort_keys=True)}
        write = _WriteShard(transform_fn, self.staging, self.fingerprint["coordinates"], metadata, self.teller_address)
        when_fitted = [] if self.fitted is None else [beam.pvalue.AsList(self.fitted)]
        written = shards | "Spread" >> beam.Reshuffle() | "WriteShards" >> beam.ParDo(write, *when_fitted)
        return (
            shards.pipeline
            | "Once" >> beam.Create([None])
            | "Publish" >> beam.Map(_publish, beam.pvalue.AsList(written), self.staging, self.output, self.num_shards)
            # The runner may publish again until it has noted that it did: what is staged must be there until then.
            | "NotePublished" >> beam.Reshuffle()
            | "RemoveStaging" >> beam.Map(publishing.remove)
        )


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Fits the transform graph to the train split (or takes `args.transform_fn`), and writes all feature tables.

    One pipeline: shards of training videos -> analysis -> graph; then, with the graph, shards of all videos -> tables.
    Everything is written to a hidden folder in the output folder first, and published at the end: on a local disk, a
    job that fails or is killed leaves a former run's tables as they were; in a store, it does until it publishes, and
    one that fails while it copies files to their places leaves no final_features. A distributed runner's job goes on
    when this launcher is interrupted: it publishes and removes the hidden folder itself, and what one that failed left
    is removed by the next. One job at a time may write to an output folder.

    Args:
      args: `input`, `output`: folders, local or gs://; `transform_fn`: a folder as of `transform_graph.find`, or None;
        `other_landmarks`: see there.
      beam_args: Beam's options.

    Returns:
      The exit code.

    Raises:
      UsageError: if a distributed runner's workers cannot see a folder.
      UserError: if there are no landmarks, they were made in different ways, no training row has a person, the
        transform graph does not fit, a local worker process died, or the job did not end well.
    """
    options.check_shared(beam_args, {"input": args.input, "output": args.output})
    videos = landmark_rows.read_videos(args.input)
    fingerprint = landmark_rows.common_fingerprint(videos)
    training = [video for video in videos if video.split == "train"]
    if args.transform_fn is None and not any(video.num_detected for video in training):
        raise UserError(
            f"{args.input} has no row with a person in the train split ({len(training)} of {len(videos)} videos are "
            "in it); the mean and the deviation of the features are taken there. Give more videos, or say "
            "split=train for some in labels.csv; or apply a graph that there is, by --transform_fn."
        )
    transform_fn = args.transform_fn and transform_graph.find(args.transform_fn, fingerprint, args.other_landmarks)
    local = options.is_local(beam_args)
    num_to_read = sum(v.num_rows for v in videos) + (0 if transform_fn else sum(v.num_rows for v in training))
    publishing.clean(args.output)
    # A local job ends with its launcher; a distributed one may go on after Ctrl-C or when the network is gone.
    ended = local
    try:
        with contextlib.ExitStack() as stack:
            address = stack.enter_context(progress.watch(num_to_read, "rows", "rows")) if local else None
            scratch = stack.enter_context(tempfile.TemporaryDirectory()) if local else None
            pipeline = beam.Pipeline(options=PipelineOptions(_with_local_defaults(beam_args, num_to_read)))
            _build(pipeline, videos, fingerprint, args.output, transform_fn, scratch, address)
            result = runner.run(pipeline)
    except UserError:
        ended = True
        raise
    except KeyboardInterrupt:
        if not local:
            print("the Beam job goes on, and publishes by itself; cancel it before you start another.", file=sys.stderr)
        raise
    finally:
        if ended:
            publishing.clean(args.output)
    _report(result, args.output)
    return 0


def _build(
    pipeline: beam.Pipeline,
    videos: list[LandmarksFile],
    fingerprint: dict,
    output: str,
    transform_fn: str | None,
    scratch: str | None,
    teller_address: tuple[str, int] | None,
) -> None:
    """Adds the whole job to a pipeline; `scratch` is for TFT's files, beside the staged ones where it is None."""
    staging = publishing.new_staging(output)
    graph = storage.join(staging, transform_graph.FOLDER)
    made_for = json.dumps(transform_graph.made_for(fingerprint), indent=2)
    storage.write_text(storage.join(graph, transform_graph.MADE_FOR), made_for)
    fitted = None
    if transform_fn:
        _copy_folder(transform_fn, storage.join(graph, transform_graph.FOLDER))
    else:
        training = [video for video in videos if video.split == "train"]
        fit = FitTransformFn(
            fingerprint["coordinates"], graph, scratch or storage.join(staging, "temporary"), teller_address
        )
        training_shards = landmark_rows.plan_shards(training, _ROWS_PER_FIT_TASK)
        fitted = pipeline | "TrainingShards" >> beam.Create(training_shards) | "FitTransformFn" >> fit
    shards = landmark_rows.plan_shards(videos, ROWS_PER_SHARD)
    derive = DeriveFeatures(staging, output, len(shards), fingerprint, fitted, teller_address)
    _ = pipeline | "Shards" >> beam.Create(shards) | "DeriveFeatures" >> derive


def _with_local_defaults(beam_args: list[str], num_rows: int) -> list[str]:
    # A local worker process takes 10 s to import TensorFlow and TFT; in that time this one has done with a small job.
    small = num_rows < _ROWS_FOR_PROCESSES and not any(arg.startswith("--direct_") for arg in beam_args)
    if small and options.is_local(beam_args):
        beam_args = [*beam_args, "--direct_running_mode=in_memory", "--direct_num_workers=1"]
    return options.with_local_defaults(beam_args)


def _copy_folder(source: str, target: str) -> None:
    with storage.local_folder_copy(source) as local, storage.whole_folder(target) as copy:
        shutil.copytree(local, copy, dirs_exist_ok=True)


def _report(result: PipelineResult, output: str) -> None:
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(_COUNTERS))["counters"]
    num = {counter.key.metric.name: counter.committed for counter in found}
    print(
        f"{num.get('num_videos', 0)} videos, {num.get('num_rows', 0)} rows, {num.get('num_rows_without_person', 0)} "
        f"without a person; {num.get('transform_ms', 0) / 1000:.1f} s transforming -> {output}"
    )
