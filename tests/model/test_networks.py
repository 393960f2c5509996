import keras
import numpy as np
import pytest

from model import config, networks


def parameters(model: keras.Model) -> dict[str, int]:
    return {layer.name: layer.count_params() for layer in model.layers if layer.count_params()}


def test_the_seed_network_to_the_parameter():
    model = networks.build(config.NetworkConfig(), 8)
    assert parameters(model) == {"tcn": 298_688, "hidden": 8_320, networks.HEAD: 1_032}
    assert model.count_params() == 298_688 + 8_320 + 1_032
    tcn = model.get_layer("tcn")
    assert (tcn.nb_filters, tcn.kernel_size, tcn.dilations, tcn.nb_stacks) == (64, 5, (1, 2, 4, 8, 16, 32), 1)
    assert not tcn.return_sequences


@pytest.mark.parametrize("name", sorted(networks.NETWORKS))
def test_every_network_eats_windows_and_gives_logits(name):
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
    """Pooling is over the rows that are there: the same rows, of a short clip, count whole."""
    model = networks.build(config.NetworkConfig(name="conv", kernel_size=1), 3)
    rows = np.random.default_rng(0).normal(size=(1, 10, 189)).astype(np.float32)
    late, early = (np.zeros((1, 34, 189), np.float32) for _ in range(2))
    late[:, -10:], early[:, 5:15] = rows, rows
    np.testing.assert_allclose(model.predict(late, verbose=0), model.predict(early, verbose=0), atol=1e-4)


def test_augmentation_only_in_training_and_never_of_the_last_row():
    settings = config.AugmentationConfig(lead_probability=0.5, max_lead_rows=17, max_drop_share=0.3, noise=0.0)
    layer = networks.Augmentation(settings, seed=1)
    windows = np.random.default_rng(0).normal(size=(400, 34, 189)).astype(np.float32)
    windows[:, 20] = 0
    np.testing.assert_array_equal(np.asarray(layer(windows, training=False)), windows)
    out = np.asarray(layer(windows, training=True))
    there = out.any(axis=2)
    # A row is as it was, or zeros.
    np.testing.assert_array_equal(out[there], windows[there])
    assert there[:, -1].all() and not there[:, 20].any()
    # Beyond the leading rows, dropped on average half of max_drop_share; in front of them more.
    assert 0.10 < 1 - there[:, 21:33].mean() < 0.20
    assert 1 - there[:, 0].mean() > 0.45
    leading = there.argmax(axis=1)
    assert leading.max() >= 15


def test_noise_leaves_missing_rows_missing():
    settings = config.AugmentationConfig(lead_probability=0, max_drop_share=0, noise=0.5)
    windows = np.ones((50, 34, 189), np.float32)
    windows[:, :7] = 0
    out = np.asarray(networks.Augmentation(settings, seed=1)(windows, training=True))
    assert not out[:, :7].any()
    assert (out[:, 7:] - 1).std() == pytest.approx(0.5, rel=0.02)
