import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from beam_jobs import tables, windows
from beam_jobs.errors import UserError
from model import bundle

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def loaded(made_bundle):
    return bundle.load(made_bundle)


def test_what_a_bundle_says(loaded, made):
    assert loaded.labels == ("lunge", "push_up", "squat")
    assert loaded.rule == windows.WindowRule(34, 3, 10)
    assert loaded.frame_rate_hz == 15.0
    assert loaded.fingerprint == made.fingerprint
    assert loaded.history_length == 8
    assert loaded.metadata["feature_names"] == list(tables.FEATURE_NAMES)
    assert loaded.metadata["network"] == "conv"
    # As many as clips in the train split, and none of them readable.
    assert len(loaded.metadata["trained_groups"]) == 12
    assert "train/squat_0" not in json.dumps(loaded.metadata)


def test_probabilities_add_up_and_do_not_depend_on_the_batch(loaded):
    random = np.random.default_rng(0)
    batch = random.normal(size=(5, 34, 189)).astype(np.float32)
    together = loaded.probabilities(batch)
    assert together.shape == (5, 3) and together.dtype == np.float32
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    alone = np.concatenate([loaded.probabilities(window[None]) for window in batch])
    np.testing.assert_allclose(alone, together, atol=1e-6)


@pytest.mark.parametrize("undetected", [(), (0, 1, 9, 20, 21, 22, 40)])
def test_end_to_end_equals_step_by_step(loaded, made, made_bundle, undetected):
    """One graph from raw landmarks, and features, windows, classifier: also at the clip's start and in gaps."""
    import tensorflow as tf

    clip = made.Clip("clip", num_rows=62, undetected=undetected)
    rows, timestamps_ms, detected = made.landmarks(clip, seed=99)
    history, times = windows.histories(rows, timestamps_ms)
    features = loaded.features(history, times)
    assert features.shape == (62, 189)
    ends, cut = zip(*windows.windows(zip(features, detected, strict=True), loaded.rule), strict=True)
    expected = loaded.probabilities(np.stack(cut))

    graph = tf.saved_model.load(f"{made_bundle}/end_to_end")
    inputs = [windows.end_to_end_inputs(rows, timestamps_ms, end, loaded.rule) for end in ends]
    assert np.isnan(inputs[0][0][:15]).all() and (inputs[0][1][:15] == -1).all()
    found = graph.serve(
        tf.constant(np.stack([row for row, _ in inputs])), tf.constant(np.stack([t for _, t in inputs]))
    )
    assert len(ends) > 10 and min(ends) < 34
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_row_by_row_equals_the_whole_clip(loaded, made):
    """As live does it: a history, a batch of one, a window buffer."""
    rows, timestamps_ms, detected = made.landmarks(made.Clip("clip", undetected=(5, 6, 40)), seed=5)
    whole = loaded.features(*windows.histories(rows, timestamps_ms))
    history, buffer = windows.History(loaded.history_length), windows.WindowBuffer(loaded.rule)
    expected = dict(windows.windows(zip(whole, detected, strict=True), loaded.rule))
    found = 0
    for index, (row, time_ms, seen) in enumerate(zip(rows, timestamps_ms, detected, strict=True)):
        past, times = history.push(row, int(time_ms))
        features = loaded.features(past[None], times[None])[0]
        np.testing.assert_allclose(features, whole[index], atol=1e-5)
        window = buffer.push(features, bool(seen))
        assert (window is not None) == (index in expected)
        if window is not None:
            np.testing.assert_allclose(
                loaded.probabilities(window[None]), loaded.probabilities(expected[index][None]), atol=1e-5
            )
            found += 1
    assert found == len(expected) > 10


ALONE = """
import importlib.machinery, sys
BLOCKED = {"keras", "tcn", "tf_keras", "apache_beam", "tensorflow_transform", "mediapipe", "sklearn", "matplotlib"}
class Finder(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in BLOCKED else super().find_spec(name, path, target)
sys.meta_path = [Finder if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
import numpy as np
from model import bundle
loaded = bundle.load(sys.argv[1])
random = np.random.default_rng(0)
history = random.normal(size=(3, 8, 33, 3)).astype(np.float32)
features = loaded.features(history, np.tile(np.arange(8) * 66, (3, 1)))
probabilities = loaded.probabilities(random.normal(size=(2, 34, 189)).astype(np.float32))
import tensorflow as tf
end_to_end = tf.saved_model.load(sys.argv[1] + "/end_to_end")
landmarks = random.normal(size=(2, 41, 33, 3)).astype(np.float32)
more = end_to_end.serve(tf.constant(landmarks), tf.constant(np.tile(np.arange(41) * 66, (2, 1)))).numpy()
print(features.shape, probabilities.sum(axis=1).round(4).tolist(), more.sum(axis=1).round(4).tolist())
print(sorted({name.split(".")[0] for name in sys.modules} & BLOCKED))
"""


@pytest.mark.slow
def test_a_bundle_stands_alone(made, tmp_path, quick_config):
    """Made, moved away from where it was made, its makers' files deleted, loaded without the trainer's libraries."""
    from model import train, training_data

    folder = made.tables(tmp_path / "tables", made.three_classes())
    short = train.config.from_dict({"training": {"epochs": 1}}, quick_config)
    train.train(training_data.TrainingInputs(folder), str(tmp_path / "made" / "bundle"), short)
    moved = tmp_path / "elsewhere" / "bundle"
    shutil.copytree(tmp_path / "made" / "bundle", moved)
    shutil.rmtree(tmp_path / "made")
    shutil.rmtree(tmp_path / "tables")
    # Not needed either: these are for people and for fine-tuning.
    shutil.rmtree(moved / "logs")
    (moved / bundle.WEIGHTS).unlink()
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(moved)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["(3, 189) [1.0, 1.0] [1.0, 1.0]", "[]"]


def test_another_fingerprint_is_reported_with_both_values(loaded, made):
    loaded.check_fingerprint(made.fingerprint)
    loaded.check_fingerprint({**made.fingerprint, "something_new": 1})
    with pytest.raises(UserError, match=r"mediapipe: .*'0'.* the camera .*'1\.2\.2'"):
        loaded.check_fingerprint({**made.fingerprint, "mediapipe": "1.2.2"}, "the camera")
    with pytest.raises(UserError, match=r"frame_rate_hz: .*15\.0.* None"):
        loaded.check_fingerprint({"coordinates": "world", "mediapipe": "0", "pose_model_sha256": "0"})


def test_what_an_import_does_not_know_is_not_compared(loaded):
    import dataclasses

    imported = dataclasses.replace(
        loaded, fingerprint={"coordinates": "image", "mediapipe": "unknown", "running_mode": None}
    )
    imported.check_fingerprint({"coordinates": "image", "mediapipe": "1.2.2", "running_mode": "VIDEO"})


def test_what_is_no_damage_is_not_called_so(made_bundle, monkeypatch):
    import tensorflow as tf

    from beam_jobs import saved_model

    def load(error):
        def failing(folder):
            raise error

        monkeypatch.setattr(saved_model, "load", failing)
        bundle.load(made_bundle)

    for error, said in [
        (FileNotFoundError("Op type not registered 'NewOp' in binary"), "another TensorFlow"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"), "memory"),
    ]:
        with pytest.raises(UserError, match=said):
            load(error)
    for error in (MemoryError(), PermissionError(13, "Permission denied"), ImportError("h5py")):
        with pytest.raises(type(error)):
            load(error)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": 99}, "schema version 99"),
        ({"feature_names": ["nose_x", "left_hand"]}, "'left_hand'"),
    ],
)
def test_another_schema_is_an_error_that_says_both(made_bundle, tmp_path, change, said):
    file = tmp_path / bundle.METADATA_FILE
    file.write_text(json.dumps({**json.loads(Path(made_bundle, bundle.METADATA_FILE).read_text()), **change}))
    with pytest.raises(UserError) as caught:
        bundle.load(str(tmp_path))
    assert said in str(caught.value)


def test_no_bundle_half_a_bundle(made_bundle, tmp_path):
    with pytest.raises(UserError, match=r"has no bundle\.json"):
        bundle.load(str(tmp_path))
    (tmp_path / bundle.METADATA_FILE).write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        bundle.load(str(tmp_path))
    shutil.copy(Path(made_bundle, bundle.METADATA_FILE), tmp_path)
    with pytest.raises(UserError, match=r"has no transform_fn/saved_model\.pb"):
        bundle.load(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", r"damaged.* \[\]"),
        (b"null", "damaged.* None"),
        (b"\x89PNG\xff", "is not text"),
        (b'{"schema_version": 1, "labels": "squat"}', "damaged.* labels, window, history_length"),
    ],
)
def test_a_bundle_json_that_is_none(tmp_path, content, said):
    (tmp_path / bundle.METADATA_FILE).write_bytes(content)
    with pytest.raises(UserError, match=said):
        bundle.load(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("classifier/variables/variables.index", None),
        ("classifier/variables/variables.data-00000-of-00001", b"short"),
        ("classifier/saved_model.pb", b"no graph"),
        ("transform_fn/saved_model.pb", b""),
    ],
)
def test_a_damaged_bundle_is_reported(made_bundle, tmp_path, file, damage):
    copy = tmp_path / "copy"
    shutil.copytree(made_bundle, copy)
    (copy / file).unlink()
    if damage is not None:
        (copy / file).write_bytes(damage)
    with pytest.raises(UserError, match="copy is damaged"):
        bundle.load(str(copy))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"window": {"length": 34, "size": 3}}, "damaged: window"),
        ({"labels": ["squat"]}, "damaged.* 3 probabilities"),
    ],
)
def test_a_bundle_json_of_another_bundle(made_bundle, tmp_path, change, said):
    copy = tmp_path / "copy"
    shutil.copytree(made_bundle, copy)
    (copy / bundle.METADATA_FILE).write_text(json.dumps({**bundle.read_metadata(made_bundle), **change}))
    with pytest.raises(UserError, match=said):
        bundle.load(str(copy))


def test_a_bundle_in_a_store(made_bundle, made_tables):
    """Evaluated from, and to, a store that has no local paths (fsspec's memory stands for gs://)."""
    from beam_jobs import storage
    from model.evaluation import evaluate

    fs, name = storage.filesystem("memory:///bucket/bundle")
    fs.put(made_bundle + "/", name, recursive=True)
    loaded = bundle.load("memory:///bucket/bundle")
    windows_ = np.random.default_rng(0).normal(size=(2, 34, 189)).astype(np.float32)
    np.testing.assert_array_equal(loaded.probabilities(windows_), bundle.load(made_bundle).probabilities(windows_))
    evaluate.evaluate("memory:///bucket/bundle", made_tables, "memory://bucket/report")
    assert json.loads(storage.read_text("memory:///bucket/report/metrics.json"))["split"] == "test"
    assert storage.exists("memory:///bucket/report/pictures/timeline.png")
