"""A window in which nothing moves can only show a hold."""

import numpy as np
import pytest

from beam_jobs import landmarks, tables, windows
from model import holds

LABELS = ("none", "plank", "squat")


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


def feature_windows(amplitude: float, num_rows: int = 34, landmark: int = landmarks.LEFT_WRIST) -> np.ndarray:
    """A body at rest, of which one landmark swings sideways by so many units in all; shape (1, 34, 189)."""
    window = np.zeros((1, 34, tables.NUM_FEATURES), np.float32)
    window[0, 34 - num_rows :] = np.random.default_rng(0).normal(size=tables.NUM_FEATURES)
    window[0, 34 - num_rows :, 3 * landmark] += amplitude / 2 * np.sin(np.arange(num_rows))
    return window


def movement(tf, *windows: np.ndarray, scale: float = 0.5) -> np.ndarray:
    fed = tf.constant(np.concatenate(windows))
    return holds.movement_torso_lengths(fed, np.full(24, scale, np.float32)).numpy()


def test_movement_is_the_range_of_the_limb_that_moves_most(tf):
    found = movement(tf, feature_windows(2.0), feature_windows(0.1), feature_windows(0.0))
    # Without the outermost rows a sine's range is a little smaller.
    assert found == pytest.approx([1.0, 0.05, 0.0], rel=0.1, abs=1e-6)


def test_depth_and_the_face_do_not_count_as_movement(tf):
    shaking = feature_windows(0.0)
    shaking[0, :, 3 * landmarks.LEFT_WRIST + 2] += np.random.default_rng(1).normal(size=34)
    assert movement(tf, shaking, feature_windows(5.0, landmark=0)) == pytest.approx([0, 0], abs=1e-6)


def test_one_wild_row_is_no_movement(tf):
    window = feature_windows(0.0)
    window[0, 20, 3 * landmarks.LEFT_ANKLE] += 9
    assert movement(tf, window) == pytest.approx([0], abs=1e-6)


def test_rows_without_a_person_are_left_out(tf):
    short = feature_windows(0.0, num_rows=20)
    assert movement(tf, short) == pytest.approx([0], abs=1e-6)
    assert np.isinf(movement(tf, feature_windows(0.0, num_rows=10)))


def test_a_still_window_keeps_holds_and_gives_the_rest_to_none(tf):
    probabilities = tf.constant([[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]])
    movement = tf.constant([0.01, 0.5])
    found = holds.without_still_exercises(probabilities, movement, LABELS, ["plank"]).numpy()
    assert found == pytest.approx(np.array([[0.8, 0.2, 0.0], [0.1, 0.2, 0.7]]))


def test_without_the_class_none_a_still_window_is_not_sure(tf):
    found = holds.without_still_exercises(tf.constant([[0.9, 0.1]]), tf.constant([0.0]), ("squat", "lunge"), []).numpy()
    assert found == pytest.approx(np.array([[0.5, 0.5]]))


def test_the_default_bundle_says_nothing_of_a_body_that_stands_like_a_squat(tf):
    """The scale comes from the bundle's own transform graph: a pose that does not move at all, whatever it is."""
    from live.defaults import DEFAULT_BUNDLE
    from model import bundle

    loaded = bundle.load(DEFAULT_BUNDLE)
    assert loaded.holds == ("plank",)
    rng = np.random.default_rng(0)
    windows = np.repeat(rng.normal(size=(16, 1, tables.NUM_FEATURES)).astype(np.float32), 34, axis=1)
    answers = loaded.probabilities(windows)
    exercises = [index for index, label in enumerate(loaded.labels) if label not in ("none", "plank")]
    assert (answers[:, exercises] == 0).all() and answers.sum(axis=1) == pytest.approx(np.ones(16))
    assert (loaded.feature_scale > 0.01).all() and (loaded.feature_scale < 2).all()


def test_the_default_bundles_end_to_end_graph_has_the_same_rule(tf):
    from live.defaults import DEFAULT_BUNDLE
    from model import bundle

    metadata = bundle.read_metadata(DEFAULT_BUNDLE)
    rule = bundle.WindowRule(**metadata["window"])
    pose = np.random.default_rng(0).normal(size=(1, landmarks.NUM_LANDMARKS, 3)).astype(np.float32)
    rows, times = windows.end_to_end_inputs(np.repeat(pose, 60, axis=0), np.arange(60) * 67, 59, rule)
    graph = tf.saved_model.load(f"{DEFAULT_BUNDLE}/end_to_end")
    answer = dict(
        zip(metadata["labels"], graph.serve(tf.constant(rows[None]), tf.constant(times[None])).numpy()[0], strict=True)
    )
    assert sum(answer.values()) == pytest.approx(1)
    assert answer["none"] + answer["plank"] == pytest.approx(1)
