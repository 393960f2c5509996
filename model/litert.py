"""An exported bundle: one small LiteRT file from landmarks to probabilities. Needs NumPy and ai-edge-litert alone."""

import os
from typing import Any

import numpy as np

from beam_jobs import landmarks as names
from beam_jobs.errors import UserError

# The file's tensors.
LANDMARKS, TIMESTAMPS, PROBABILITIES, FEATURES = "landmarks", "timestamps_ms", "probabilities", "features"


def import_interpreter() -> Any:
    """Imports LiteRT's Interpreter: not above, since what only reads a bundle.json does not wait for it."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter


class ExportedModel:
    """What `python -m model export` wrote, ready to run on one thread.

    Attributes:
      num_rows: rows that it is fed: a window's, and the history of its first one.
      num_classes: how many probabilities it gives.
    """

    def __init__(self, path: str) -> None:
        """Loads the file and warms it up.

        Args:
          path: local.

        Raises:
          UserError: if it is not such a file.
        """
        try:
            interpreter = import_interpreter()(model_path=os.fspath(path), num_threads=1)
            self._run = interpreter.get_signature_runner()
            rows = self._run.get_input_details()[LANDMARKS]["shape"]
            self.num_rows = int(rows[1])
            self.num_classes = int(self._run.get_output_details()[PROBABILITIES]["shape"][1])
        except (OSError, ValueError, RuntimeError, LookupError) as error:
            raise UserError(
                f"{path} cannot be run by LiteRT ({error}); expected a file of `python -m model export`. Export the "
                "bundle again."
            ) from None
        self.run(np.full((self.num_rows, names.NUM_LANDMARKS, 3), np.nan), np.full(self.num_rows, -1))

    def run(self, landmarks: np.ndarray, timestamps_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The answer for one window.

        Args:
          landmarks: of its rows and the history of the first one, oldest first, shape (41, 33, 3); NaN where no person
            was detected.
          timestamps_ms: of the same rows, shape (41,); below 0 before the clip's start. All as
            `windows.end_to_end_inputs`.

        Returns:
          The probability of each class, float32, shape (C,), and the window's standardised features, float32, shape
          (34, 189), zeros in rows without a person.
        """
        outputs = self._run(
            **{
                LANDMARKS: np.asarray(landmarks, np.float32)[None],
                TIMESTAMPS: _relative(np.asarray(timestamps_ms, np.int64))[None],
            }
        )
        return outputs[PROBABILITIES][0], outputs[FEATURES][0]


def _relative(timestamps_ms: np.ndarray) -> np.ndarray:
    """The same steps from 0 on, as int32: a camera may run for more milliseconds than that holds."""
    known = timestamps_ms >= 0
    first = timestamps_ms[known][0] if known.any() else 0
    return np.where(known, timestamps_ms - first, -1).astype(np.int32)
