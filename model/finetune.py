"""A bundle and other tables to a bundle: fine-tuning."""

import sys
import time
from typing import Any

import keras

from beam_jobs import storage
from beam_jobs.errors import UserError
from model import bundle, config, fitting, networks, train, training_data, transform_graph
from model.training_data import TrainingInputs


def finetune(
    bundle_path: str, inputs: TrainingInputs, output: str, settings: config.Config, log_dir: str | None = None
) -> dict[str, Any]:
    """Trains a bundle's network further, at a lower rate, on other tables; writes another bundle.

    Classes that the bundle does not know get new outputs, behind the known ones; classes that the tables do not have
    keep theirs. Where no epoch is better on the validation split than the bundle was and no class is new, the weights
    stay as they were.

    Args:
      bundle_path: the bundle to start from, local or gs://.
      inputs: tables made with the bundle's transform_fn.
      output: the new bundle's folder.
      settings: the bundle's configuration, changed in what is to differ; its network and window must be the bundle's.
      log_dir: as in `train.train`.

    Raises:
      UserError: if the tables do not fit the bundle, or a split is empty.
    """
    metadata = bundle.read_metadata(bundle_path)
    transform_graph.check_tables(metadata, bundle_path, inputs.tables)
    theirs = config.config_of_bundle(metadata, bundle_path)
    if (settings.network, settings.window) != (theirs.network, theirs.window):
        raise UserError(
            f"--config asks for {settings.network}, {settings.window}; the bundle has {theirs.network}, "
            f"{theirs.window}. Leave `network` and `window` out of it, or train anew."
        )
    data = training_data.load_training_data(inputs, settings.window)
    known = tuple(metadata["labels"])
    labels = known + tuple(label for label in training_data.classes(data.train) if label not in known)
    learned, validation = train.label_splits(inputs, data, labels, settings.training)
    if forgotten := sorted(set(labels) - set(training_data.classes(data.train))):
        print(
            f"warning: {', '.join(forgotten)}: known to the bundle and not in these tables; may be forgotten.",
            file=sys.stderr,
        )
    fitting.seed_everything(settings.seed)
    network = load_network(bundle_path, settings, len(known))
    if labels != known:
        network = _with_more_classes(network, settings.network, len(labels))
    train.describe(network, settings, learned, validation, len(labels))
    started = time.monotonic()
    with train.log_folder(log_dir) as logs:
        graph = transform_graph.find_beside_tables(inputs.tables)
        rate, epochs = settings.training.finetune_learning_rate, settings.training.finetune_epochs
        # With outputs that are new the start is no candidate: it knows nothing of their classes.
        history = train.fit(
            network, learned, validation, data.landmarks, graph, settings, logs, epochs, rate, labels == known
        )
        # Where the weights are as they were, so are the probabilities.
        kept = metadata.get("temperature", 1.0) if history.best_epoch == 0 else settings.training.temperature
        result = train.calibrate(network, labels, data.validation, validation, kept)
        train.write(
            output,
            network=network,
            labels=labels,
            settings=settings,
            temperature=result.temperature,
            tables_path=inputs.tables,
            metrics={"validation": result.figures} if result.figures else {},
            phase=train.phase("finetune", learned, history, started),
            trained=learned.data,
            validated=validation.data if validation else None,
            logs=None if log_dir else logs,
            before=metadata,
        )
    return result.figures


def load_network(bundle_path: str, settings: config.Config, num_classes: int) -> keras.Model:
    """A bundle's network with its weights.

    Raises:
      UserError: where the weights do not fit the network of this version.
    """
    network = networks.build(settings.network, num_classes)
    with storage.local_copy(storage.join(bundle_path, bundle.WEIGHTS)) as weights:
        try:
            network.load_weights(weights)
        except ValueError:
            raise UserError(
                f"{bundle_path}: its weights do not fit the network '{settings.network.name}' of this version; "
                "expected a bundle whose network has not changed since. Train anew (python -m model train)."
            ) from None
    return network


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
