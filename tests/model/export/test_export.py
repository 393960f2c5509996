"""Bundles as LiteRT files: as small as promised, of built-in operators, with the bundle's own answers."""

import json
import shutil

import numpy as np
import pytest
from commands import REPOSITORY, run_command, run_python

from beam_jobs import windows
from beam_jobs.errors import UserError
from beam_jobs.windows import WindowRule
from model import __main__ as model_main
from model import bundle, exported_bundle, litert, litert_graph, options
from model.export import check, command

DEFAULT = str(REPOSITORY / "live" / "default_bundle")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The default bundle, exported by the command line."""
    folder = tmp_path_factory.mktemp("export") / "exported"
    done = run_command("model", "export", "--bundle", DEFAULT, "--output", folder)
    assert done.returncode == 0, done.stderr
    assert "end_to_end_int8.tflite" in done.stdout and str(folder) in done.stdout
    return folder


@pytest.mark.slow
def test_the_files_are_small_and_answer_as_the_bundle(exported):
    """On windows of synthetic athletes that the bundle was not trained on."""
    compared = json.loads((exported / "export.json").read_text())
    exact, half, int8 = (compared[kind] for kind in ("float32", "float16", "int8"))
    assert exact["max_difference"] < 1e-5 and exact["num_other_answers"] == 0
    assert half["num_bytes"] < 700_000 and half["num_other_answers"] == 0
    assert int8["num_bytes"] < 450 * 1024 and abs(int8["accuracy"] - exact["bundle_accuracy"]) < 0.005
    assert exact["accuracy"] == exact["bundle_accuracy"] > 0.8


@pytest.mark.slow
def test_the_card_has_a_row_for_each_file(exported):
    rows = [line for line in (exported / "CARD.md").read_text().splitlines() if line.startswith("| `")]
    names = [row.split("`")[1] for row in rows]
    assert names[:4] == ["end_to_end", "end_to_end.tflite", "end_to_end_float16.tflite", "end_to_end_int8.tflite"]
    assert names[4:] == ["landmarks", "timestamps_ms", "probabilities", "features"]
    assert all((exported / name).is_file() for name in names[1:4])


@pytest.mark.slow
def test_live_takes_the_exported_folder_alone(exported, tmp_path):
    """bundle.json and one file are all that it needs."""
    for name in ("bundle.json", "end_to_end.tflite"):
        shutil.copy(exported / name, tmp_path)
    loaded = exported_bundle.load(str(tmp_path))
    assert loaded.labels == exported_bundle.load(DEFAULT).labels


def test_the_default_bundles_file_is_its_own():
    """The committed file gives what the committed SavedModel gives."""
    metadata = bundle.read_metadata(DEFAULT)
    sample = check._random(WindowRule(**metadata["window"]), 64)
    expected = check.bundle_probabilities(DEFAULT, sample)
    compared = check.compare(f"{DEFAULT}/{bundle.EXPORTED}", sample, expected)
    assert compared.max_difference < 1e-5 and compared.num_other_answers == 0
    assert expected.max(axis=1).std() > 0.01  # the answers are not all the same


def test_operators_are_built_in():
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(f"{DEFAULT}/{bundle.EXPORTED}")
    names = {op["op_name"] for op in interpreter._get_ops_details()}
    assert "ATAN2" in names and not [name for name in names if name.startswith(("Flex", "CUSTOM"))]


def test_loading_needs_no_tensorflow():
    imported = run_python(
        "import sys\nfrom model import exported_bundle\n"
        f"exported_bundle.load({DEFAULT!r})\nprint(*sys.modules, sep='\\n')"
    )
    assert "ai_edge_litert.interpreter" in imported
    assert not {"tensorflow", "keras", "tcn", "apache_beam", "mediapipe", "cv2"} & set(imported)


def test_a_window_long_after_the_start_is_answered_as_one_at_the_start():
    """A camera runs for months: milliseconds that int32 does not hold."""
    loaded = exported_bundle.load(DEFAULT)
    rng = np.random.default_rng(0)
    rows = (rng.normal(0, 0.3, (1, 33, 3)) + rng.normal(0, 0.05, (41, 33, 3)).cumsum(axis=0)).astype(np.float32)
    times = np.arange(41) * 67
    early, late = (loaded.answer(rows, times + offset) for offset in (0, 10**10))
    np.testing.assert_array_equal(early[0], late[0])
    np.testing.assert_array_equal(early[1], late[1])


@pytest.mark.parametrize("num_rows", [9, 34, 60])
def test_the_buffer_feeds_what_whole_clips_feed(num_rows):
    """`LandmarkBuffer`, row by row, gives the windows of `windows.windows`, as `end_to_end_inputs` makes them."""
    rule = WindowRule(min_detected=4)
    rng = np.random.default_rng(num_rows)
    rows = rng.normal(size=(num_rows, 33, 3)).astype(np.float32)
    detected = rng.random(num_rows) > 0.4
    rows[~detected] = np.nan
    times = np.cumsum(rng.integers(30, 200, num_rows)) - 30
    buffer = windows.LandmarkBuffer(rule)
    fed = {}
    for index in range(num_rows):
        window = buffer.push(rows[index], int(times[index]), bool(detected[index]))
        if window is not None:
            fed[index] = window
    numbers = np.ones((num_rows, 1), np.float32)
    ends = [index for index, _ in windows.windows(zip(numbers, detected, strict=True), rule)]
    assert list(fed) == ends and ends
    for index, (landmarks, timestamps_ms) in fed.items():
        expected, expected_ms = windows.end_to_end_inputs(rows, times, index, rule)
        np.testing.assert_array_equal(landmarks, expected)
        np.testing.assert_array_equal(timestamps_ms, expected_ms)


def test_a_graph_of_other_features_is_refused(tmp_path):
    """A transform graph that is not this version's cannot be computed a window at a time by this version's code."""
    import tensorflow as tf

    module = tf.Module()

    @tf.function(
        input_signature=[
            {
                "landmarks": tf.TensorSpec([None, windows.HISTORY_LENGTH, 33, 3], tf.float32),
                "timestamp_ms": tf.TensorSpec([None, windows.HISTORY_LENGTH], tf.int64),
            }
        ]
    )
    def transform_fn(inputs):
        return {"final_features": tf.zeros([tf.shape(inputs["landmarks"])[0], 189])}

    module.transform_fn = transform_fn
    tf.saved_model.save(module, str(tmp_path))
    with pytest.raises(UserError, match="computes other features"):
        litert_graph.standardisation(tf.saved_model.load(str(tmp_path)).transform_fn)


@pytest.mark.parametrize("expected", [1 / 14, np.nan])
def test_a_file_that_answers_otherwise_is_not_written(tmp_path, monkeypatch, expected):
    """Here the bundle's answers are replaced, in place of a converter with a fault."""
    monkeypatch.setattr(check, "sample_bundle", lambda *_: check._random(WindowRule(), 8))
    monkeypatch.setattr(check, "bundle_probabilities", lambda _, sample: np.full((len(sample), 14), expected))
    monkeypatch.setattr(litert_graph, "KINDS", {"float32": ""})
    with pytest.raises(UserError, match="Nothing was written"):
        command.export(DEFAULT, str(tmp_path / "exported"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a model", None])
def test_a_damaged_file(tmp_path, content):
    file = tmp_path / bundle.EXPORTED
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match="expected a file of `python -m model export`"):
        litert.ExportedModel(str(file))


def test_a_file_of_another_bundle(tmp_path):
    metadata = json.loads((REPOSITORY / "live" / "default_bundle" / "bundle.json").read_text())
    metadata["labels"] = metadata["labels"][:-1]
    (tmp_path / "bundle.json").write_text(json.dumps(metadata))
    shutil.copy(f"{DEFAULT}/{bundle.EXPORTED}", tmp_path)
    with pytest.raises(UserError, match=r"14 probabilities, and bundle.json names 13 labels"):
        exported_bundle.load(str(tmp_path))


def test_a_file_of_another_window(tmp_path):
    metadata = json.loads((REPOSITORY / "live" / "default_bundle" / "bundle.json").read_text())
    metadata["window"]["length"] = 20
    (tmp_path / "bundle.json").write_text(json.dumps(metadata))
    shutil.copy(f"{DEFAULT}/{bundle.EXPORTED}", tmp_path)
    with pytest.raises(UserError, match=r"fed 41 rows, and bundle.json's window of 20 asks for 27"):
        exported_bundle.load(str(tmp_path))


def test_a_bundle_is_not_replaced_by_its_export(tmp_path, capsys):
    """Both have a bundle.json: a training's graphs and weights would be lost."""
    shutil.copytree(DEFAULT, tmp_path / "bundle")
    before = sorted(tmp_path.rglob("*"))
    assert model_main.main(["export", "--bundle", DEFAULT, "--output", str(tmp_path / "bundle")]) == 2
    assert "has no export.json" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_an_earlier_export_may_be_replaced(tmp_path):
    (tmp_path / bundle.EXPORT_REPORT).write_text("{}")
    assert options.parse(["export", "--bundle", DEFAULT, "--output", str(tmp_path)]).output == str(tmp_path)


@pytest.mark.slow
def test_a_bundle_of_an_earlier_version_is_exported_when_it_is_used(tmp_path, capfd):
    shutil.copytree(DEFAULT, tmp_path / "old")
    (tmp_path / "old" / bundle.EXPORTED).unlink()
    loaded = exported_bundle.load(str(tmp_path / "old"))
    assert "python -m model export" in capfd.readouterr().err
    rows, times = np.full((41, 33, 3), np.nan, np.float32), np.full(41, -1)
    np.testing.assert_allclose(loaded.answer(rows, times)[0], exported_bundle.load(DEFAULT).answer(rows, times)[0])


def test_a_folder_that_is_no_bundle(tmp_path):
    done = run_command("model", "export", "--bundle", tmp_path / "missing", "--output", tmp_path / "exported")
    assert done.returncode == 2 and "expected a bundle" in done.stderr
