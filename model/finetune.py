"""A bundle and other tables to a bundle: fine-tuning."""

from typing import Any

import keras

from beam_jobs import storage
from beam_jobs.errors import UserError
from model import bundle, config, networks, train, transform_graph


def finetune(
    bundle_path: str, tables_path: str, output: str, settings: config.Config, log_dir: str | None = None
) -> dict[str, Any]:
    """Trains a bundle's network further, at a lower rate, on other tables; writes another bundle.

    Classes that the bundle does not know get new outputs, behind the known ones; classes that the tables do not have
    keep theirs. Where no epoch is better on the validation split than the bundle was and no class is new, the weights
    stay as they were.

    Args:
      bundle_path: the bundle to start from, local or gs://.
      tables_path: made with the bundle's transform_fn.
      output: the new bundle's folder.
      settings: the bundle's configuration, changed in what is to differ; its network and window must be the bundle's.
      log_dir: as in `train.train`.

    Raises:
      UserError: if the tables do not fit the bundle, or a split is empty.
    """
    metadata = bundle.read_metadata(bundle_path)
    transform_graph.check_tables(metadata, bundle_path, tables_path)
    theirs = config.config_of_bundle(metadata, bundle_path)
    if (settings.network, settings.window) != (theirs.network, theirs.window):
        raise UserError(
            f"--config asks for {settings.network}, {settings.window}; the bundle has {theirs.network}, "
            f"{theirs.window}. Leave `network` and `window` out of it, or train anew."
        )
    data = train.read(tables_path, settings)
    known = tuple(metadata["labels"])
    labels = known + tuple(label for label in train.classes(data.train) if label not in known)
    train.seed_everything(settings.seed)
    network = networks.build(settings.network, len(known))
    with storage.local_copy(storage.join(bundle_path, bundle.WEIGHTS)) as weights:
        try:
            network.load_weights(weights)
        except ValueError:
            raise UserError(
                f"{bundle_path}: its weights do not fit the network '{settings.network.name}' of this version; "
                "expected a bundle whose network has not changed since. Train anew (python -m model train)."
            ) from None
    if labels != known:
        network = _with_more_classes(network, settings.network, len(labels))
    return train.make(tables_path, output, network, labels, settings, log_dir, data, before=metadata)


def _with_more_classes(network: keras.Model, settings: config.NetworkConfig, num_classes: int) -> keras.Model:
    """The same network with more outputs: what it knew is copied, what is new starts afresh."""
    wider = networks.build(settings, num_classes)
    _copy(network, wider)
    return wider


def _copy(network: keras.Model, wider: keras.Model) -> None:
    # By position: the names of nameless layers count on from network to network.
    for layer, old_layer in zip(wider.layers, network.layers, strict=True):
        if isinstance(layer, keras.Model):
            _copy(old_layer, layer)
            continue
        known = old_layer.get_weights()
        if layer.name == networks.OUTPUT_LAYER:
            merged = layer.get_weights()
            for new, old in zip(merged, known, strict=True):
                new[..., : old.shape[-1]] = old
            known = merged
        layer.set_weights(known)
