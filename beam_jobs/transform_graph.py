"""The transform graph as a folder: where it is, what it was made for, how it is run. Needs neither Beam nor TFT."""

import json
from collections.abc import Callable

import numpy as np

from beam_jobs import saved_model, storage, tables, windows
from beam_jobs.errors import UserError

# The folder in a job's output, in TFT's layout (the SavedModel below it has the same name), and of a bundle.
FOLDER = "transform_fn"
# The file beside the SavedModel that says what the graph was made for; a bundle's bundle.json says it, too.
FINGERPRINT_FILE = "fingerprint.json"


# Of a fingerprint, what no flag lets differ: the graph would compute something else.
_NEVER_OTHER = ("coordinates", "frame_rate_hz")


def find(folder: str, fingerprint: dict, allow_other_pose_model: bool = False) -> str:
    """The SavedModel in `folder`, which may be a features job's output, its transform_fn folder, or a bundle.

    Args:
      folder: local or gs://.
      fingerprint: of the landmarks that it is for.
      allow_other_pose_model: whether they may be of another pose model than those that it was fitted to.

    Raises:
      UserError: if there is none, or it was fitted to landmarks that were made in another way.
    """
    for parts in ((FOLDER, FOLDER), (FOLDER,), ()):
        saved_model = storage.join(folder, *parts)
        if not storage.exists(storage.join(saved_model, "saved_model.pb")):
            continue
        beside = saved_model.rstrip("/").rpartition("/")[0] or "."
        for name in (FINGERPRINT_FILE, "bundle.json"):
            description = storage.join(beside, name)
            if storage.exists(description):
                _check_made_for(
                    description, json.loads(storage.read_text(description)), fingerprint, allow_other_pose_model
                )
                return saved_model
    raise UserError(
        f"{folder} holds no transform graph (saved_model.pb with {FINGERPRINT_FILE} or bundle.json beside its folder); "
        "expected the output of python -m beam_jobs features, its transform_fn folder, or a bundle."
    )


def graph_requirements(fingerprint: dict) -> dict:
    """What must be equal for a transform graph to fit."""
    return {
        "schema_version": tables.SCHEMA_VERSION,
        "history_length": windows.HISTORY_LENGTH,
        "fingerprint": fingerprint,
    }


def _check_made_for(file: str, found: dict, fingerprint: dict, allow_other_pose_model: bool) -> None:
    for key, expected in graph_requirements(fingerprint).items():
        known = found.get(key)
        if allow_other_pose_model and key == "fingerprint" and isinstance(known, dict):
            known, expected = ({name: one.get(name) for name in _NEVER_OTHER} for one in (known, expected))
        if key == "fingerprint" and isinstance(known, dict):
            known, expected = (
                {name: value for name, value in one.items() if name not in tables.NOT_COMPARED}
                for one in (known, expected)
            )
        if known != expected:
            raise UserError(
                f"the transform graph of {file} was fitted to landmarks with {key} {json.dumps(known)}; these have "
                f"{json.dumps(expected)}. Extract the videos with the same flags and pose model, or leave "
                "--transform_fn out to fit a new graph. If only the pose model differs, --allow_other_pose_model "
                "accepts it."
            )


def load(folder: str) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """Loads a transform graph as the live module does: without TFT.

    Args:
      folder: the SavedModel, local or gs://.

    Returns:
      From a batch as of `shards.FeatureInputs.graph_inputs` to arrays by the tables' names.
    """
    with storage.local_folder_copy(folder) as local:
        loaded = saved_model.load(local)

    import tensorflow as tf

    def transform(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = loaded.transform_fn({name: tf.constant(value) for name, value in inputs.items()})
        return {name: output.numpy() for name, output in outputs.items()}

    return transform
