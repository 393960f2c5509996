"""Baselines without a neural network: does recognition need a network, and the movement in a window?

Every baseline is fitted to the windows that a network is trained on and gives probabilities as a network does, so that
the same metrics compare them. scikit-learn is imported where it is used.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from beam_jobs import tables

# Every class has at least this probability, so that a baseline that rules out the truth has an NLL of 6.9,
# not infinity.
MIN_PROBABILITY = 1e-3
_NUM_STATISTICS = 5
# Windows whose copies are in memory at a time.
_CHUNK = 256
# Standard deviations past which a statistic says no more: one glitch's acceleration would outweigh all else.
_MAX_DEVIATION = 5.0


class Baseline(Protocol):
    """A classifier of windows; the same seed and windows give the same probabilities.

    scikit-learn's HistGradientBoostingClassifier is not used: 60 rounds over 13 classes and 945 statistics took
    over two minutes for 4,000 windows on one busy core.
    """

    def fit(self, windows: np.ndarray, truth: np.ndarray, weights: np.ndarray, num_classes: int) -> None:
        """Learns.

        Args:
          windows: standardised features, float32, shape (N, T, 189); a row that is missing is all zeros.
          truth: indices of classes, shape (N,), of at least two classes.
          weights: how much each window counts, shape (N,), none below 0; only their ratios matter. 1 / windows of its
            clip makes clips count alike.
          num_classes: C; a class without a window gets MIN_PROBABILITY.

        Raises:
          ValueError: if these do not go together.
        """

    def probabilities(self, windows: np.ndarray) -> np.ndarray:
        """Of each class, float32, shape (N, C); rows sum to 1, and nothing is below MIN_PROBABILITY (C below 1000).

        Raises:
          ValueError: if nothing was fitted.
        """


def statistics(windows: np.ndarray) -> np.ndarray:
    """Plain statistics of each window, over the rows that are there.

    Args:
      windows: float32, shape (N, T, F); a row that is missing is all zeros.

    Returns:
      float32, shape (N, 5 F): the mean, standard deviation, minimum and maximum of each feature, and its mean absolute
      difference between successive rows that are both there. Zeros for a window without a row; the difference is 0
      without two successive ones.
    """
    chunks = [_statistics(windows[start : start + _CHUNK]) for start in range(0, len(windows), _CHUNK)]
    return np.concatenate(chunks) if chunks else np.zeros((0, _NUM_STATISTICS * windows.shape[2]), np.float32)


def _statistics(windows: np.ndarray) -> np.ndarray:
    there = _there(windows)[..., None]
    num_rows = np.maximum(there.sum(axis=1), 1)
    mean = windows.sum(axis=1) / num_rows  # rows that are missing add nothing
    deviation = np.sqrt((np.where(there, windows - mean[:, None], 0) ** 2).sum(axis=1) / num_rows)
    lowest = np.where(there, windows, np.inf).min(axis=1)
    highest = np.where(there, windows, -np.inf).max(axis=1)
    both = there[:, 1:] & there[:, :-1]
    change = np.where(both, np.abs(np.diff(windows, axis=1)), 0).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    values = np.concatenate([mean, deviation, lowest, highest, change], axis=1)
    return np.where(there.any(axis=1), values, 0).astype(np.float32)


class WindowStatisticsBaseline:
    """An estimator of scikit-learn's on `statistics`.

    Attributes:
      build: the estimator for a number of windows.
      weighted: the names under which its `fit` takes weights.
    """

    def __init__(self, build: Callable[[int], Any], weighted: tuple[str, ...] = ("sample_weight",)) -> None:
        self.build = build
        self.weighted = weighted
        self._estimator: Any = None

    def fit(self, windows: np.ndarray, truth: np.ndarray, weights: np.ndarray, num_classes: int) -> None:
        """As `Baseline.fit`."""
        weights = _checked(windows, truth, weights, num_classes)
        self._estimator = self.build(len(windows))
        self._estimator.fit(statistics(windows), truth, **dict.fromkeys(self.weighted, weights))
        self._num_classes = num_classes

    def probabilities(self, windows: np.ndarray) -> np.ndarray:
        """As `Baseline.probabilities`."""
        _check_fitted(self._estimator)
        known = self._estimator.predict_proba(statistics(windows))
        probabilities = np.zeros((len(windows), self._num_classes))
        probabilities[:, self._estimator.classes_] = known
        return _with_floor(probabilities)


def logistic_regression(seed: int) -> Baseline:
    """A linear classifier on `statistics`, standardised and cut off at five standard deviations.

    Its L2 penalty is 0.005 times the squared weights beside the mean loss, however many windows there are: overlapping
    windows are nearly the same, so that more of them are no reason to trust them more. The seed changes nothing.
    """
    del seed

    def build(num_windows: int) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import FunctionTransformer, StandardScaler

        return make_pipeline(
            FunctionTransformer(_as_float64),
            StandardScaler(),
            FunctionTransformer(_cut_off),
            LogisticRegression(C=100 / num_windows, max_iter=500),
        )

    return WindowStatisticsBaseline(build, ("standardscaler__sample_weight", "logisticregression__sample_weight"))


def extra_trees(seed: int) -> Baseline:
    """300 extremely randomised trees on `statistics`, with five windows or more in a leaf.

    Source: Geurts, Ernst and Wehenkel, Extremely Randomized Trees, 2006.
    """

    def build(num_windows: int) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier

        # One job: several add up their trees in the order in which they finish, and figures would differ by rounding.
        return ExtraTreesClassifier(300, min_samples_leaf=5, random_state=seed)

    return WindowStatisticsBaseline(build)


class NearestPosesBaseline:
    """Votes of the training poses that are nearest to each of a window's rows, in the way of MediaPipe's guide.

    For each row that is there, the training poses with the smallest maximal distance in any coordinate are found (so
    that one bent joint rules a pose out); of these, those with the smallest mean distance vote; the votes are averaged
    over the window's rows. It sees no movement.

    As in the guide: the numbers that are kept (30, then 10), z weighing a fifth of x and y, a vote for each pose alike.
    Other than there: a pose is the place of its twelve main landmarks and eight distances, as standardised features
    (there: 23 vectors between landmarks, in units of the body); it has the exercise as its label, not one of its
    phases; votes are averaged alike over a window (there: exponentially over 10 frames); and the mirrored pose is not
    tried, which standardised features do not give.

    Args:
      seed: chooses the training poses.
      max_poses: drawn from the training rows; a window is drawn by its weight, a row of it at random, copies dropped.
      num_by_max_distance: kept by the maximal distance.
      num_by_mean_distance: of them, kept by the mean distance.

    Source: MediaPipe's guide "Pose Classification" (k-NN, with its Colab's PoseClassifier), the same as ML Kit's
      "Pose classification options".
    """

    def __init__(
        self, seed: int, max_poses: int = 6000, num_by_max_distance: int = 30, num_by_mean_distance: int = 10
    ) -> None:
        self.seed = seed
        self.max_poses = max_poses
        self.num_by_max_distance = num_by_max_distance
        self.num_by_mean_distance = num_by_mean_distance
        self._search: Any = None

    def fit(self, windows: np.ndarray, truth: np.ndarray, weights: np.ndarray, num_classes: int) -> None:
        """As `Baseline.fit`."""
        from sklearn.neighbors import NearestNeighbors

        weights = _checked(windows, truth, weights, num_classes)
        there = _there(windows)
        weights = np.where(there.any(axis=1), weights, 0)
        rng = np.random.default_rng(self.seed)
        window = rng.choice(len(windows), self.max_poses, p=weights / weights.sum())
        row = np.where(there[window], rng.random((self.max_poses, windows.shape[1])), -1).argmax(axis=1)
        poses, first, _ = _unique(embedding(windows[window, row]))
        self._votes = np.eye(num_classes)[truth[window[first]]]
        self._poses = poses
        self._search = NearestNeighbors(
            n_neighbors=min(self.num_by_max_distance, len(poses)), metric="chebyshev", algorithm="brute"
        ).fit(poses)

    def probabilities(self, windows: np.ndarray) -> np.ndarray:
        """As `Baseline.probabilities`; a window without a row has all classes alike."""
        _check_fitted(self._search)
        there = _there(windows)
        probabilities = np.full((len(windows), self._votes.shape[1]), 1 / self._votes.shape[1])
        if there.any():
            # Windows overlap: most of their rows are in several, and are looked up once.
            poses, _, of_row = _unique(embedding(windows[there]))
            sums = np.zeros_like(probabilities)
            np.add.at(sums, np.nonzero(there)[0], self._vote(poses)[of_row])
            num_rows = there.sum(axis=1)
            probabilities[num_rows > 0] = sums[num_rows > 0] / num_rows[num_rows > 0, None]
        return _with_floor(probabilities)

    def _vote(self, poses: np.ndarray) -> np.ndarray:
        """The share of each class in the votes for each pose, shape (P, C)."""
        near = self._search.kneighbors(poses, return_distance=False)
        votes = np.empty((len(poses), self._votes.shape[1]))
        for start in range(0, len(poses), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            mean = np.abs(self._poses[near[chunk]] - poses[chunk, None]).mean(axis=2)
            nearest = np.argsort(mean, axis=1, kind="stable")[:, : self.num_by_mean_distance]
            votes[chunk] = self._votes[np.take_along_axis(near[chunk], nearest, axis=1)].mean(axis=1)
        return votes


_POSE_LANDMARKS = tuple(
    f"{side}_{name}" for name in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")
)
_POSE_COLUMNS = {
    **{f"{name}_{axis}": weight for name in _POSE_LANDMARKS for axis, weight in (("x", 1.0), ("y", 1.0), ("z", 0.2))},
    **dict.fromkeys(tables.DISTANCES.column_names, 1.0),
}
_POSE_INDICES = [tables.FEATURE_NAMES.index(name) for name in _POSE_COLUMNS]
_POSE_WEIGHTS = np.array(list(_POSE_COLUMNS.values()), np.float32)


def embedding(rows: np.ndarray) -> np.ndarray:
    """A row's pose: weighted places of twelve landmarks, then eight distances; (..., 189) to float32 (..., 44)."""
    return np.asarray(rows[..., _POSE_INDICES] * _POSE_WEIGHTS, np.float32)


BASELINES: dict[str, Callable[[int], Baseline]] = {
    "logistic_regression": logistic_regression,
    "extra_trees": extra_trees,
    "nearest_poses": NearestPosesBaseline,
}


def _there(windows: np.ndarray) -> np.ndarray:
    """Which rows are not missing: bool, shape (N, T) of (N, T, F)."""
    return np.asarray((windows != 0).any(axis=2))


def _as_float64(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float64)


def _cut_off(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -_MAX_DEVIATION, _MAX_DEVIATION)


def _with_floor(probabilities: np.ndarray) -> np.ndarray:
    """Mixed with a little of everything, so that none is below MIN_PROBABILITY and their sum stays 1."""
    num_classes = probabilities.shape[1]
    return (MIN_PROBABILITY + (1 - num_classes * MIN_PROBABILITY) * probabilities).astype(np.float32)


def _unique(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Poses (P, K) without copies; the index of the first of each; and for each pose, where it is now.

    Compared as bytes, which is many times quicker than number by number.
    """
    contiguous = np.ascontiguousarray(poses)
    as_bytes = contiguous.view(np.dtype((np.void, contiguous.dtype.itemsize * contiguous.shape[1]))).ravel()
    _, first, inverse = np.unique(as_bytes, return_index=True, return_inverse=True)
    return contiguous[first], first, inverse


def _checked(windows: np.ndarray, truth: np.ndarray, weights: np.ndarray, num_classes: int) -> np.ndarray:
    """The weights with a mean of 1.

    Raises:
      ValueError: as `Baseline.fit`.
    """
    weights = np.asarray(weights, np.float64)
    if windows.ndim != 3 or windows.shape[2] != tables.NUM_FEATURES:
        raise ValueError(f"windows have shape {windows.shape}; expected (N, T, {tables.NUM_FEATURES}).")
    if not truth.shape == weights.shape == windows.shape[:1]:
        raise ValueError(
            f"truth and weights have shapes {truth.shape} and {weights.shape}; expected one for each of "
            f"{len(windows)} windows."
        )
    classes = np.unique(truth)
    if len(classes) < 2 or classes[0] < 0 or classes[-1] >= num_classes:
        raise ValueError(
            f"truth holds {classes.tolist()}; expected at least two of the classes 0 to {num_classes - 1}."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0):
        raise ValueError("weights hold a value below 0 or not finite, or sum to 0; expected a sum above 0.")
    return weights / weights.mean()


def _check_fitted(fitted: object) -> None:
    if fitted is None:
        raise ValueError("nothing was fitted; call fit first.")
