"""DeriveFeatures: landmark rows -> feature tables and the transform graph. The `features` command."""

import argparse
import contextlib
import dataclasses
import functools
import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState

from beam_jobs import landmark_rows, landmarks, options, progress, storage, tables, transform_graph, windows
from beam_jobs.errors import UserError
from beam_jobs.landmark_rows import Rows, Shard

# The tables that this job writes; `final_features`, which everybody reads, is the first to go and the last to come.
WRITTEN = (*tables.PHYSICAL, tables.FINAL_FEATURES)
ROWS_PER_SHARD = 100_000
_ROWS_PER_FIT_TASK = 20_000
# From so many rows on, local worker processes are worth their start.
_ROWS_FOR_PROCESSES = 500_000
_STAGING_PREFIX = ".features-"


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
      output: the folder to write to, in TFT's layout.
      temporary: a folder that workers and launcher share.
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
        with tft_beam.Context(temp_dir=self.temporary):
            transform_fn = (batches, config) | "Analyze" >> tft_beam.AnalyzeDataset(preprocessing.preprocessing_fn)
            return transform_fn | "WriteTransformFn" >> tft_beam.WriteTransformFn(self.output)


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
        counter = functools.partial(beam.metrics.Metrics.counter, "features")
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


def publish(_, written: Iterable[tuple[str, str]], staging: str, output: str, num_shards: int) -> None:
    """Moves the staged tables and the transform graph to their places, instead of a former run's.

    May be called again after it was cut short. `final_features` goes first and comes last: who finds it finds
    everything. On a local disk each folder comes by one rename; in a store, file by file.

    Args:
      written: (table's name, file name) of every staged file.
      staging: where they are.
      output: where they belong.
      num_shards: how many files each table must have.

    Raises:
      RuntimeError: if a file is missing.
    """
    expected = {(table.name, shard.file_name) for table in WRITTEN for shard in _numbers(num_shards)}
    if set(written) != expected:
        raise RuntimeError(f"shards wrote {len(set(written))} files; expected {len(expected)}.")
    storage.filesystem(output)[0].invalidate_cache()
    names = (transform_graph.FOLDER, *(table.name for table in WRITTEN))
    staged = [name for name in names if storage.exists(storage.join(staging, name))]
    for name in reversed(staged):
        storage.remove(storage.join(output, name))
    for name in staged:
        _move_folder(storage.join(staging, name), storage.join(output, name))


def _numbers(num_shards: int) -> Iterator[Shard]:
    return (Shard(index, num_shards, ()) for index in range(num_shards))


def _move_folder(source: str, target: str) -> None:
    fs, source_name = storage.filesystem(source)
    _, target_name = storage.filesystem(target)
    if not storage.is_remote(source):
        fs.mv(source_name, target_name, recursive=True)
        return
    for file in storage.list_files(source):
        name = storage.filesystem(file)[1]
        # Copied and not moved: called again, all of it must still be there.
        fs.copy(name, target_name.rstrip("/") + name[len(source_name.rstrip("/")) :])


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
        """Wires it: shards of videos -> one element, when everything is published."""
        transform_fn = storage.join(self.staging, transform_graph.FOLDER, transform_graph.FOLDER)
        metadata = {tables.FINGERPRINT_KEY: json.dumps(self.fingerprint, sort_keys=True)}
        write = _WriteShard(transform_fn, self.staging, self.fingerprint["coordinates"], metadata, self.teller_address)
        when_fitted = [] if self.fitted is None else [beam.pvalue.AsList(self.fitted)]
        written = shards | "Spread" >> beam.Reshuffle() | "WriteShards" >> beam.ParDo(write, *when_fitted)
        return (
            shards.pipeline
            | "Once" >> beam.Create([None])
            | "Publish" >> beam.Map(publish, beam.pvalue.AsList(written), self.staging, self.output, self.num_shards)
        )


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Fits the transform graph to the train split (or takes `args.transform_fn`), and writes all feature tables.

    One pipeline: shards of training videos -> analysis -> graph; then, with the graph, shards of all videos -> tables.
    Everything is written below a hidden folder of the output folder first: a job that fails or is killed leaves a
    former run's tables as they were. One job at a time may write to an output folder.

    Args:
      args: `input`, `output`: folders, local or gs://; `transform_fn`: a folder as of `transform_graph.find`, or None.
      beam_args: Beam's options.

    Returns:
      The exit code.

    Raises:
      UserError: if there are no landmarks, they were made in different ways, no training row has a person, or the
        transform graph does not fit, or the job was cancelled.
    """
    videos = landmark_rows.read_videos(args.input)
    fingerprint = landmark_rows.common_fingerprint(videos)
    training = [video for video in videos if video.split == "train"]
    if args.transform_fn is None and not any(video.num_detected for video in training):
        raise UserError(
            f"{args.input} has no row with a person in the train split ({len(training)} of {len(videos)} videos are "
            "in it); the mean and the deviation of the features are taken there. Give more videos, or say "
            "split=train for some in labels.csv; or apply a graph that there is, by --transform_fn."
        )
    transform_fn = args.transform_fn and transform_graph.find(args.transform_fn, fingerprint)
    _remove_staging(args.output)
    staging = storage.join(args.output, _STAGING_PREFIX + uuid.uuid4().hex)
    storage.write_text(
        storage.join(staging, transform_graph.FOLDER, transform_graph.MADE_FOR),
        json.dumps(transform_graph.made_for(fingerprint), indent=2),
    )
    shards = landmark_rows.plan_shards(videos, ROWS_PER_SHARD)
    num_rows = sum(video.num_rows for video in videos)
    num_to_read = num_rows + (0 if transform_fn else sum(video.num_rows for video in training))
    beam_args = _with_local_defaults(beam_args, num_to_read)
    local = "--runner=FnApiRunner" in beam_args
    try:
        with progress.watch(num_to_read, "rows", "rows") if local else contextlib.nullcontext() as teller_address:
            pipeline = beam.Pipeline(options=PipelineOptions(beam_args))
            fitted = None
            if transform_fn:
                _copy_folder(transform_fn, storage.join(staging, transform_graph.FOLDER, transform_graph.FOLDER))
            else:
                fitted = (
                    pipeline
                    | "TrainingShards" >> beam.Create(landmark_rows.plan_shards(training, _ROWS_PER_FIT_TASK))
                    | "FitTransformFn"
                    >> FitTransformFn(
                        fingerprint["coordinates"],
                        storage.join(staging, transform_graph.FOLDER),
                        storage.join(staging, "temporary"),
                        teller_address,
                    )
                )
            _ = (
                pipeline
                | "Shards" >> beam.Create(shards)
                | "DeriveFeatures"
                >> DeriveFeatures(staging, args.output, len(shards), fingerprint, fitted, teller_address)
            )
            state = pipeline.run().wait_until_finish()
        if state != PipelineState.DONE:
            raise UserError(
                f"the Beam job ended as {state}; expected {PipelineState.DONE}. Its log says why. The tables in "
                f"{args.output} are as they were: run the same command again."
            )
    finally:
        _remove_staging(args.output)
    print(f"features of {len(videos)} videos, {num_rows} rows, are in {args.output}")
    return 0


def _with_local_defaults(beam_args: list[str], num_rows: int) -> list[str]:
    # A local worker process takes 10 s to import TensorFlow and TFT; in that time this one has done with a small job.
    if num_rows < _ROWS_FOR_PROCESSES and not any(arg.startswith("--direct_") for arg in beam_args):
        beam_args = [*beam_args, "--direct_running_mode=in_memory", "--direct_num_workers=1"]
    return options.with_local_defaults(beam_args)


def _copy_folder(source: str, target: str) -> None:
    with storage.local_folder_copy(source) as local, storage.whole_folder(target) as copy:
        shutil.copytree(local, copy, dirs_exist_ok=True)


def _remove_staging(output: str) -> None:
    """Removes what a job that was killed left."""
    fs, name = storage.filesystem(output)
    fs.invalidate_cache()
    if fs.isdir(name):
        for path in fs.ls(name, detail=False):
            if path.rstrip("/").rsplit("/", 1)[-1].startswith(_STAGING_PREFIX):
                fs.rm(path, recursive=True)
