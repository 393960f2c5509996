import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import reference_features
import tensorflow as tf

from beam_jobs import tables, windows
from beam_jobs.features import preprocessing
from beam_jobs.features.unscaled import physical_window_features

# What float32 may be off from float64, beside 1e-5 of the value, in each table's unit.
TOLERANCE = {
    "normalized": 2e-6,
    "joint_angles": 1e-3,
    "symmetry": 2e-3,
    "distances": 2e-6,
    "velocity": 1e-4,
    "acceleration": 2e-3,
}


def random_clip(seed: int, num_rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A body that wanders, with frames without a person, single missing landmarks, and uneven time steps."""
    random = np.random.default_rng(seed)
    body = random.normal(size=(33, 3))
    clip = body + np.cumsum(random.normal(scale=0.05, size=(num_rows, 33, 3)), axis=0)
    clip[random.random(num_rows) < 0.1] = np.nan
    clip[random.random((num_rows, 33)) < 0.01] = np.nan
    times = np.cumsum(random.integers(1, 150, num_rows))
    return clip.astype(np.float32), times.astype(np.int64)


def physical(clip: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    outputs = preprocessing.physical_features(*(tf.constant(value) for value in windows.histories(clip, times)))
    return {name: value.numpy() for name, value in outputs.items()}


def assert_as_reference(clip: np.ndarray, times: np.ndarray) -> None:
    found, expected = physical(clip, times), reference_features.features(clip, times)
    assert list(found) == [table.name for table in tables.UNSCALED_TABLES]
    for table in tables.UNSCALED_TABLES:
        assert found[table.name].shape == (len(clip), len(table.columns))
        np.testing.assert_allclose(
            found[table.name], expected[table.name], rtol=1e-5, atol=TOLERANCE[table.name], err_msg=table.name
        )


@pytest.mark.parametrize("seed", range(5))
def test_random_landmarks_as_in_the_reference(seed):
    assert_as_reference(*random_clip(seed))


def test_random_landmarks_of_pixel_size_as_in_the_reference():
    clip, times = random_clip(9)
    assert_as_reference(clip * 500, times + 86_400_000)


def test_real_landmarks_as_in_the_reference(shared_data):
    source = pq.ParquetFile(shared_data / "landmarks_8" / "landmarks.parquet")
    names = [f"{axis}_{index}" for index in range(33) for axis in "xyz"]
    for group in range(0, source.num_row_groups, 3):
        read = source.read_row_group(group, columns=["video_id", *names]).slice(0, 2000)
        read = read.filter(pa.compute.equal(read["video_id"], read["video_id"][-1])).slice(0, 400)
        clip = np.stack([read[name].to_numpy() for name in names], axis=1).reshape(-1, 33, 3)
        clip[(clip == 0).all(axis=(1, 2))] = np.nan
        assert np.isfinite(clip).any()
        assert_as_reference(clip, np.rint(np.arange(len(clip)) * 1000 / 30).astype(np.int64))


def test_a_row_looks_back_only():
    clip, times = random_clip(3)
    whole, begun = physical(clip, times), physical(clip[:20], times[:20])
    for name, values in begun.items():
        np.testing.assert_allclose(whole[name][:20], values, rtol=1e-6, atol=1e-6, err_msg=name)


def test_a_row_forgets_what_its_history_no_longer_holds():
    clip, times = random_clip(4)
    late = physical(clip[20:], times[20:])
    for name, values in physical(clip, times).items():
        start = windows.HISTORY_LENGTH - 1
        np.testing.assert_allclose(values[20 + start :], late[name][start:], rtol=1e-6, atol=1e-6, err_msg=name)


def analyzed_scores(columns: np.ndarray, batch_size: int, tmp_path) -> tf.Module:
    """`standardized`, analysed over the rows of `columns`, as the graph that TFT writes."""
    import apache_beam as beam
    import tensorflow_transform.beam as tft_beam
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

    representation = schema_pb2.TensorRepresentation()
    representation.dense_tensor.column_name = "x"
    representation.dense_tensor.shape.dim.add(size=columns.shape[1])
    config = TensorAdapterConfig(pa.schema([("x", pa.large_list(pa.float32()))]), {"x": representation})

    file = tmp_path / "columns.npy"
    np.save(file, columns)  # or Beam would pickle them into the pipeline, several times

    def batch(start: int) -> pa.RecordBatch:
        part = np.load(file, mmap_mode="r")[start : start + batch_size]
        offsets = pa.array(np.arange(len(part) + 1) * part.shape[1], pa.int64())
        return pa.RecordBatch.from_arrays([pa.LargeListArray.from_arrays(offsets, pa.array(part.ravel()))], ["x"])

    output = str(tmp_path / "graph")
    with beam.Pipeline(runner="FnApiRunner") as pipeline, tft_beam.Context(temp_dir=str(tmp_path / "temporary")):
        batches = (
            pipeline
            | beam.Create(range(0, len(columns), batch_size))
            | beam.Map(batch).with_output_types(pa.RecordBatch)
        )
        transform_fn = (batches, config) | tft_beam.AnalyzeDataset(
            lambda inputs: {"z": preprocessing.standardized(inputs["x"])}
        )
        _ = transform_fn | tft_beam.WriteTransformFn(output)
    return tf.saved_model.load(output + "/transform_fn")


def test_statistics_of_a_million_rows_with_gaps_and_constants(tmp_path):
    random = np.random.default_rng(0)
    num_rows = 1_000_000
    columns = random.normal(size=(num_rows, 6)).astype(np.float32)
    columns[:, 1] = 1000 + columns[:, 1] / 10  # far from 0: a variance in float32 would be noise
    columns[random.random(num_rows) < 0.3, 2] = np.nan
    columns[:, 3] = 7
    columns[:, 4] = np.nan
    columns[1:, 5] = np.nan  # a single value
    graph = analyzed_scores(columns, 10_000, tmp_path)

    found = graph.transform_fn({"x": tf.constant(columns)})["z"].numpy()
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[:, 3:], 0)
    wide = columns[:, :3].astype(np.float64)
    expected = (wide - np.nanmean(wide, axis=0)) / np.nanstd(wide, axis=0)
    np.testing.assert_allclose(found[:, :3], np.nan_to_num(expected), rtol=1e-5, atol=1e-6)

    # New rows: what the analysed rows had as a constant, or not at all, tells nothing, whatever it is now.
    new = graph.transform_fn({"x": tf.constant([[np.nan, 1000, np.nan, 8, 5, 6]], tf.float32)})["z"].numpy()[0]
    assert new[[0, 2, 3, 4, 5]].tolist() == [0] * 5
    assert new[1] == pytest.approx((1000 - wide[:, 1].mean()) / wide[:, 1].std(), abs=1e-5)


def test_a_window_at_once_equals_row_by_row():
    """With gaps, a clip that begins within the window, and steps of unequal length."""
    rng = np.random.default_rng(5)
    rows = rng.normal(0, 0.3, (3, 41, 33, 3)).astype(np.float32)
    times = np.cumsum(rng.integers(30, 120, (3, 41)), axis=1)
    rows[0, 12:15] = np.nan
    rows[1, :20], times[1, :20] = np.nan, -1
    rows[2, 30, 11] = np.nan
    together = physical_window_features(tf.constant(rows), tf.constant(times), windows.HISTORY_LENGTH)
    for number in range(3):
        begun = 20 if number == 1 else 0
        history, history_ms = windows.histories(rows[number, begun:], times[number, begun:])
        found = preprocessing.physical_features(tf.constant(history), tf.constant(history_ms))
        expected = np.concatenate([found[table.name].numpy() for table in tables.UNSCALED_TABLES], axis=1)[-34:]
        np.testing.assert_allclose(together[number, -len(expected) :], expected, rtol=2e-3, atol=2e-3)
