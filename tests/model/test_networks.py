import keras
import numpy as np
import pytest

from model import config, networks


def parameters(model: keras.Model) -> dict[str, int]:
    return {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}


def test_the_seed_network_to_the_parameter():
    model = networks.build(config.NetworkConfig(name="tcn"), 8)
    assert parameters(model) == {"tcn": 298_688, "hidden": 8_320, networks.OUTPUT_LAYER: 1_032}
    assert model.count_params() == 298_688 + 8_320 + 1_032
    tcn = model.get_layer("tcn")
    assert (tcn.nb_filters, tcn.kernel_size, tcn.dilations, tcn.nb_stacks) == (64, 5, (1, 2, 4, 8, 16, 32), 1)
    assert not tcn.return_sequences


@pytest.mark.parametrize("name", sorted(networks.NETWORKS))
def test_every_network_turns_windows_into_logits(name):
    model = networks.build(config.NetworkConfig(name=name), 5)
    assert model.input_shape == (None, 34, 189) and model.output_shape == (None, 5)
    assert model.count_params() < 2_000_000
    windows = np.random.default_rng(0).normal(size=(3, 34, 189)).astype(np.float32)
    together = model.predict(windows, verbose=0)
    np.testing.assert_allclose(model.predict(windows[1:2], verbose=0)[0], together[1], atol=1e-5)
    assert np.isfinite(model.predict(np.zeros_like(windows), verbose=0)).all()


def test_the_command_line_knows_every_network():
    assert sorted(config.NETWORKS) == sorted(networks.NETWORKS)


def test_conv_does_not_depend_on_where_zero_rows_end():
    """Pooling is over the rows that are there: the same rows, of a short clip, count whole (taken together by two)."""
    model = networks.build(config.NetworkConfig(name="conv", kernel_size=1), 3)
    rows = np.random.default_rng(0).normal(size=(1, 10, 189)).astype(np.float32)
    late, early = (np.zeros((1, 34, 189), np.float32) for _ in range(2))
    late[:, -10:], early[:, 6:16] = rows, rows
    np.testing.assert_allclose(model.predict(late, verbose=0), model.predict(early, verbose=0), atol=1e-4)


@pytest.mark.parametrize("name", ["conv_transformer", "graph", "ensemble", "conv"])
def test_what_is_missing_is_not_looked_at(name):
    """More rows that are missing, before a short clip, change nothing: they are neither pooled nor attended to."""
    model = networks.build(config.NetworkConfig(name=name, kernel_size=1), 4)
    rows = np.random.default_rng(0).normal(size=(16, 189)).astype(np.float32)
    windows = np.zeros((2, 34, 189), np.float32)
    windows[0, -16:], windows[1, 4:20] = rows, rows
    late, early = model.predict(windows, verbose=0)
    np.testing.assert_allclose(late, early, atol=1e-4)
    assert np.abs(late).max() > 1e-3


def test_a_graph_network_sees_no_step_across_a_gap():
    """The step from one row to the next, of the first landmark, as the graph's first layer gets it."""
    model = networks.build(config.NetworkConfig(name="graph"), 4)
    mixing = next(layer for layer in model.layers if isinstance(layer, networks.GraphMixing))
    windows = np.random.default_rng(0).normal(size=(1, 34, 189)).astype(np.float32)
    windows[:, [0, 7]] = 0
    seen = keras.Model(model.inputs, mixing.input).predict(windows, verbose=0)
    # Two rows of (x, y, z, steps of these, speed, acceleration) are one.
    steps = seen.reshape(1, 17, 15, 2, 8)[0, :, 0, :, 3:6].reshape(34, 3)
    assert not steps[[0, 1, 7, 8]].any()
    np.testing.assert_allclose(steps[2:7], np.diff(windows[0, 1:7, :3], axis=0), atol=1e-6)
    np.testing.assert_allclose(steps[9:], np.diff(windows[0, 8:, :3], axis=0), atol=1e-6)


def test_an_ensemble_is_the_mean_of_its_members():
    model = networks.build(config.NetworkConfig(name="ensemble"), 5)
    windows = np.random.default_rng(0).normal(size=(3, 34, 189)).astype(np.float32)
    answers = [member.predict(windows, verbose=0) for member in networks.members(model)]
    assert len(answers) == 2 and not np.allclose(*answers, atol=0.1)
    np.testing.assert_allclose(model.predict(windows, verbose=0), np.mean(answers, axis=0), atol=1e-5)
    assert networks.members(networks.build(config.NetworkConfig(name="conv"), 5)) == []


def test_the_skeleton_of_the_graph():
    """Written by hand: the left elbow (13) hangs on shoulder (11) and wrist (15), and mirrors the right one (14)."""
    adjacency = networks.skeleton_adjacency()
    number = networks.GRAPH_LANDMARKS.index
    itself, limbs, sides = adjacency[:, number(13)]
    assert np.flatnonzero(itself).tolist() == [number(13)]
    assert np.flatnonzero(limbs).tolist() == [number(11), number(15)] and limbs.sum() == 1
    assert np.flatnonzero(sides).tolist() == [number(14)]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(networks.NETWORKS))
def test_tflite_with_builtin_operators_alone_gives_the_same(name, tmp_path):
    import tensorflow as tf

    model = networks.build(config.NetworkConfig(name=name, filters=16, dense_units=16), 5)
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.serve = tf.function(lambda windows: model(windows, training=False))
    signature = module.serve.get_concrete_function(tf.TensorSpec([1, 34, 189], tf.float32))
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    window = np.random.default_rng(0).normal(size=(1, 34, 189)).astype(np.float32)
    window[:, :5] = 0
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], window)
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, model.predict(window, verbose=0), atol=1e-4)
