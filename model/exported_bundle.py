"""A bundle as live runs it: bundle.json and one LiteRT file. Needs neither TensorFlow nor Keras."""

import dataclasses
import subprocess
import sys
import tempfile
from typing import Any

import numpy as np

from beam_jobs import storage
from beam_jobs.errors import UserError
from beam_jobs.windows import WindowRule, rows_fed
from model import bundle, litert
from model import holds as hold_rule


@dataclasses.dataclass(frozen=True)
class ExportedBundle:
    """What recognises exercises.

    Attributes:
      labels: the classes, in the order of the probabilities.
      holds: those of them without movement, such as a plank.
      rule: which rows make a window.
      frame_rate_hz: of the sampling grid.
      fingerprint: of the extractor that made the landmarks; `coordinates` says which landmarks the graph is fed.
      metadata: all of bundle.json.
    """

    labels: tuple[str, ...]
    holds: tuple[str, ...]
    rule: WindowRule
    frame_rate_hz: float
    fingerprint: dict[str, Any]
    metadata: dict[str, Any] = dataclasses.field(repr=False)
    _model: litert.ExportedModel = dataclasses.field(repr=False)

    def answer(self, landmarks: np.ndarray, timestamps_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The probabilities and the features of one window; as `litert.ExportedModel.run`."""
        return self._model.run(landmarks, timestamps_ms)


def load(path: str) -> ExportedBundle:
    """Loads the LiteRT file of a bundle, or of the output of `python -m model export`, and warms it up.

    A bundle of an earlier version has none: it is exported first, in a process of its own, which needs TensorFlow.

    Args:
      path: a folder, local or gs://.

    Raises:
      UserError: where there is none, it is of another schema, it is damaged, or it cannot be exported here.
    """
    metadata = bundle.read_metadata(path)
    file = storage.join(path, bundle.EXPORTED)
    if storage.exists(file):
        with storage.local_copy(file) as local:
            model = litert.ExportedModel(local)
    else:
        model = _exported_now(path)
    if storage.is_remote(path) and bundle.read_metadata(path) != metadata:
        raise UserError(f"{path} was replaced while it was read. Run the same command again.")
    rule = WindowRule(**metadata["window"])
    if model.num_rows != rows_fed(rule):
        raise UserError(
            f"{file} is fed {model.num_rows} rows, and bundle.json's window of {rule.length} asks for "
            f"{rows_fed(rule)}; expected files of one bundle. Export the bundle again (python -m model export)."
        )
    if model.num_classes != len(metadata["labels"]):
        raise UserError(
            f"{file} gives {model.num_classes} probabilities, and bundle.json names {len(metadata['labels'])} labels; "
            "expected files of one bundle. Export the bundle again (python -m model export)."
        )
    return ExportedBundle(
        labels=tuple(metadata["labels"]),
        # Bundles of earlier versions do not say which of their labels are holds.
        holds=tuple(metadata.get("holds", hold_rule.holds_of(metadata["labels"]))),
        rule=rule,
        frame_rate_hz=metadata["frame_rate_hz"],
        fingerprint=metadata["fingerprint"],
        metadata=metadata,
        _model=model,
    )


def _exported_now(path: str) -> litert.ExportedModel:
    print(
        f"{path} has no {bundle.EXPORTED}: it is exported now, which takes half a minute. To do so once for all: "
        f"python -m model export --bundle {path} --output EXPORTED, and then --bundle EXPORTED.",
        file=sys.stderr,
    )
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "model", "export", "--bundle", path, "--output", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise UserError(
                f"{path} has no {bundle.EXPORTED}, and cannot be exported here ({said[0]}); expected a bundle that was "
                "trained or exported by this version. Export it where the extra `train` is installed: python -m model "
                "export."
            )
        return litert.ExportedModel(storage.join(folder, bundle.EXPORTED))
