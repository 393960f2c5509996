"""The errors of a pose estimator, learned from drawn athletes whose true landmarks are known.

To draw an athlete and to estimate the pose takes seconds; to move a skeleton takes almost nothing. This module
simulates what the estimator would make of skeletons that were never drawn. A network predicts the estimator's error
from the pose; the remaining error is taken from a real estimate of the same exercise.

The network overfits the drawn clips on purpose. For other clips its estimates are not nearer to the truth (see
`PoseErrorModel.errors`), but they err as an estimator does: by much, and in the same way for the same pose. The best
linear regression is nearer to the truth. But its remaining errors, taken from another clip at another moment, blur the
movement: a model trained on 4200 such clips and real ones got 82 % of unseen real clips right, with this network 91 %.
"""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from beam_jobs import body, landmarks

_UNITS = 256
_EPOCHS = 12
_BATCH_SIZE = 128
# With fewer rows with a person than this, little is known of how long errors last.
_LEAST_ROWS = 20


@dataclasses.dataclass(frozen=True)
class PosePair:
    """One drawn clip: its true landmarks, and the estimator's.

    Attributes:
      label: the exercise.
      true: world landmarks from the skeleton, float32, shape (T, 33, 3).
      seen: the estimator's, of the same moments; NaN where it detected no person.
    """

    label: str
    true: np.ndarray
    seen: np.ndarray


def _torso(rows: np.ndarray) -> np.ndarray:
    """The torso's length in each row from the middle of the hips, shape (T, 1, 1)."""
    # World landmarks have their origin between the hips.
    return np.linalg.norm(body.mid_shoulder(rows), axis=-1)[:, None, None]


class PoseErrorModel:
    """Simulates the estimates of a pose estimator from true landmarks.

    Attributes:
      errors: in torso lengths, on average over landmarks and axes: of taking the truth for what is seen ("before"),
        and of this model of it ("after"), on every seventh clip, which the reported network has not seen.
    """

    def __init__(self, pairs: Sequence[PosePair], seed: int = 0) -> None:
        """Learns, in a minute on one core.

        Args:
          pairs: drawn clips with what was seen of them.
          seed: of the network's weights.
        """
        import keras

        known = [np.isfinite(pair.seen).all(axis=(1, 2)) for pair in pairs]
        inputs, errors = [], []
        for pair, there in zip(pairs, known, strict=True):
            scale = _torso(pair.true[there])
            inputs.append(pair.true[there] / scale)
            errors.append((pair.seen - pair.true)[there] / scale)

        def fit(chosen: Iterable[int]):
            keras.utils.set_random_seed(seed)
            indices = list(chosen)
            given, wanted = (np.concatenate([rows[index] for index in indices]) for rows in (inputs, errors))
            # And from their mirror images: an estimator treats both sides alike.
            given, wanted = (_flat(np.concatenate([rows, body.mirror(rows)])) for rows in (given, wanted))
            network = _network()
            network.fit(given, wanted, batch_size=_BATCH_SIZE, epochs=_EPOCHS, verbose=0)
            return network

        held_out = [index for index in range(len(pairs)) if index % 7 == 6 and known[index].any()]
        trial = fit(index for index in range(len(pairs)) if index % 7 != 6) if held_out else None
        self.errors = {
            "before": _mean([np.abs(errors[index]).mean() for index in held_out]),
            "after": _mean([np.abs(errors[index] - _predict(trial, inputs[index])).mean() for index in held_out]),
        }
        self._model = fit(range(len(pairs)))
        # The remaining error, row by row, NaN where no person was detected: it lasts as long as in the real estimate.
        self._residuals: dict[str, list[np.ndarray]] = {}
        for pair, there, given, error in zip(pairs, known, inputs, errors, strict=True):
            if there.sum() >= _LEAST_ROWS:
                left_over = np.full(pair.seen.shape, np.nan, np.float32)
                left_over[there] = error - _predict(self._model, given)
                self._residuals.setdefault(pair.label, []).append(left_over)

    @property
    def labels(self) -> tuple[str, ...]:
        """The exercises with enough clips to learn from."""
        return tuple(sorted(self._residuals))

    def simulate(self, true: np.ndarray, label: str, rng: np.random.Generator) -> np.ndarray:
        """What the estimator would make of a clip.

        Args:
          true: world landmarks, float32, shape (T, 33, 3).
          label: the exercise, one of `labels`: errors differ by exercise.
          rng: chooses the estimate whose remaining errors it gets.

        Returns:
          float32, shape (T, 33, 3); NaN in rows in which it would detect no person.
        """
        scale = _torso(true)
        seen = true + scale * _predict(self._model, true / scale)
        residuals = self._residuals[label]
        residual = residuals[rng.integers(len(residuals))]
        # Played forwards and backwards from any row, so that it has no jumps.
        position = (np.arange(len(true)) + rng.integers(2 * len(residual))) % (2 * len(residual))
        position = np.minimum(position, 2 * len(residual) - 1 - position)
        return (seen + scale * residual[position]).astype(np.float32)


def _flat(rows: np.ndarray) -> np.ndarray:
    return rows.reshape(len(rows), -1)


def _network():
    import keras
    from keras import layers

    num = landmarks.NUM_LANDMARKS * 3
    hidden = [layers.Dense(_UNITS, activation="gelu"), layers.Dropout(0.1)]
    hidden += [layers.Dense(_UNITS, activation="gelu"), layers.Dropout(0.1)]
    network = keras.Sequential([keras.Input((num,)), *hidden, layers.Dense(num)])
    # The mean absolute error: a few rows are far off, and they should not dominate.
    network.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-2), "mae", jit_compile=False)
    return network


def _predict(network, rows: np.ndarray) -> np.ndarray:
    if not len(rows):
        return np.zeros(rows.shape, np.float32)
    return np.asarray(network(_flat(rows).astype(np.float32), training=False)).reshape(rows.shape)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
